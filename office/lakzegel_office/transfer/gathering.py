# SPDX-License-Identifier: EUPL-1.2
"""From chosen units to records and their files: docs/spec/transfer.md §2.

What was captured leaves as it was captured. Of a segment that holds something that does not leave,
only the stretches of what does; then no proof goes with it, for that would need the rest.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

from lakzegel_office.collection.leaving import Part
from lakzegel_office.collection.model import Attachment, Unit, UnitKind
from lakzegel_office.errors import DoubtError, GoneError, UsageError
from lakzegel_office.names import ItemId
from lakzegel_office.transfer.choosing import Inventory, Scope, Sealed
from lakzegel_office.transfer.mailfiles import MailFile, mail_pieces, stored_as
from lakzegel_office.transfer.model import Content, Dossier, Marks, Record, Role, Seal
from lakzegel_office.transfer.rendering import Renderer
from lakzegel_office.transfer.safenames import MEDIA_TYPES, ending_of

NO_SUBJECT: Final = "(zonder onderwerp)"
NO_TITLE: Final = "(zonder titel)"
_ORDER: Final = {UnitKind.MAIL: 0, UnitKind.MESSAGE: 1, UnitKind.SYSTEM: 1, UnitKind.FILE: 2}


@dataclass(slots=True)
class Stretch:
    """Bytes of one segment, from `start` to `end`."""

    item: ItemId
    start: int
    end: int
    size: int  # of the whole segment
    member: tuple[ItemId, ...] = ()  # of an archive: the bytes are of what these give unpacked

    @property
    def whole(self) -> bool:
        """Whether it is all of the segment."""
        return self.start == 0 and self.end == self.size and not self.member


@dataclass(slots=True)
class Gatherer:
    """Makes the records of one delivery, a dossier at a time."""

    collection: Sealed
    inventory: Inventory
    marks: Marks
    scope: Scope
    renderer: Renderer | None = None
    attachments: bool = False  # those of mails as files of their own
    unread: int = 0  # mails that are too large for either
    _shown: set[str] = field(default_factory=set)  # files that left with a message

    def dossiers(self) -> Iterator[Dossier]:
        """Yield the dossiers: mails, then chats, then the files that no chat took along."""
        units = sorted(
            self.inventory.exported(), key=lambda u: (u.custody, _ORDER[u.kind], u.conversation)
        )
        for (custody, _, name), group in groupby(
            units, key=lambda u: (u.custody, _ORDER[u.kind], u.conversation)
        ):
            here = [unit for unit in group if unit.id not in self._shown]
            if here:
                yield self._dossier(custody, name, here)

    def _dossier(self, custody: str, name: str, units: Sequence[Unit]) -> Dossier:
        units = sorted(units, key=lambda u: (u.at is None, u.at.timestamp() if u.at else 0.0, u.id))
        conversation = self.collection.conversation(name)
        if units[0].kind in {UnitKind.MESSAGE, UnitKind.SYSTEM}:
            records: Iterable[Record | None] = [self._chat(conversation.title, name, units)]
        else:
            records = [self._single(unit) for unit in units]
        title = conversation.title or (units[0].subject if units else "") or NO_TITLE
        kept = tuple(record for record in records if record is not None)
        return Dossier(name, title, units[0].app, custody, kept)

    def _single(self, unit: Unit) -> Record | None:
        """Return the record of one mail or one file."""
        try:
            parts = self.collection.reading(unit.id)
            make = self._mail_contents if unit.kind is UnitKind.MAIL else self._file_contents
            contents = list(make(unit, parts))
            if unit.kind is UnitKind.MAIL:
                contents += self._read(unit)
        except (DoubtError, GoneError, UsageError) as error:
            self.inventory.fail([unit.id], str(error))
            return None
        title = unit.subject or (NO_SUBJECT if unit.kind is UnitKind.MAIL else NO_TITLE)
        return self._record(unit.id, title, [unit], contents, parts)

    def _chat(self, title: str, name: str, units: Sequence[Unit]) -> Record | None:
        """Return the record of what leaves of one chat."""
        read: list[tuple[Unit, tuple[Part, ...]]] = []
        contents: list[Content] = []
        for unit in units:
            try:
                read.append((unit, self.collection.reading(unit.id)))
                contents += self._media(unit)
            except (DoubtError, GoneError, UsageError) as error:
                self.inventory.fail([unit.id], str(error))
                read = [pair for pair in read if pair[0].id != unit.id]
        read = list(self._readable(read))
        if not read:
            return None
        parts = [part for _, some in read for part in some]
        originals = list(self._originals(parts))
        chosen = [unit for unit, _ in read]
        if self.renderer is not None:
            left = self.collection.conversation(name).units - len(chosen)
            contents += self.renderer.chat(title or NO_TITLE, chosen, left)
        return self._record(name, title or NO_TITLE, chosen, [*originals, *contents], parts)

    def _readable(
        self, read: Sequence[tuple[Unit, tuple[Part, ...]]]
    ) -> Iterator[tuple[Unit, tuple[Part, ...]]]:
        """Yield the units whose segments open, so that one that rotted fails those in it alone."""
        bad: dict[ItemId, str] = {}
        for place in {part.place.item: part.place for _, parts in read for part in parts}.values():
            item = place.item
            try:
                if place.member:
                    self.collection.unpacked(place.member)
                else:
                    self.collection.sealed(item)
            except (DoubtError, GoneError, UsageError) as error:
                bad[item] = str(error)
        for unit, parts in read:
            reasons = [bad[part.place.item] for part in parts if part.place.item in bad]
            if reasons:
                self.inventory.fail([unit.id], reasons[0])
            else:
                yield unit, parts

    def _record(
        self,
        name: str,
        title: str,
        units: Sequence[Unit],
        contents: Sequence[Content],
        parts: Sequence[Part],
    ) -> Record:
        times = [unit.at for unit in units if unit.at is not None]
        seen = [unit.first_seen for unit in units if unit.first_seen is not None]
        rows = [self.inventory.rows[unit.id] for unit in units]
        return Record(
            id=name,
            title=title,
            kind=units[0].kind,
            units=tuple(unit.id for unit in units),
            contents=contents,
            first=min(times, default=None),
            last=max(times, default=None),
            at_text=units[0].at_text,
            captured=min(seen, default=None),
            sender=units[0].sender if len(units) == 1 else None,
            labels=tuple(sorted({label for unit in units for label in unit.labels})),
            holds=tuple(sorted({hold for row in rows for hold in row.holds})),
            items=tuple(sorted({i for p in parts for i in p.place.member or (p.place.item,)})),
        )

    def _originals(self, parts: Sequence[Part]) -> Iterator[Content]:
        """Yield a file for each file of the source: its stretches that leave, in their order."""
        files: dict[bytes, list[Part]] = defaultdict(list)
        for part in parts:
            files[part.path].append(part)
        for path, some in files.items():
            stretches = [one for stretch in merged(some) for one in self._sealed(stretch)]
            name = path.decode("utf-8", "replace").rpartition("/")[2]
            yield from self._unpacked(name, [s for s in stretches if s.member])
            stretches = [s for s in stretches if not s.member]
            if not stretches:
                continue
            parted = "" if all(s.whole for s in stretches) else PARTED
            yield Content(
                Role.ORIGINAL,
                name,
                stored_as(some[0].reader, name),
                self._reader(stretches),
                seals_of(stretches),
                parted or (JOINED if len(stretches) > 1 else ""),
            )

    def _unpacked(self, name: str, stretches: Sequence[Stretch]) -> Iterator[Content]:
        """Yield a file for each member of an archive of which something leaves, and not all."""
        for member in dict.fromkeys(stretch.member for stretch in stretches):
            some = [stretch for stretch in stretches if stretch.member == member]
            ending = ending_of(self.collection.unpacked(member).name)
            yield Content(Role.DERIVED, name, ending, self._reader(some), how=UNPACKED_PART)

    def _sealed(self, stretch: Stretch) -> Iterator[Stretch]:
        """Yield the segments of a member of which all leaves as it was sealed, else the stretch."""
        if not stretch.member:
            yield stretch
            return
        member = self.collection.unpacked(stretch.member)
        if member.made or (stretch.start, stretch.end) != (0, len(member.data)):
            yield stretch
            return
        for item in stretch.member:
            size = len(self.collection.sealed(item))
            yield Stretch(item, 0, size, size)

    def _mail_contents(self, unit: Unit, parts: Sequence[Part]) -> Iterator[Content]:
        title = unit.subject or NO_SUBJECT
        stretches = merged(parts)
        reader = self._reader(stretches)
        mail = MailFile(parts[0].reader if parts else "", reader)
        if mail.is_itself():
            parted = "" if all(s.whole for s in stretches) else PARTED
            yield Content(Role.ORIGINAL, title, ".eml", reader, seals_of(stretches), parted)
            return
        yield from self._originals(parts)
        yield Content(Role.DERIVED, title, ".eml", lambda: mail_pieces(mail), how=mail.how)

    def _read(self, unit: Unit) -> Iterator[Content]:
        """Yield what is made of a mail's bytes; of one that would fill the memory, nothing."""
        if unit.size > MAX_READ and (self.attachments or self.renderer is not None):
            self.unread += 1
            return
        if self.attachments:
            yield from self._attachments(unit)
        if self.renderer is not None:
            yield from self.renderer.mail(unit)

    def _attachments(self, unit: Unit) -> Iterator[Content]:
        """Yield a mail's attachments, decoded; of one that would take too long, none."""
        if not unit.attachments or unit.size * unit.attachments > MOST_DECODED:
            return
        for part in self.collection.body(unit.id).attachments:
            yield Content(
                Role.ATTACHMENT,
                part.name or "bijlage",
                ending_of(part.name, MEDIA_TYPES.guess_extension(part.media_type) or ".bin"),
                self._decoder(unit.id, part.number),
                how=DECODED,
            )

    def _decoder(self, unit: str, number: int) -> Callable[[], Iterator[bytes]]:
        return lambda: iter((self.collection.attachment(unit, number),))

    def _file_contents(self, unit: Unit, parts: Sequence[Part]) -> Iterator[Content]:
        yield from self._originals(parts)
        if not any(part.path.lower().endswith(b".zip") for part in parts):
            return
        unpacked = self.collection.attachment(unit.id, 0)
        if unpacked != self.collection.raw(unit.id):
            ending = ending_of(unit.subject)
            yield Content(Role.DERIVED, unit.subject, ending, _once(unpacked), how=UNPACKED)

    def _media(self, unit: Unit) -> Iterator[Content]:
        """Yield the files that a message shows, each once in a delivery."""
        if not unit.attachments:
            return
        for shown in self.collection.body(unit.id).attachments:
            if shown.unit is None or shown.unit in self._shown:
                continue
            file = self.collection.unit(shown.unit)
            if self.inventory.take(file, self.marks, self.scope):
                self._shown.add(file.id)
                try:
                    yield from list(self._shown_file(file, shown))
                except (DoubtError, GoneError, UsageError) as error:
                    self.inventory.fail([file.id], str(error))

    def _shown_file(self, file: Unit, shown: Attachment) -> Iterator[Content]:
        parts = self.collection.reading(file.id)
        for content in self._file_contents(file, parts):
            yield Content(
                Role.ATTACHMENT,
                shown.name or content.title,
                content.ending,
                content.pieces,
                content.seals,
                content.how,
                file.id,
            )

    def _reader(self, stretches: Sequence[Stretch]) -> Callable[[], Iterator[bytes]]:
        def pieces() -> Iterator[bytes]:
            for stretch in stretches:
                data = self._opened(stretch)
                if len(data) < stretch.end:
                    raise DoubtError(f"{stretch.item}: shorter than the index has it")
                yield data if stretch.whole else data[stretch.start : stretch.end]

        return pieces

    def _opened(self, stretch: Stretch) -> bytes:
        """Return the bytes that a stretch is of."""
        if stretch.member:
            return self.collection.unpacked(stretch.member).data
        return self.collection.sealed(stretch.item)


