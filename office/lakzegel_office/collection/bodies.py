# SPDX-License-Identifier: EUPL-1.2
"""A unit opened: its bytes from the segments that hold it, and those looked into once more."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, field, replace
from mimetypes import guess_type
from typing import Final

from lakzegel_office.collection.database import Connection
from lakzegel_office.collection.ids import clean
from lakzegel_office.collection.leaving import Part, size_of
from lakzegel_office.collection.media import linked
from lakzegel_office.collection.model import Attachment, Body, Party, Place, Unit, UnitKind
from lakzegel_office.collection.parsers import mail, mailheads, mailparts
from lakzegel_office.collection.parsers.mailheads import microseconds
from lakzegel_office.collection.parsers.zips import member_of
from lakzegel_office.collection.parsing import inside_of, parse
from lakzegel_office.collection.pieces import Raw
from lakzegel_office.collection.rowlists import MISSING, ordered
from lakzegel_office.collection.rows import members_of
from lakzegel_office.collection.units import SNIPPET, line_of
from lakzegel_office.collection.unpacking import Unpacker
from lakzegel_office.errors import DoubtError, GoneError, UsageError
from lakzegel_office.names import ItemId

MAX_TEXT: Final = 1 << 20  # bytes of what is shown as it is
MAX_UNPACKED: Final = 1 << 30  # bytes of a member of an archive
_ITEM: Final = "SELECT b.device, b.epoch, b.number, s.item, s.size, f.reader, f.path, s.gone"
_OF: Final = " FROM segment s JOIN batch b ON b.seq = s.batch JOIN file f ON f.id = s.file"

Fetch = Callable[[ItemId], bytes]


@dataclass(frozen=True, slots=True)
class Opened:
    """What opens items."""

    fetch: Fetch
    close: Callable[[], None]
    gone: Callable[[ItemId], GoneError]
    members: Unpacker = field(init=False)

    def __post_init__(self) -> None:
        """Put what unpacks members beside it."""
        object.__setattr__(self, "members", Unpacker(self.fetch))


@dataclass(frozen=True, slots=True)
class _Stretch:
    """One stretch of one segment, and what is known of its file."""

    segment: int
    part: int
    place: Place
    reader: str
    path: bytes
    gone: bool
    lacks: bool = False  # of a version of which something else cannot be opened


def places(db: Connection, unit: int) -> Iterator[Place]:
    """Yield where a unit lies, the newest reading last."""
    for stretch in _stretches(db, unit):
        yield stretch.place


def raw(db: Connection, opened: Opened, unit: int) -> bytes:
    """Return a unit's bytes, of its newest reading."""
    return _bytes(opened, _newest(db, unit))


def reading(db: Connection, unit: int) -> Iterator[Part]:
    """Yield the stretches that `raw` returns, one after the other."""
    for stretch in _newest(db, unit):
        size = size_of(db, stretch.segment)
        yield Part(stretch.place, size, stretch.reader, stretch.path)


def body(db: Connection, opened: Opened, unit: Unit, row: int) -> Body:
    """Return a unit as it can be shown."""
    if unit.kind is UnitKind.MAIL:
        return _mail(unit, _inner(db, opened, row))
    if unit.kind is UnitKind.FILE:
        return Body(unit, attachments=(_itself(unit),))
    return _message(db, opened, unit, row)


def attachment(db: Connection, opened: Opened, unit: Unit, row: int, number: int) -> bytes:
    """Return one attachment's decoded bytes; a file's own bytes are its number 0."""
    if unit.kind is UnitKind.MAIL:
        found = mail_attachments(db, opened, row, (number,))
        if number in found:
            return found[number]
    elif unit.kind is UnitKind.FILE and number == 0:
        return _unpacked(db, opened, row)
    elif unit.kind in {UnitKind.MESSAGE, UnitKind.SYSTEM}:
        shown = _message(db, opened, unit, row).attachments
        if number < len(shown) and (file := shown[number].unit) is not None:
            found = db.execute("SELECT id FROM unit WHERE name = ?", (file,)).fetchone()
            return _unpacked(db, opened, found[0])
    raise UsageError(f"{unit.id}: no attachment {number}, or its file was not captured")


def mail_attachments(
    db: Connection, opened: Opened, row: int, numbers: Container[int]
) -> dict[int, bytes]:
    """Return decoded bytes of a mail's attachments, of those that there are; it is read once."""
    return mailparts.attachments_of(_inner(db, opened, row), numbers)


def _mail(unit: Unit, data: bytes) -> Body:
    header, _ = mailheads.split_mail(data)
    fields = mailheads.fields_of(header)
    content = mailparts.content_of(data)
    return Body(
        unit,
        headers=tuple((name, clean(value)) for name, value in fields),
        parties=tuple(_party(party) for party in mailheads.parties_of(fields)),
        text=clean(content.text),
        html=clean(content.html),
        attachments=tuple(_named(part) for part in content.attachments),
    )


