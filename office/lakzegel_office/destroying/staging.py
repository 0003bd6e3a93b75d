# SPDX-License-Identifier: EUPL-1.2
"""What is made ready for an approval, before anything is destroyed: docs/spec/disposal.md §3.1.

`disposals/N-draft/` comes into place whole: extracts, annex, for each batch the new keyring, and
what the certificate is to say.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypedDict

from lakzegel_core import age, limits
from lakzegel_core.age import Recipient
from lakzegel_core.encoding import b64, canonical_json, format_time
from lakzegel_core.keyring import DESTROYED, seal_keyring
from lakzegel_core.keyringchange import KeyringChange
from lakzegel_office import durable
from lakzegel_office.catalog import Catalog
from lakzegel_office.collection.model import Unit
from lakzegel_office.collection.unpacking import unpack
from lakzegel_office.commands.common import Office
from lakzegel_office.commands.evidence import identities
from lakzegel_office.config import RECIPIENTS
from lakzegel_office.destroying.drafting import NAME, Draft, Line, NewKeyring
from lakzegel_office.destroying.planning import Plan
from lakzegel_office.extracted import extract_name, extracts_in_force
from lakzegel_office.extracts import (
    Packed,
    encode_extract,
    extract_of,
    narrowed,
    of_member,
    read_extract,
    without_names,
)
from lakzegel_office.headers import HeaderRecord, place_of
from lakzegel_office.home import Home
from lakzegel_office.keys.periodkeys import opened_by, period_keys
from lakzegel_office.keys.periods import recipients_digest
from lakzegel_office.mirror import Mirror, read_limited
from lakzegel_office.names import ItemId
from lakzegel_office.replay import Replay, keyring_of

ANNEX: Final = "bijlage.age"
_ANNEX_KIND: Final = "lakzegel.nl/disposal-annex/v1"
_BLIND: Final = 16


class Made(TypedDict):
    """The part of a draft that is about keyrings."""

    keyrings: tuple[NewKeyring, ...]
    periods: tuple[str, ...]


def folder_of(home: Home, number: int, turn: int) -> Path:
    """Return where the files of one approval of a list lie."""
    return home.disposals / f"{number}-{turn}"


def draft_folder(home: Home, number: int) -> Path:
    """Return where lies what was made ready for the next approval of a list."""
    return home.disposals / f"{number}-draft"


class Drafter:
    """Makes what an approval of a list takes, with the office's keys."""

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

    def draft(
        self, number: int, plan: Plan, units: Sequence[Unit], classes: Mapping[str, str]
    ) -> tuple[Draft, str]:
        """Leave a draft in its folder; return it, and the base64 SHA-256 of its bytes."""
        target = draft_folder(self._office.home, number)
        part = target.with_name(target.name + durable.TEMPORARY)
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True, mode=0o700)
        extracts = [(str(item), self._extract(part, plan, item)) for item in sorted(plan.extracts)]
        made = Draft(
            number=number,
            proposal=plan.digest(),
            units=tuple(Line.of(unit, classes[unit.id]) for unit in units),
            extracts=tuple(extracts),
            annex=self._seal(part / ANNEX, self._annex(units)),
            **self._keyrings(part, plan),
        )
        data = made.to_bytes()
        durable.write_file(part / NAME, data)
        shutil.rmtree(target, ignore_errors=True)
        part.replace(target)
        durable.sync_folders([target])
        return made, b64(hashlib.sha256(data).digest())

    def _extract(self, part: Path, plan: Plan, item: ItemId) -> str:
        ranges, proposal = plan.extracts[item], plan.digest()
        before = self._before.get(item)
        if before is None:
            made = extract_of(item, self._catalog.item(item), ranges, proposal)
            member = plan.members.get(item)
            if member is not None:
                whole = unpack(member, lambda i: self._catalog.item(i).payload)
                made = of_member(made, Packed(whole.raw_name, member), whole.data, ranges)
        else:
            opened = read_extract(before, identities(self._office))
            made = narrowed(opened, ranges, proposal)
        made = without_names(made, plan.went[item])
        return self._seal(part / extract_name(item), encode_extract(made, self._random))

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

    def _keyrings(self, part: Path, plan: Plan) -> Made:
        """Stage a new keyring for each batch; return them, and whose keys open one of before."""
        periods: set[str] = set()
        found = []
        for place, items in plan.by_batch().items():
            record = self._catalog.find(ItemId(*place, 0))
            found.append(self._keyring(part, record, items))
            periods |= self._periods(record)
        return {"keyrings": tuple(found), "periods": tuple(sorted(periods))}

    def _keyring(self, part: Path, record: HeaderRecord, items: Sequence[int]) -> NewKeyring:
        with self._catalog.open(record) as batch:
            ring = batch.keyring
        slots = tuple(DESTROYED if n in items else slot for n, slot in enumerate(ring.slots))
        recipients = recipients_of(self._office, self._replay, record)
        sealed = seal_keyring(replace(ring, slots=slots), recipients, random=self._random)
        durable.write_file(part / f"{record.batch_id}.keyring", sealed)
        known = self._replay.custody.keyrings.get(place_of(record))
        return NewKeyring(
            batch_id=record.batch_id,
            place=place_of(record),
            old=keyring_of(self._replay, record),
            new=hashlib.sha256(sealed).digest(),
            generation=(known[0] if known else 0) + 1,
            recipients=recipients_digest(recipients),
            destroyed=tuple(items),
        )

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
