# SPDX-License-Identifier: EUPL-1.2
"""An approved list carried out: each keyring replaced, in every live store. disposal.md §6.

New one durable (it was staged), entry sealed and old one deleted at the receiver, then here by a
pull, then both asked. Every step is looked up before it is done: after a crash, a full disk or a
refusal the same command goes on where it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from lakzegel_core import limits, note
from lakzegel_core.encoding import b64
from lakzegel_core.keyring import DESTROYED
from lakzegel_core.keyringchange import KeyringChange, open_keyring_change
from lakzegel_core.keys import SigningKey, VerifierKey
from lakzegel_office import durable
from lakzegel_office.commands.common import Office
from lakzegel_office.commands.evidence import catalog_from
from lakzegel_office.destroying.approvers import approver_key
from lakzegel_office.destroying.deed import Done, execution
from lakzegel_office.destroying.lists import WITHDRAWN, DestructionList
from lakzegel_office.destroying.selection import Copy
from lakzegel_office.destroying.staging import folder_of
from lakzegel_office.errors import DoubtError, UsageError
from lakzegel_office.extracted import DEED
from lakzegel_office.mirror import read_limited
from lakzegel_office.replay import HeaderRecord, Replay, keyring_of, place_of
from lakzegel_office.transport import Receiver

EXECUTION: Final = "uitvoering.xml"


@dataclass(frozen=True, slots=True)
class _Staged:
    """One batch of an approved list."""

    record: HeaderRecord
    change: KeyringChange
    approved: bytes
    keyring: bytes
    signed: Path


class Withdrawal:
    """Carries out one approved list."""

    def __init__(self, office: Office, found: DestructionList, receiver: Receiver) -> None:
        """Keep the parties."""
        self._office = office
        self._found = found
        self._receiver = receiver
        self._folder = folder_of(office.home, found.number, found.round)

    def send(self, replay: Replay) -> int:
        """Have every keyring replaced at the receiver; return how many were, by this call.

        Raises:
            DoubtError: what was approved is not what lies here.
            UsageError: the log went on since; it must be approved again.
            UnreachableError: the receiver does not answer, or refuses; run this again.
        """
        self._require_deed()
        count = 0
        for staged in self._staged(replay):
            if keyring_of(replay, staged.record) == staged.change.new:
                continue
            _require_next(replay, staged, self._found.number)
            signed = self._signed(replay, staged)
            self._receiver.replace_keyring(staged.record.batch_id, signed, staged.keyring)
            count += 1
        return count

    def attest(self, replay: Replay) -> list[Done]:
        """Return the log's entries, once every live store holds the new keyrings alone.

        Raises:
            DoubtError: one does not; run this again.
        """
        catalog = catalog_from(self._office, replay)
        return [self._attested(replay, catalog.open, staged) for staged in self._staged(replay)]

    def conclude(self, done: Sequence[Done], copies: Sequence[Copy], now: datetime) -> Path:
        """Write down what was done; take away what was staged; return the folder."""
        said = execution(self._found, WITHDRAWN, now, done, copies)
        durable.write_file(self._folder / EXECUTION, said)
        for path in (*self._folder.glob("*.keyring"), *self._superseded()):
            path.unlink()
        durable.sync_folders([self._folder / EXECUTION])
        return self._folder

    def _superseded(self) -> list[Path]:
        """Return the extracts of earlier approvals in whose place one of this came."""
        names = {path.name for path in self._folder.glob("extract-*.age")}
        found = self._office.home.disposals.glob("*/extract-*.age")
        return [path for path in found if path.name in names and path.parent != self._folder]

    def _require_deed(self) -> None:
        data = read_limited(self._folder / DEED, limits.MAX_BATCH)
        if b64(hashlib.sha256(data).digest()) != self._found.deed:
            raise DoubtError(f"{self._folder / DEED}: not the certificate that was approved")

    def _staged(self, replay: Replay) -> Iterator[_Staged]:
        """Yield each batch, what it says being what was approved."""
        in_force = replay.custody.require_delegation().approval
        records = {record.batch_id: record for record in replay.accepted}
        items: list[str] = []
        for path in sorted(self._folder.glob("*.note")):
            record = records.get(path.stem)
            if record is None:
                raise DoubtError(f"{path}: of no batch in the mirror")
            approved = read_limited(path, limits.MAX_NOTE)
            signer = _signer(approved, in_force)
            change = KeyringChange.from_text(note.open_exact(approved, [signer]).text)
            if b64(change.certificate or b"") != self._found.deed:
                raise DoubtError(f"{path}: names another certificate than was approved")
            ring = path.with_suffix(".keyring")
            keyring = read_limited(ring, limits.MAX_KEYRING) if ring.exists() else b""
            items += [f"{record.name}/{index}" for index in change.destroyed]
            yield _Staged(record, change, approved, keyring, path.with_suffix(".signed"))
        if sorted(items) != sorted(self._found.items):
            raise DoubtError(f"{self._folder}: not the items that were approved")

    def _signed(self, replay: Replay, staged: _Staged) -> bytes:
        """Return the entry with both signatures; once made it stays the same."""
        in_force = replay.custody.require_delegation().approval
        if hashlib.sha256(staged.keyring).digest() != staged.change.new:
            raise DoubtError(f"{staged.signed.with_suffix('.keyring')}: not what was approved")
        if not staged.signed.exists():
            first = _signer(staged.approved, in_force)
            key = approver_key(self._office, replay, besides=first)
            durable.write_file(staged.signed, add_signature(staged.approved, key, in_force))
        signed = read_limited(staged.signed, limits.MAX_NOTE)
        open_keyring_change(signed, in_force)
        return signed

    def _attested(
        self, replay: Replay, opened: Callable[[HeaderRecord], object], staged: _Staged
    ) -> Done:
        record, change = staged.record, staged.change
        entry = next((c for c in replay.changes if c.change == change), None)
        if entry is None:
            raise DoubtError(f"batch {record.name}: its keyring change is not in the mirrored log")
        in_force = keyring_of(replay, record)
        remote = hashlib.sha256(self._receiver.keyring(record.batch_id)).digest()
        if remote != in_force:
            raise DoubtError(f"batch {record.name}: the receiver still has another keyring")
        with opened(record) as batch:  # type: ignore[attr-defined]
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
    raise DoubtError("an approval by a key that is not in force; approve the list again")


def _require_next(replay: Replay, staged: _Staged, number: int) -> None:
    known = replay.custody.keyrings.get(place_of(staged.record))
    generation = (known[0] if known else 0) + 1
    if (staged.change.generation, staged.change.old) != (
        generation,
        keyring_of(replay, staged.record),
    ):
        raise UsageError(
            f"list {number}: batch {staged.record.name} was changed since; approve it again"
        )
