# SPDX-License-Identifier: EUPL-1.2
"""How far a policy and a version have come: of each group, how many of its devices have which.

What a device follows and runs is what it says itself in heartbeats (docs/spec/dashboard.md §4).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from lakzegel_server.fleet.assess import numbers
from lakzegel_server.fleet.counts import RingCount


@dataclass(frozen=True, slots=True)
class Ring:
    """A group: its devices, the newest policy that is for them, and how many follow it.

    ``others``: serials that the rest say they follow, the newest first; None for none.
    ``versions``: of the agent, and how many run it, the newest first; not of who never said.
    """

    group: str
    devices: int
    expected: int  # admitted, and not enrolled yet
    serial: int | None
    following: int
    others: tuple[int | None, ...]
    versions: tuple[tuple[str, int], ...] = ()


def rings(counts: Iterable[RingCount], most: int | None = None) -> tuple[list[Ring], int]:
    """The groups, by name, and how many are left out.

    Of more than ``most`` it is those of which most devices lag behind; nothing else is made of the
    others, for there may be thousands.
    """
    members: defaultdict[str, list[RingCount]] = defaultdict(list)
    for one in counts:
        members[one.group].append(one)
    shown: Iterable[str] = members
    if most is not None and len(members) > most:
        lagging = {group: sum(one.devices for one in _late(members[group])) for group in members}
        shown = sorted(members, key=lambda group: (-lagging[group], group))[:most]
    found = [_ring(group, members[group]) for group in sorted(shown)]
    return found, len(members) - len(found)


def _late(counts: Iterable[RingCount]) -> list[RingCount]:
    """Those that do not follow what is the newest for them."""
    here = (one for one in counts if one.enrolled)
    return [one for one in here if one.policy is None or one.policy != one.wanted]


def _ring(group: str, counts: list[RingCount]) -> Ring:
    here = [one for one in counts if one.enrolled]
    serial = max((one.wanted for one in here if one.wanted is not None), default=None)
    late = _late(here)
    others = {one.policy for one in late}
    devices = sum(one.devices for one in here)
    return Ring(
        group,
        devices,
        sum(one.devices for one in counts) - devices,
        serial,
        devices - sum(one.devices for one in late),
        tuple(sorted(others, key=lambda one: -1 if one is None else one, reverse=True)),
        _versions(here),
    )


def _versions(counts: list[RingCount]) -> tuple[tuple[str, int], ...]:
    """How many run which version, the newest first."""
    found: Counter[str] = Counter()
    for one in counts:
        if one.version is not None:
            found[one.version] += one.devices
    return tuple(
        (one, found[one]) for one in sorted(found, key=lambda v: (numbers(v), v), reverse=True)
    )
