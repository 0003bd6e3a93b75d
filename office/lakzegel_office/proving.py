# SPDX-License-Identifier: EUPL-1.2
"""Gathering from the mirror what proves one item: docs/spec/proof.md."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from lakzegel_core import limits, tiles
from lakzegel_core.checkpoint import SignedCheckpoint
from lakzegel_core.enrolment import Enrolment, peek_enrolment
from lakzegel_core.entries import kind_of
from lakzegel_core.item import Item
from lakzegel_core.itemproof import Anchor, ItemProof, LoggedNote
from lakzegel_core.merkle import leaf_hash, levels_of, path_in
from lakzegel_core.note import parse
from lakzegel_core.revocation import Revocation
from lakzegel_office.batchfile import OpenBatch
from lakzegel_office.checkpoints import Checkpoints
from lakzegel_office.headers import HeaderRecord
from lakzegel_office.mirror import Mirror, read_limited
from lakzegel_office.replay import Replay
from lakzegel_office.stamps import Stamps


@dataclass(slots=True)
class _Notes:
    """The entries that a header stands on, by their place in the log."""

    kept: dict[int, bytes] = field(default_factory=dict)
    admissions: dict[bytes, tuple[int, bytes]] = field(default_factory=dict)
    enrolments: list[int] = field(default_factory=list)


class Prover:
    """Makes proofs from one replayed mirror."""

    def __init__(
        self, mirror: Mirror, replay: Replay, checkpoints: Checkpoints, stamps: Stamps | None
    ) -> None:
        """Keep the evidence; without `stamps` no authority is called as a witness."""
        self._stamps = stamps
        self._mirror = mirror
        self._replay = replay
        self._checkpoints = checkpoints
        self._tree = tiles.HashReader(replay.size, mirror.read_log)
        self._standing_on: tuple[int, tuple[LoggedNote, ...]] | None = None  # of the last header
        self._contents: tuple[int, list[list[bytes]]] | None = None  # of the last header's batch

    def prove(
        self, record: HeaderRecord, batch: OpenBatch, index: int, item: Item, *, context: bool
    ) -> ItemProof:
        """Return the proof of an opened item; with `context` false only the hash of that."""
        entries = batch.entries
        stamps, roots = (
            self._stamps.of(record.index, self._tree.consistency) if self._stamps else ((), ())
        )
        seen = record.header.seen.size
        return ItemProof(
            item=index,
            core=item.core_bytes,
            context=item.context_bytes if context else None,
            context_hash=leaf_hash(item.context_bytes),
            entry=entries[index].to_bytes(),
            contents=tuple(path_in(index, self._levels(record, batch))),
            notes=self._notes(record),
            seen=tuple(self._tree.consistency(seen)),
            checkpoint=read_limited(self._mirror.checkpoint, limits.MAX_CHECKPOINT),
            after=self._anchor(self._checkpoints.newest_up_to(seen)),
            before=self._anchor(self._checkpoints.oldest_above(record.index)),
            stamps=stamps,
            roots=roots,
        )

    def _anchor(self, signed: SignedCheckpoint | None) -> Anchor | None:
        """Return a kept checkpoint of an earlier log, joined to the newest."""
        if signed is None or not 0 < signed.checkpoint.size < self._replay.size:
            return None
        return Anchor(signed.data, tuple(self._tree.consistency(signed.checkpoint.size)))

    def _levels(self, record: HeaderRecord, batch: OpenBatch) -> list[list[bytes]]:
        """Return the tree over a batch's manifest; for all of its items it is made once."""
        if self._contents is None or self._contents[0] != record.index:
            leaves = [leaf_hash(entry.to_bytes()) for entry in batch.entries]
            self._contents = (record.index, levels_of(leaves))
        return self._contents[1]

    def _notes(self, record: HeaderRecord) -> tuple[LoggedNote, ...]:
        """Return what a header stands on; of a batch's items it is read once."""
        if self._standing_on is None or self._standing_on[0] != record.index:
            self._standing_on = (record.index, tuple(self._logged(record)))
        return self._standing_on[1]

    def _logged(self, record: HeaderRecord) -> Iterator[LoggedNote]:
        for index, data in sorted(self._standing(record).items()):
            yield LoggedNote(index, data, tuple(self._tree.inclusion(index)))

    def _standing(self, record: HeaderRecord) -> dict[int, bytes]:
        """Return delegations, admissions, enrolments, revocations and the header itself."""
        notes, entries = _Notes(), self._replay.entries
        for index in self._replay.custody.kept.indices():  # no batch is among them
            _keep(notes, index, entries.at(index), record)
        notes.kept[record.index] = entries.at(record.index)
        return notes.kept


def _keep(notes: _Notes, index: int, data: bytes, record: HeaderRecord) -> None:
    """Keep an accepted entry where the header stands on it."""
    kind = kind_of(data)
    device, epoch = record.header.device, record.header.epoch
    if kind == "delegation" and index < record.index:
        notes.kept[index] = data
    elif kind == "admission":
        notes.admissions[hashlib.sha256(data).digest()] = (index, data)
    elif kind == "enrolment":
        found = peek_enrolment(data)
        if found.device == device and found.epoch <= epoch:
            _keep_enrolment(notes, index, data, found)
    elif kind == "revocation" and Revocation.from_text(parse(data).text).device == device:
        notes.kept[index] = data


def _keep_enrolment(notes: _Notes, index: int, data: bytes, found: Enrolment) -> None:
    """Keep it; one that a token let in stands on no epoch before it."""
    if not found.reason.by_old_key:
        for before in notes.enrolments:
            del notes.kept[before]
        notes.enrolments.clear()
    notes.kept[index] = data
    notes.enrolments.append(index)
    _keep_admission(notes, found)


def _keep_admission(notes: _Notes, found: Enrolment) -> None:
    if found.admission in notes.admissions:
        place, admitted = notes.admissions[found.admission]
        notes.kept[place] = admitted
