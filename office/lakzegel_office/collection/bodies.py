# SPDX-License-Identifier: EUPL-1.2
"""A unit opened: its bytes from the segments that hold it, and those looked into once more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from lakzegel_office.collection.database import Connection
from lakzegel_office.collection.model import Body, Place, Unit, UnitKind
from lakzegel_office.collection.parsers import mail, mailheads, mailparts
from lakzegel_office.collection.rowlists import ordered
from lakzegel_office.errors import DoubtError, UsageError
from lakzegel_office.names import ItemId

_ITEM: Final = "SELECT b.device, b.epoch, b.number, s.item, s.size, f.reader, f.path, s.head"
_OF: Final = " FROM segment s JOIN batch b ON b.seq = s.batch JOIN file f ON f.id = s.file"

Fetch = Callable[[ItemId], bytes]


@dataclass(frozen=True, slots=True)
class Opened:
    """What opens items, and gives a unit its name anew."""

    fetch: Fetch


@dataclass(frozen=True, slots=True)
class _Stretch:
    """One stretch of one segment, and what is known of its file."""

    segment: int
    part: int
    place: Place
    reader: str
    path: bytes
    head: int | None


def places(db: Connection, unit: int) -> Iterator[Place]:
    """Yield where a unit lies, the newest reading last."""
    for stretch in _stretches(db, unit):
        yield stretch.place


def raw(db: Connection, opened: Opened, unit: int) -> bytes:
    """Return a unit's bytes, of its newest reading."""
    return _bytes(opened, _newest(db, unit))


def body(db: Connection, opened: Opened, unit: Unit, row: int) -> Body:
    """Return a unit as it can be shown."""
    if unit.kind is UnitKind.MAIL:
        return _mail(unit, _inner(db, opened, row))
    return Body(unit)


def attachment(db: Connection, opened: Opened, unit: Unit, row: int, number: int) -> bytes:
    """Return one attachment's decoded bytes."""
    if unit.kind is UnitKind.MAIL:
        data = mailparts.attachment_of(_inner(db, opened, row), number)
        if data is not None:
            return data
    raise UsageError(f"{unit.id}: no attachment {number}, or its file was not captured")


def _mail(unit: Unit, data: bytes) -> Body:
    header, _ = mailheads.split_mail(data)
    fields = mailheads.fields_of(header)
    content = mailparts.content_of(data)
    return Body(
        unit,
        headers=tuple(fields),
        parties=tuple(mailheads.parties_of(fields)),
        text=content.text,
        html=content.html,
        attachments=tuple(content.attachments),
    )


def _inner(db: Connection, opened: Opened, row: int) -> bytes:
    newest = _newest(db, row)
    return mail.inner(newest[0].reader, _bytes(opened, newest))


def _newest(db: Connection, unit: int) -> list[_Stretch]:
    """Return the stretches of the newest reading, in their order."""
    found = list(_stretches(db, unit))
    begin = max((n for n, stretch in enumerate(found) if stretch.part == 0), default=0)
    return found[begin:]


def _bytes(opened: Opened, stretches: list[_Stretch]) -> bytes:
    pieces = []
    for stretch in stretches:
        place = stretch.place
        data = opened.fetch(place.item)
        if len(data) < place.start + place.length:
            raise DoubtError(f"{place.item}: shorter than the index has it; delete the index")
        pieces.append(data[place.start : place.start + place.length])
    return b"".join(pieces)


def _stretches(db: Connection, unit: int) -> Iterator[_Stretch]:
    rows = db.execute(
        "SELECT segment, start, length, part FROM place WHERE unit = ? ORDER BY segment", (unit,)
    ).fetchall()
    for segment, start, length, part in rows:
        yield _stretch(db, segment, start, length, part)
    versions = db.execute(
        "SELECT capture FROM version WHERE unit = ? ORDER BY capture", (unit,)
    ).fetchall()
    seen: set[tuple[int, ...]] = set()
    for (capture,) in versions:
        segments = tuple(ordered(db, capture))
        if segments not in seen:
            seen.add(segments)
            for part, segment in enumerate(segments):
                yield _stretch(db, segment, 0, -1, part)


def _stretch(db: Connection, segment: int, start: int, length: int, part: int) -> _Stretch:
    row = db.execute(f"{_ITEM}{_OF} WHERE s.id = ?", (segment,)).fetchone()
    place = Place(ItemId(*row[:4]), start, row[4] if length < 0 else length)
    return _Stretch(segment, part, place, row[5], row[6], row[7])
