# SPDX-License-Identifier: EUPL-1.2
"""Staged keyring changes: signed by a second person, sent, and looked after. disposal.md §6.

A folder holds `<batch>.note` with the first signature, `<batch>.keyring`, and `<batch>.signed` once
both have signed. Every step is looked up before it is done.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lakzegel_core import limits, note
from lakzegel_core.keyring import DESTROYED, open_keyring
from lakzegel_core.keyringchange import KeyringChange, open_keyring_change
from lakzegel_core.keys import SigningKey, VerifierKey
from lakzegel_office import durable
from lakzegel_office.commands.common import Office
from lakzegel_office.commands.evidence import catalog_from, identities
from lakzegel_office.destroying.approvers import approver_key
from lakzegel_office.destroying.deed import Done
from lakzegel_office.errors import DoubtError, UsageError
from lakzegel_office.extracted import extract_name
from lakzegel_office.headers import HeaderRecord, place_of
from lakzegel_office.mirror import read_limited
from lakzegel_office.names import ItemId
from lakzegel_office.replay import Replay, keyring_of
from lakzegel_office.transport import Receiver


@dataclass(frozen=True, slots=True)
class Staged:
    """One batch whose keyring is to be replaced."""

    record: HeaderRecord
    change: KeyringChange
    first: bytes  # the note with one signature
    keyring: bytes  # empty once it is in every store
    signed: Path


class Changes:
    """Carries out what lies staged in one folder."""

    def __init__(self, office: Office, folder: Path, receiver: Receiver) -> None:
        """Keep the parties."""
        self._office = office
        self._folder = folder
        self._receiver = receiver

    def staged(self, replay: Replay) -> list[Staged]:
        """Return each batch, its note being signed by one approver; those with an extract first.

        What stays of an archive's member that was cut in several is in the extract of the first:
        that is in force before any other of them goes.

        Raises:
            DoubtError: a note is of no batch here, or of nobody who may.
        """
        return sorted(self._staged(replay), key=lambda staged: not self._has_extract(staged))

    def _has_extract(self, staged: Staged) -> bool:
        items = (ItemId(*place_of(staged.record), index) for index in staged.change.destroyed)
        return any((self._folder / extract_name(item)).is_file() for item in items)

    def _staged(self, replay: Replay) -> Iterator[Staged]:
        in_force = replay.custody.require_delegation().approval
        records = {record.batch_id: record for record in replay.accepted}
        for path in sorted(self._folder.glob("*.note")):
            record = records.get(path.stem)
            if record is None:
                raise DoubtError(f"{path}: of no batch in the mirror")
            first = read_limited(path, limits.MAX_NOTE)
            text = note.open_exact(first, [_signer(first, in_force)]).text
            change = KeyringChange.from_text(text)
            ring = path.with_suffix(".keyring")
            keyring = read_limited(ring, limits.MAX_KEYRING) if ring.exists() else b""
            yield Staged(record, change, first, keyring, path.with_suffix(".signed"))

    def send(self, replay: Replay, name: str) -> int:
        """Have every keyring replaced at the receiver; return how many were, by this call.

        Raises:
            DoubtError: a keyring is not the one that was signed for.
            UsageError: the log went on since; `name` must be approved again.
            UnreachableError: the receiver does not answer, or refuses; run this again.
        """
        count = 0
        known = {change.change for change in replay.changes}
        for staged in self.staged(replay):
            if staged.change in known:
                continue
            _require_next(replay, staged, name)
            signed = self._signed(replay, staged)
            self._receiver.replace_keyring(staged.record.batch_id, signed, staged.keyring)
            count += 1
        return count

    def attest(self, replay: Replay) -> list[Done]:
        """Return the log's entries, once every live store holds the keyrings in force alone.

        Raises:
            DoubtError: one does not; run this again.
        """
        return [self._attested(replay, staged) for staged in self.staged(replay)]

    def attest_sent(self, replay: Replay) -> list[Done]:
        """Return the log's entries of what was sent, and take away what was not.

        Raises:
            DoubtError: a live store does not hold the keyring in force; run this again.
        """
        known = {row.change for row in replay.changes}
        staged = list(self.staged(replay))
        done = [self._attested(replay, one) for one in staged if one.change in known]
        ends = (".note", ".keyring", ".signed")
        unsent = [one.signed for one in staged if one.change not in known]
        for path in (signed.with_suffix(end) for signed in unsent for end in ends):
            path.unlink(missing_ok=True)
        durable.sync_folders(unsent)
        return done

    def conclude(self) -> None:
        """Take away the keyrings that were staged; they are where they belong."""
        found = list(self._folder.glob("*.keyring"))
        for path in found:
            path.unlink()
        durable.sync_folders(found)

    def _signed(self, replay: Replay, staged: Staged) -> bytes:
        """Return the entry with both signatures; once made it stays the same."""
        in_force = replay.custody.require_delegation().approval
        if hashlib.sha256(staged.keyring).digest() != staged.change.new:
            raise DoubtError(f"{staged.signed.with_suffix('.keyring')}: not what was approved")
        self._require_slots(replay, staged)
        if not staged.signed.exists():
            key = approver_key(self._office, replay, besides=_signer(staged.first, in_force))
            durable.write_file(staged.signed, add_signature(staged.first, key, in_force))
        signed = read_limited(staged.signed, limits.MAX_NOTE)
        open_keyring_change(signed, in_force)
        return signed

    def _require_slots(self, replay: Replay, staged: Staged) -> None:
        """Return when the new keyring has every key of the old one but those that are to go.

        Raises:
            DoubtError: it has not.
        """
        with catalog_from(self._office, replay).open(staged.record) as batch:
            before = batch.keyring
        gone = staged.change.destroyed
        left = tuple(DESTROYED if n in gone else key for n, key in enumerate(before.slots))
        after = open_keyring(staged.keyring, identities(self._office))
        if after != replace(before, slots=left):
            path = staged.signed.with_suffix(".keyring")
            raise DoubtError(f"{path}: has not the keys that are to stay, and those alone")

    def _attested(self, replay: Replay, staged: Staged) -> Done:
        record, change = staged.record, staged.change
        entry = next((c for c in replay.changes if c.change == change), None)
        if entry is None:
            raise DoubtError(f"batch {record.name}: its keyring change is not in the mirrored log")
        remote = hashlib.sha256(self._receiver.keyring(record.batch_id)).digest()
        if remote != keyring_of(replay, record):
            raise DoubtError(f"batch {record.name}: the receiver still has another keyring")
        with catalog_from(self._office, replay).open(record) as batch:
            if any(batch.keyring.slots[index] != DESTROYED for index in change.destroyed):
                raise DoubtError(f"batch {record.name}: a key is still in the mirror's keyring")
        digest = hashlib.sha256(read_limited(staged.signed, limits.MAX_NOTE)).hexdigest()
        return Done(record.name, change.generation, entry.index, digest, change.at)


def add_signature(data: bytes, key: SigningKey, in_force: Sequence[VerifierKey]) -> bytes:
    """Return a note with one more signature, the lines in the delegation's order."""
    parsed = note.parse(data)
    verifier = key.verifier
    line = note.Signature(verifier.name, verifier.key_id, key.sign(parsed.text))
    order = [(known.name, known.key_id) for known in in_force]
    lines = sorted((*parsed.signatures, line), key=lambda one: order.index((one.name, one.key_id)))
    return note.Note(parsed.text, tuple(lines)).to_bytes()


def _signer(data: bytes, in_force: Sequence[VerifierKey]) -> VerifierKey:
    """Return the approval key that signed a note first.

    Raises:
        DoubtError: none that is in force.
    """
    lines = note.parse(data).signatures
    for key in in_force:
        if [(key.name, key.key_id)] == [(line.name, line.key_id) for line in lines]:
            return key
    raise DoubtError("an approval by a key that is not in force; have it approved again")


def _require_next(replay: Replay, staged: Staged, name: str) -> None:
    known = replay.custody.keyrings.get(place_of(staged.record))
    expected = ((known[0] if known else 0) + 1, keyring_of(replay, staged.record))
    if (staged.change.generation, staged.change.old) != expected:
        text = f"{name}: batch {staged.record.name} was changed since; approve it again"
        raise UsageError(text)
