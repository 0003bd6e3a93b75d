# SPDX-License-Identifier: EUPL-1.2
"""How far a policy and a version have come: of each group, how many of its devices have which.

What a device follows and runs is what it says itself in heartbeats (docs/spec/dashboard.md §4).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from lakzegel_core.custody import Custody
from lakzegel_core.followed import followed
from lakzegel_server.fleet.assess import numbers
from lakzegel_server.fleet.model import Condition, DeviceHealth, Fleet

_GONE: Final = frozenset({Condition.REVOKED, Condition.CLOSED})


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


def wanted(custody: Custody) -> dict[str, int]:
    """Of each device the serial of the policy that it is to follow."""
    return {name: entry.policy.serial for name, entry in followed(custody).items()}


def rings(fleet: Fleet, serials: Mapping[str, int]) -> list[Ring]:
    """The groups, by name."""
    members: defaultdict[str, list[DeviceHealth]] = defaultdict(list)
    for device in fleet.devices:
        if device.group is not None and device.condition not in _GONE:
            members[device.group].append(device)
    return [_ring(group, members[group], serials) for group in sorted(members)]


def _ring(group: str, devices: list[DeviceHealth], serials: Mapping[str, int]) -> Ring:
    here = [device for device in devices if device.enrolled is not None]
    serial = max((serials[one.device] for one in here if one.device in serials), default=None)
    late = [one for one in here if one.policy is None or one.policy != serials.get(one.device)]
    others = {one.policy for one in late}
    return Ring(
        group,
        len(here),
        len(devices) - len(here),
        serial,
        len(here) - len(late),
        tuple(sorted(others, key=lambda one: -1 if one is None else one, reverse=True)),
        _versions(here),
    )


def _versions(devices: list[DeviceHealth]) -> tuple[tuple[str, int], ...]:
    """How many run which version, the newest first."""
    counts = Counter(one.version for one in devices if one.version is not None)
    return tuple(
        (one, counts[one]) for one in sorted(counts, key=lambda v: (numbers(v), v), reverse=True)
    )