PARTED: Final = "alleen de stukken die zijn overgebracht; de rest van het verzegelde segment bleef"
JOINED: Final = "verzegelde segmenten achter elkaar"
MAX_READ: Final = 64 << 20  # bytes of a mail that is taken apart, in memory
MOST_DECODED: Final = 512 << 20  # bytes of a mail, times its attachments: each decodes it anew
DECODED: Final = "bijlage van de mail, gedecodeerd"
UNPACKED: Final = "uitgepakt uit het archief"
UNPACKED_PART: Final = f"{UNPACKED}; {PARTED}"


def merged(parts: Iterable[Part]) -> list[Stretch]:
    """Return the stretches of some parts, each byte once; segments as they are first met."""
    found: dict[ItemId, list[tuple[int, int]]] = defaultdict(list)
    known: dict[ItemId, Part] = {}
    for part in parts:
        place = part.place
        known[place.item] = part
        found[place.item].append((place.start, place.start + place.length))
    return [
        Stretch(item, start, end, known[item].size, known[item].place.member)
        for item, ranges in found.items()
        for start, end in _joined(sorted(set(ranges)))
    ]


def seals_of(stretches: Sequence[Stretch]) -> tuple[Seal, ...]:
    """Return the segments that lie whole in a file made of these, and where."""
    seals = []
    at = 0
    for stretch in stretches:
        if stretch.whole:
            seals.append(Seal(stretch.item, at, stretch.size))
        at += stretch.end - stretch.start
    return tuple(seals)


def _joined(ranges: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    low, high = ranges[0]
    for start, end in ranges[1:]:
        if start > high:
            yield low, high
            low, high = start, end
        else:
            high = max(high, end)
    yield low, high


def _once(data: bytes) -> Callable[[], Iterator[bytes]]:
    return lambda: iter((data,))
