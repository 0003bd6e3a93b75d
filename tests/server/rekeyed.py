# SPDX-License-Identifier: EUPL-1.2
"""A keyring that takes another's place, and the entry that two approvers signed for it."""

import hashlib
import os
from dataclasses import replace
from datetime import UTC, datetime

from lakzegel_core.keyring import open_keyring, seal_keyring
from lakzegel_core.keyringchange import KeyringChange, sign_keyring_change


class Change:
    """A keyring without some keys, and the entry for it; a test may let it lie."""

    def __init__(self, world, upload, *items, before=None, signers=None, **changes):
        office = world.office
        old = before.keyring if before else upload.keyring
        ring = open_keyring(old, [office.recipient])
        slots = tuple(bytes(32) if n in items else slot for n, slot in enumerate(ring.slots))
        to = changes.pop("to", [office.recipient.recipient])
        self.keyring = seal_keyring(replace(ring, slots=slots), to, random=os.urandom)
        said = KeyringChange(
            origin=ring.origin,
            device=ring.device,
            epoch=ring.epoch,
            batch=ring.batch,
            old=hashlib.sha256(old).digest(),
            new=hashlib.sha256(self.keyring).digest(),
            generation=before.generation + 1 if before else 1,
            reason="dispose",
            recipients=bytes(32),
            destroyed=items,
            certificate=bytes(32),
            at=datetime(2026, 12, 1, tzinfo=UTC),
        )
        self.generation = said.generation
        keys = office.approval if signers is None else [office.approval[n] for n in signers]
        self.note = sign_keyring_change(replace(said, **changes), keys)

    @property
    def body(self):
        return len(self.note).to_bytes(2, "big") + self.note + self.keyring
