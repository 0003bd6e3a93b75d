# SPDX-License-Identifier: EUPL-1.2
"""What an approval makes and signs, before anything is destroyed: docs/spec/disposal.md §5.

`disposals/N-M/` comes into place whole: extracts, annex, certificate, and for each batch the new
keyring and the entry with the approver's signature. M counts the approvals of list N.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from lakzegel_core import age, limits
from lakzegel_core.age import Recipient
from lakzegel_core.encoding import b64, canonical_json, format_time
from lakzegel_core.keyring import DESTROYED, seal_keyring
from lakzegel_core.keyringchange import KeyringChange, sign_keyring_change
from lakzegel_core.keys import SigningKey, VerifierKey
from lakzegel_office import durable
from lakzegel_office.catalog import Catalog
from lakzegel_office.collection.model import Unit
from lakzegel_office.commands.common import Office
from lakzegel_office.commands.evidence import identities
from lakzegel_office.config import RECIPIENTS
from lakzegel_office.destroying.deed import Deed, Extracted
from lakzegel_office.destroying.lists import DestructionList
from lakzegel_office.destroying.planning import Plan
from lakzegel_office.extracted import DEED, extract_name, extracts_in_force
from lakzegel_office.extracts import encode_extract, extract_of, narrowed, open_extract
from lakzegel_office.home import Home
from lakzegel_office.keys.approving import two_persons
from lakzegel_office.keys.periodkeys import opened_by, period_keys
from lakzegel_office.keys.periods import recipients_digest
from lakzegel_office.mirror import Mirror, read_limited
from lakzegel_office.names import ItemId
from lakzegel_office.replay import BatchPlace, HeaderRecord, Replay, keyring_of, place_of

ANNEX: Final = "bijlage.age"
_ANNEX_KIND: Final = "lakzegel.nl/disposal-annex/v1"
_BLIND: Final = 16


@dataclass(frozen=True, slots=True)
class Approval:
    """Who approves what, when, with which key, besides which other one."""

    found: DestructionList
    plan: Plan
    units: Sequence[Unit]
    classes: Mapping[str, str]  # of each unit, in review
    approver: str
    key: SigningKey
    other: str  # name of the approval key that is to sign when it is carried out
    now: datetime


def folder_of(home: Home, number: int, turn: int) -> Path:
    """Return where the files of one approval of a list lie."""
    return home.disposals / f"{number}-{turn}"


class Stager:
    """Makes what an approval signs."""

    def __init__(
        self, office: Office, replay: Replay, catalog: Catalog, random: Callable[[int], bytes]
    ) -> None:
        """Keep where from, and what gives random bytes."""
        self._office = office
        self._replay = replay
        self._catalog = catalog
        self._random = random
        self._recipients = tuple(office.config.recipients[name] for name in RECIPIENTS)
        self._before = extracts_in_force(office.home, replay)

    def stage(self, approval: Approval) -> dict[str, Any]:
        """Make the folder; return what the journal says of the approval."""
        turn = approval.found.round + 1
        target = folder_of(self._office.home, approval.found.number, turn)
        part = target.with_name(target.name + durable.TEMPORARY)
        for leftover in (part, target):  # of an approval that was never written down
            shutil.rmtree(leftover, ignore_errors=True)
        part.mkdir(parents=True, mode=0o700)
        extracts = [self._extract(part, approval, item) for item in sorted(approval.plan.extracts)]
        annex = self._seal(part / ANNEX, self._annex(approval.units))
        deed = self._deed(approval, extracts, annex).to_xml()
        digest = bytes.fromhex(_write(part / DEED, deed))
        periods: set[str] = set()
        for place, items in approval.plan.by_batch().items():
            periods |= self._change(part, approval, place, items, digest)
        part.replace(target)
        durable.sync_folders([target])
        went = [str(item) for item in approval.plan.items]
        row = {"by": approval.approver, "deed": b64(digest), "items": went, "round": turn}
        return {**row, "periods": sorted(periods)}

    def _deed(self, approval: Approval, extracts: Sequence[Extracted], annex: str) -> Deed:
        return Deed(
            origin=self._office.config.origin,
            org=self._office.config.org,
            found=approval.found,
            approver=approval.approver,
            keys=(approval.other, approval.key.verifier.name),
            proposal=approval.plan.digest(),
            drawn=approval.now,
            units=approval.units,
            classes=approval.classes,
            batches=approval.plan.by_batch(),
            extracts=extracts,
            annex=annex,
            two_persons=two_persons(
                self._office.config,
                VerifierKey.from_text(approval.found.key),
                approval.key.verifier,
            ),
        )

    def _extract(self, part: Path, approval: Approval, item: ItemId) -> Extracted:
        ranges, proposal = approval.plan.extracts[item], approval.plan.digest()
        before = self._before.get(item)
        if before is None:
            made = extract_of(item, self._catalog.item(item), ranges, proposal)
        else:
            opened = open_extract(before.read_bytes(), identities(self._office))
            made = narrowed(opened, ranges, proposal)
        plain = encode_extract(made, self._random)
        return Extracted(str(item), self._seal(part / extract_name(item), plain))

    def _seal(self, path: Path, plain: bytes) -> str:
        """Leave a file for the recipients; return the SHA-256 of what is in it, in hexadecimal."""
        sealed = age.encrypt(plain, self._recipients, random=self._random)
        durable.write_file(path, sealed)
        return hashlib.sha256(plain).hexdigest()

    def _annex(self, units: Sequence[Unit]) -> bytes:
        """Return who the units are from, and when exactly: no subject, no word of them."""
        rows: list[Any] = [
            {
                "address": unit.sender.address if unit.sender else "",
                "at": format_time(unit.at.replace(microsecond=0)) if unit.at else "",
                "name": unit.sender.name if unit.sender else "",
                "unit": unit.id,
            }
            for unit in units
        ]
        row = {"blind": b64(self._random(_BLIND)), "kind": _ANNEX_KIND, "units": rows}
        return canonical_json(row)

    def _change(
        self,
        part: Path,
        approval: Approval,
        place: BatchPlace,
        items: Sequence[int],
        certificate: bytes,
    ) -> set[str]:
        """Stage one keyring and its entry; return the periods whose keys open one with the keys."""
        record = next(r for r in self._replay.accepted if place_of(r) == place)
        with self._catalog.open(record) as batch:
            ring = batch.keyring
        slots = tuple(DESTROYED if n in items else slot for n, slot in enumerate(ring.slots))
        recipients = recipients_of(self._office, self._replay, record)
        sealed = seal_keyring(replace(ring, slots=slots), recipients, random=self._random)
        known = self._replay.custody.keyrings.get(place)
        change = KeyringChange(
            origin=self._office.config.origin,
            device=ring.device,
            epoch=ring.epoch,
            batch=ring.batch,
            old=keyring_of(self._replay, record),
            new=hashlib.sha256(sealed).digest(),
            generation=(known[0] if known else 0) + 1,
            reason="dispose",
            recipients=recipients_digest(recipients),
            destroyed=tuple(items),
            certificate=certificate,
            at=approval.now,
        )
        _write(part / f"{record.batch_id}.keyring", sealed)
        _write(part / f"{record.batch_id}.note", sign_keyring_change(change, [approval.key]))
        return self._periods(record)

    def _periods(self, record: HeaderRecord) -> set[str]:
        """Return the periods that some keyring of a batch was sealed for, from the first one on."""
        periods, path = self._office.config.periods, Mirror(self._office.home.mirror)
        data = read_limited(path.keyring(record.batch_id), limits.MAX_KEYRING)
        opener = opened_by(data, period_keys(self._office.vault, periods))
        entry = self._replay.custody.policies.get(record.header.policy)
        found = {p.name for p in periods.of(entry.policy.recipients)} if entry else set()
        sealed = (c.change.recipients for c in self._replay.changes if _is_of(c.change, record))
        found |= {p.name for p in map(periods.of_digest, sealed) if p is not None}
        return found | ({opener.period.name} if opener is not None else set())


def recipients_of(office: Office, replay: Replay, record: HeaderRecord) -> tuple[Recipient, ...]:
    """Return for whom a batch's keyring is: those of its policy, or of its last change."""
    periods = office.config.periods
    last = [c.change for c in replay.changes if _is_of(c.change, record)][-1:]
    period = periods.of_digest(last[0].recipients) if last else None
    if period is not None:
        return period.in_order
    entry = replay.custody.policies.get(record.header.policy)
    return entry.policy.recipients if entry is not None else periods.default.in_order


def _is_of(change: KeyringChange, record: HeaderRecord) -> bool:
    return (change.device, change.epoch, change.batch) == place_of(record)


def _write(path: Path, data: bytes) -> str:
    """Leave a file durably; return its SHA-256 in hexadecimal."""
    durable.write_file(path, data)
    return hashlib.sha256(data).hexdigest()
