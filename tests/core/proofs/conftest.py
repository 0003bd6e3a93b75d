# SPDX-License-Identifier: EUPL-1.2
"""A custody with sealed items, and the proof of any of them as an office makes it."""

import hashlib
import os
from datetime import UTC, datetime

import pytest
import zstandard

from lakzegel_core.batch import Seen
from lakzegel_core.checkpoint import Checkpoint, LogKeys, sign_checkpoint
from lakzegel_core.cosignature import add_cosignature, cosign
from lakzegel_core.entries import kind_of
from lakzegel_core.item import Place, seal_item
from lakzegel_core.itemjudge import JudgeKeys, judge_item
from lakzegel_core.itemopen import open_item
from lakzegel_core.itemproof import Anchor, ItemProof, LoggedNote
from lakzegel_core.keys import Algorithm
from lakzegel_core.manifest import contents_root
from lakzegel_core.merkle import inclusion_path, leaf_hash
from lakzegel_core.quorum import Quorum
from lakzegel_core.tiles import HashReader, new_tiles

NOW = int(datetime(2026, 11, 24, 2, tzinfo=UTC).timestamp())
SHOWN = ("delegation", "admission", "enrolment", "revocation", "batch")


class Court:
    """A world whose log can be asked for checkpoints and proofs."""

    def __init__(self, parts):
        self.parts = parts
        self.world = parts.World()
        self.office = self.world.office
        self.signers = (
            parts.make_key(self.office.origin),
            parts.make_key(self.office.origin, Algorithm.MLDSA44_COSIGNATURE),
        )
        self.keys = JudgeKeys(
            LogKeys(*(key.verifier for key in self.signers)),
            tuple(key.verifier for key in self.office.policy),
            2,
            Quorum((self.office.witness.verifier,), 0),
        )

    @property
    def notes(self):
        return self.world.notes

    def tree(self, size=None):
        notes = self.notes[: len(self.notes) if size is None else size]
        update = new_tiles(0, notes, {}.__getitem__)
        return HashReader(update.size, update.files.__getitem__)

    def checkpoint(self, size=None, *, now=None, signers=None):
        tree = self.tree(size)
        moment = NOW + 60 * tree.size if now is None else now
        stated = Checkpoint(self.office.origin, tree.size, tree.root())
        data = sign_checkpoint(stated, *(signers or self.signers), now=moment)
        return add_cosignature(data, cosign(stated, self.office.witness, now=moment))

    def anchor(self, size, **more):
        return Anchor(self.checkpoint(size, **more), tuple(self.tree().consistency(size)))

    def seen(self):
        return Seen(len(self.notes), self.tree().root())

    def seal(self, device, payloads, **changes):
        """A batch of these payloads, in the log; returns its items."""
        items = []
        for index, payload in enumerate(payloads):
            place = Place(self.office.origin, device.name, device.epoch, device.batch, index)
            sealed = seal_item(
                kind="observation",
                source="mail",
                payload=payload,
                context={"seen": "2026-11-24T02:07:45Z"},
                place=place,
                random=os.urandom,
                compress=zstandard.ZstdCompressor().compress,
            )
            opened = open_item(sealed.ciphertext, key=sealed.key, place=place, entry=sealed.entry)
            items.append((sealed.entry, opened))
        contents = contents_root([entry for entry, _ in items])
        stated = {"items": len(items), "contents": contents, "seen": self.seen()} | changes
        header = self.world.send(device, **stated)
        return Sealed(len(self.notes) - 1, header, items)

    def logged(self, index):
        return LoggedNote(index, self.notes[index], tuple(self.tree().inclusion(index)))

    def shown(self, device, header_index):
        """The notes that a proof of this header shows: no other device's, no other batch."""
        for index, data in enumerate(self.notes):
            kind = kind_of(data)
            about = b"\ndevice " in data and b"\ndevice %s\n" % device.name.encode() not in data
            if kind in SHOWN and not about and (kind != "batch" or index == header_index):
                yield self.logged(index)

    def prove(self, device, sealed, item, **changes):
        entries = [entry.to_bytes() for entry, _ in sealed.items]
        opened = sealed.items[item][1]
        seen = sealed.seen_size
        proof = {
            "item": item,
            "core": opened.core_bytes,
            "context": opened.context_bytes,
            "context_hash": leaf_hash(opened.context_bytes),
            "entry": entries[item],
            "contents": tuple(inclusion_path(item, [leaf_hash(e) for e in entries])),
            "notes": tuple(self.shown(device, sealed.index)),
            "seen": tuple(self.tree().consistency(seen)),
            "checkpoint": self.checkpoint(),
        }
        return ItemProof(**(proof | changes))

    def judge(self, proof, payload, **changes):
        keys = changes.pop("keys", self.keys)
        return judge_item(proof, keys, sha256=hashlib.sha256(payload).digest(), size=len(payload))


class Sealed:
    """A batch in the log, with its items opened."""

    def __init__(self, index, header, items):
        self.index, self.header, self.items = index, header, items

    @property
    def seen_size(self):
        (line,) = (row for row in self.header.split(b"\n") if row.startswith(b"seen "))
        return int(line.split(b" ")[1])


@pytest.fixture
def court(parts):
    return Court(parts)
