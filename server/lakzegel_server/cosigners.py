# SPDX-License-Identifier: EUPL-1.2
"""Whose cosignatures a receiver takes: those that the log names."""

from __future__ import annotations

from dataclasses import dataclass

from lakzegel_core.custody import Custody
from lakzegel_core.followed import followed
from lakzegel_core.keys import VerifierKey
from lakzegel_core.quorum import Quorum

Identity = tuple[str, bytes]  # a key's name and id


@dataclass(frozen=True, slots=True)
class Cosigners:
    """Whose lines a receiver takes: those it shows, and those of devices."""

    shown: dict[Identity, VerifierKey]
    devices: dict[Identity, tuple[str, VerifierKey]]


def cosigners(custody: Custody) -> Cosigners:
    """Everybody whom the log names as a cosigner."""
    keys: list[VerifierKey] = []
    if custody.delegation is not None:
        current = custody.delegation.delegation
        keys += [current.witness, current.mirror]
    for entry in custody.policies.values():
        keys += entry.policy.quorum.witnesses
    devices = {
        (d.witness_key.name, d.witness_key.key_id): (d.name, d.witness_key)
        for d in custody.devices.values()
    }
    return Cosigners({(key.name, key.key_id): key for key in keys}, devices)


def quorums(custody: Custody) -> list[Quorum]:
    """Those of the policies in force for a device that demand anybody."""
    policies = {entry.id: entry.policy for entry in followed(custody).values()}
    return [one.quorum for one in policies.values() if one.quorum.threshold]