def _message(db: Connection, opened: Opened, unit: Unit, row: int) -> Body:
    newest = _newest(db, row)
    data = _bytes(opened, newest)
    conversation = db.execute("SELECT conversation FROM unit WHERE id = ?", (row,)).fetchone()
    members = members_of(db, conversation[0])
    first = newest[0]
    path = first.path
    if first.place.member:
        path = inside_of(path, opened.members.of(first.place.member).name)
    found = _same(unit, parse(first.reader, path, data).units)
    if found is None:
        return Body(unit, parties=members, text=data[:MAX_TEXT].decode("utf-8", "replace"))
    folder = first.path.decode("utf-8", "backslashreplace")
    if not folder.lower().endswith(".zip"):
        folder = folder.rpartition("/")[0]
    return Body(
        unit,
        parties=members,
        text=clean(found.text),
        html=clean(found.html),
        attachments=tuple(
            _named(part) for part in linked(db, row, folder, found.media, found.attachments)
        ),
        fields={name: clean(value) for name, value in found.fields.items()},
    )


def _party(party: Party) -> Party:
    return Party(clean(party.address), clean(party.name), party.role)


def _named(part: Attachment) -> Attachment:
    return replace(part, name=clean(part.name), media_type=clean(part.media_type))


def _same(unit: Unit, units: tuple[Raw, ...]) -> Raw | None:
    """Return the raw unit that became this one; where two are equal, either."""
    at = None if unit.at is None else microseconds(unit.at)
    for found in units:
        snippet = line_of(found.text[: 4 * SNIPPET])[:SNIPPET]
        if (found.kind, found.at, snippet) == (unit.kind, at, unit.snippet):
            return found
    return None


def _itself(unit: Unit) -> Attachment:
    name = unit.subject.rpartition("/")[2]
    return Attachment(0, name, guess_type(name)[0] or "", unit.size, unit.id)


def _unpacked(db: Connection, opened: Opened, row: int) -> bytes:
    """Return a file's bytes; of a member of an archive those that were packed."""
    newest = _newest(db, row)
    data = _bytes(opened, newest)
    first = newest[0] if newest else None
    if first and not first.place.member and first.path.lower().endswith(b".zip") and not first.part:
        member = member_of(data, MAX_UNPACKED)
        whole = db.execute("SELECT 1 FROM version WHERE unit = ?", (row,)).fetchone()
        if member is not None and member.data is not None and whole is None:
            return member.data
    return data


def _inner(db: Connection, opened: Opened, row: int) -> bytes:
    newest = _newest(db, row)
    return mail.inner(newest[0].reader, _bytes(opened, newest)) if newest else b""


def _newest(db: Connection, unit: int) -> list[_Stretch]:
    """Return the stretches of the newest reading that is whole, in their order."""
    readings: list[list[_Stretch]] = []
    for stretch in _stretches(db, unit):
        if stretch.part == 0 or not readings:
            readings.append([])
        readings[-1].append(stretch)
    whole = [some for some in readings if not any(stretch.gone for stretch in some)]
    return (whole or readings or [[]])[-1]


def _bytes(opened: Opened, stretches: list[_Stretch]) -> bytes:
    pieces = []
    for stretch in stretches:
        place = stretch.place
        if stretch.gone:
            raise opened.gone(place.item)
        if stretch.lacks:
            raise DoubtError(f"{place.item}: a part beside it cannot be opened; run verify --open")
        data = opened.members.of(place.member).data if place.member else opened.fetch(place.item)
        if len(data) < place.start + place.length:
            raise DoubtError(f"{place.item}: shorter than the index has it; delete the index")
        pieces.append(data[place.start : place.start + place.length])
    return b"".join(pieces)


def _stretches(db: Connection, unit: int) -> Iterator[_Stretch]:
    rows = db.execute(
        "SELECT segment, start, length, part, gone, packed FROM place WHERE unit = ?"
        " ORDER BY segment, start",
        (unit,),
    ).fetchall()
    for segment, start, length, part, gone, packed in rows:
        found = _stretch(db, segment, start, length, part)
        place = replace(found.place, member=_member(db, segment)) if packed else found.place
        yield replace(found, place=place, gone=found.gone or bool(gone))
    versions = db.execute(
        "SELECT capture FROM version WHERE unit = ? ORDER BY capture", (unit,)
    ).fetchall()
    seen: set[tuple[int, ...]] = set()
    for (capture,) in versions:
        segments = tuple(ordered(db, capture))
        if segments not in seen:
            seen.add(segments)
            lacks = MISSING in segments
            for part, segment in enumerate(row for row in segments if row != MISSING):
                yield replace(_stretch(db, segment, 0, -1, part), lacks=lacks)


def _member(db: Connection, segment: int) -> tuple[ItemId, ...]:
    """Return the segments of the member that begins in one, as far as they are left."""
    rows = db.execute(
        "SELECT b.device, b.epoch, b.number, s.item FROM segment s JOIN batch b ON b.seq = s.batch"
        " WHERE s.id = ?1 OR (s.part_of = ?1 AND s.gone = 0) ORDER BY s.id",
        (segment,),
    ).fetchall()
    return tuple(ItemId(*row) for row in rows)


def _stretch(db: Connection, segment: int, start: int, length: int, part: int) -> _Stretch:
    row = db.execute(f"{_ITEM}{_OF} WHERE s.id = ?", (segment,)).fetchone()
    place = Place(ItemId(*row[:4]), start, row[4] if length < 0 else length)
    return _Stretch(segment, part, place, row[5], row[6], bool(row[7]))
