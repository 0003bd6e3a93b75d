# SPDX-License-Identifier: EUPL-1.2
"""Which policy every device is to follow, found in one pass over policies and devices."""

from __future__ import annotations

from lakzegel_core.custody import Custody
from lakzegel_core.custody_state import PolicyEntry


def followed(custody: Custody) -> dict[str, PolicyEntry]:
    """The policy of each device that has one: what ``policy_for`` says of it.

    For whoever asks of all: ten thousand devices and twenty policies are thirty thousand looks
    here, and two hundred thousand comparisons one by one.
    """
    newest: dict[str, PolicyEntry] = {}  # by a name of the audience
    for entry in custody.policies.values():
        for name in entry.policy.audience:
            newest[name] = _newer(newest.get(name), entry)
    found: dict[str, PolicyEntry] = {}
    for device in custody.devices.values():
        own = newest.get(f"device:{device.name}")
        shared = newest.get(f"group:{device.group}") if device.group else None
        if own is not None or shared is not None:
            found[device.name] = _newer(own, shared)
    return found


def _newer(one: PolicyEntry | None, other: PolicyEntry | None) -> PolicyEntry:
    """The one with the higher serial; of two with the same, the one that was logged first."""
    given = [entry for entry in (one, other) if entry is not None]
    return max(given, key=lambda entry: (entry.policy.serial, -entry.index))
