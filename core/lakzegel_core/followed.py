# SPDX-License-Identifier: EUPL-1.2
"""Which policy every device is to follow, found in one pass over policies and devices."""

from __future__ import annotations

from collections.abc import Mapping

from lakzegel_core.custody import Custody
from lakzegel_core.custody_state import DeviceState, PolicyEntry


def followed(custody: Custody) -> dict[str, PolicyEntry]:
    """The policy of each device that has one: what ``policy_for`` says of it.

    For whoever asks of all: ten thousand devices and twenty policies are thirty thousand looks
    here, and two hundred thousand comparisons one by one.
    """
    newest = newest_of(custody)
    found = {name: policy_of(device, newest) for name, device in custody.devices.items()}
    return {name: entry for name, entry in found.items() if entry is not None}


def newest_of(custody: Custody) -> dict[str, PolicyEntry]:
    """The newest policy of each name that an audience has."""
    newest: dict[str, PolicyEntry] = {}
    for entry in custody.policies.values():
        for name in entry.policy.audience:
            newest[name] = _newer(newest.get(name), entry)
    return newest


def policy_of(device: DeviceState, newest: Mapping[str, PolicyEntry]) -> PolicyEntry | None:
    """The policy of one device."""
    own = newest.get(f"device:{device.name}")
    shared = newest.get(f"group:{device.group}") if device.group else None
    return None if own is None and shared is None else _newer(own, shared)


def _newer(one: PolicyEntry | None, other: PolicyEntry | None) -> PolicyEntry:
    """The one with the higher serial; of two with the same, the one that was logged first."""
    given = [entry for entry in (one, other) if entry is not None]
    return max(given, key=lambda entry: (entry.policy.serial, -entry.index))
