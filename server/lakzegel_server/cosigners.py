# SPDX-License-Identifier: EUPL-1.2
"""Whose cosignatures a receiver takes: those that the log names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from lakzegel_core.custody import Custody
from lakzegel_core.followed import followed
from lakzegel_core.keys import VerifierKey
from lakzegel_core.quorum import Quorum

Identity = tuple[str, bytes]  # a key's name and id
_PARTS: Final = 3  # of a device's key behind the log's origin: device, epoch, what it is for


def cosigners(custody: Custody) -> dict[Identity, VerifierKey]:
    """Whom the log names as a cosigner, but for devices: a receiver shows their lines."""
    keys: list[VerifierKey] = []
    if custody.delegation is not None:
        current = custody.delegation.delegation
        keys += [current.witness, current.mirror]
    for entry in custody.policies.values():
        keys += entry.policy.quorum.witnesses
    return {(key.name, key.key_id): key for key in keys}


def device_cosigners(
    custody: Custody, asked: Iterable[Identity]
) -> dict[Identity, tuple[str, VerifierKey]]:
    """Of these keys those of devices, each with its device.

    A device's key is named after it (docs/spec/notes.md), so no other device is looked at.
    """
    found: dict[Identity, tuple[str, VerifierKey]] = {}
    for name, key_id in asked:
        _, *device = name.rsplit("/", _PARTS)
        known = custody.devices.get(device[0]) if len(device) == _PARTS else None
        if known is not None:
            key = known.witness_key
            if (key.name, key.key_id) == (name, key_id):
                found[name, key_id] = known.name, key
    return found


def quorums(custody: Custody) -> list[Quorum]:
    """Those of the policies in force for a device that demand anybody."""
    policies = {entry.id: entry.policy for entry in followed(custody).values()}
    return [one.quorum for one in policies.values() if one.quorum.threshold]
