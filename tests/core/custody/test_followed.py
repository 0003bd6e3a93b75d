# SPDX-License-Identifier: EUPL-1.2
"""Which policy every device follows is the same whether one asks of one or of all."""

import random
from dataclasses import dataclass
from types import SimpleNamespace

from lakzegel_core.custody import Custody
from lakzegel_core.followed import followed
from lakzegel_core.policy import Policy


@dataclass
class Audience:
    serial: int
    audience: tuple[str, ...]
    applies_to = Policy.applies_to


def test_of_all_is_what_is_said_of_each():
    chance = random.Random(7)
    groups = (None, "a", "b", "c")
    for _ in range(200):
        custody = Custody.start("log.example/x", pinned=None, threshold=None)
        for name in ("een", "twee", "drie"):
            custody.devices[name] = SimpleNamespace(name=name, group=chance.choice(groups))
        for index in range(chance.randint(0, 6)):
            names = ("device:een", "device:twee", "group:a", "group:b", "group:None")
            meant = Audience(chance.randint(1, 4), tuple(chance.sample(names, 2)))
            custody.policies[bytes([index])] = SimpleNamespace(policy=meant, index=index)
        each = {name: custody.policy_for(name) for name in custody.devices}
        assert followed(custody) == {name: one for name, one in each.items() if one is not None}
