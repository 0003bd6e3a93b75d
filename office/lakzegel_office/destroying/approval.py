# SPDX-License-Identifier: EUPL-1.2
"""A draft approved: looked at without a key that opens content, then signed for each batch.

docs/spec/disposal.md §3.1, §5. `disposals/N-M/` comes into place whole; M counts the approvals of
list N.
"""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from lakzegel_core import limits
from lakzegel_core.encoding import b64
from lakzegel_core.keyringchange import KeyringChange, sign_keyring_change
from lakzegel_core.keys import SigningKey, VerifierKey
from lakzegel_office import durable
from lakzegel_office.commands.common import Office
from lakzegel_office.destroying.deed import Deed
from lakzegel_office.destroying.drafting import MAX_DRAFT, NAME, Draft, NewKeyring
from lakzegel_office.destroying.lists import DestructionList
from lakzegel_office.destroying.staging import draft_folder, folder_of
from lakzegel_office.errors import DoubtError, UsageError
from lakzegel_office.extracted import DEED
from lakzegel_office.headers import HeaderRecord, place_of
from lakzegel_office.keys.approving import two_persons
from lakzegel_office.mirror import read_limited
from lakzegel_office.replay import Replay, keyring_of
from lakzegel_office.review.book import Book


@dataclass(frozen=True, slots=True)
class Approval:
    """Who approves a list, when, with which key."""

    found: DestructionList
    approver: str
    key: SigningKey
    now: datetime


class Approvals:
    """Approves drafts in one office; no key that opens content is used."""

    def __init__(self, office: Office, replay: Replay) -> None:
        """Keep the office and the mirrored log."""
        self._office = office
        self._replay = replay
        self._records = {record.batch_id: record for record in replay.accepted}

    def draft(self, found: DestructionList) -> Draft:
        """Return the draft of a list, which fits the list, the mirror and review.

        Raises:
            UsageError: there is none, or something went on since: it is to be drafted again.
            DoubtError: it is not the one that was drafted.
        """
        again = f"an archivist runs: lakzegel-office destroy prepare {found.number}"
        folder = draft_folder(self._office.home, found.number)
        path = folder / NAME
        if not found.draft or not path.exists():
            raise UsageError(f"list {found.number}: there is no draft to approve; {again}")
        data = read_limited(path, MAX_DRAFT)
        if b64(hashlib.sha256(data).digest()) != found.draft:
            raise DoubtError(f"{path}: not the draft that the journal has")
        draft = Draft.from_bytes(data)
        if (draft.number, sorted(unit.id for unit in draft.units)) != (
            found.number,
            sorted(found.units),
        ):
            raise DoubtError(f"{path}: not of the units of list {found.number}")
        for ring in draft.keyrings:
            self._require_next(folder, ring, again)
        self._require_classes(draft, again)
        return draft

    def approve(self, draft: Draft, approval: Approval) -> dict[str, Any]:
        """Draw the certificate and sign every change; return what the journal says of it."""
        home, found = self._office.home, approval.found
        turn = found.round + 1
        target = folder_of(home, found.number, turn)
        part = target.with_name(target.name + durable.TEMPORARY)
        for leftover in (part, target):  # of an approval that was never written down
            shutil.rmtree(leftover, ignore_errors=True)
        part.mkdir(parents=True, mode=0o700)
        deed = self._deed(draft, approval).to_xml()
        digest = hashlib.sha256(deed).digest()
        files: dict[Path, bytes] = {
            part / path.name: path.read_bytes()
            for path in draft_folder(home, found.number).iterdir()
            if path.name != NAME
        }
        files[part / DEED] = deed
        for ring in draft.keyrings:
            change = self._change(ring, digest, approval.now)
            files[part / f"{ring.batch_id}.note"] = sign_keyring_change(change, [approval.key])
        durable.write_files(files)
        part.replace(target)
        durable.sync_folders([target])
        row = {"by": approval.approver, "deed": b64(digest), "items": list(draft.items)}
        return {**row, "periods": list(draft.periods), "round": turn}

    def _require_next(self, folder: Path, ring: NewKeyring, again: str) -> None:
        record = self._records.get(ring.batch_id)
        if record is None or place_of(record) != ring.place:
            raise DoubtError(f"{folder / NAME}: names a batch that is not in the mirror")
        if (ring.old, ring.generation) != self._expected(record):
            raise UsageError(f"batch {record.name}: was changed since it was drafted; {again}")
        path = folder / f"{ring.batch_id}.keyring"
        if hashlib.sha256(read_limited(path, limits.MAX_KEYRING)).digest() != ring.new:
            raise DoubtError(f"{path}: not the keyring that was drafted")

    def _expected(self, record: HeaderRecord) -> tuple[bytes, int]:
        known = self._replay.custody.keyrings.get(place_of(record))
        return keyring_of(self._replay, record), (known[0] if known else 0) + 1

    def _require_classes(self, draft: Draft, again: str) -> None:
        book = Book.open(self._office.home, self._office.journal_key)
        for unit in draft.units:
            found = book.standing(unit.id)
            if found.certificate is None and found.state != unit.klass:
                text = f"{unit.id}: {found.state} in review, and drafted as {unit.klass}"
                raise UsageError(f"{text}; {again}")

    def _deed(self, draft: Draft, approval: Approval) -> Deed:
        first = VerifierKey.from_text(approval.found.key)
        return Deed(
            origin=self._office.config.origin,
            org=self._office.config.org,
            found=approval.found,
            approver=approval.approver,
            keys=(first.name, approval.key.verifier.name),
            drawn=approval.now,
            draft=draft,
            two_persons=two_persons(self._office.config, first, approval.key.verifier),
        )

    def _change(self, ring: NewKeyring, certificate: bytes, now: datetime) -> KeyringChange:
        device, epoch, number = ring.place
        return KeyringChange(
            origin=self._office.config.origin,
            device=device,
            epoch=epoch,
            batch=number,
            old=ring.old,
            new=ring.new,
            generation=ring.generation,
            reason="dispose",
            recipients=ring.recipients,
            destroyed=ring.destroyed,
            certificate=certificate,
            at=now,
        )
