# SPDX-License-Identifier: EUPL-1.2
"""Raw units into rows: their names, their conversations, and where they lie.

docs/spec/collection.md §2: the same mail in an mbox, a folder and a copy is one unit; the same
message in ten exports is one; two equal messages in one minute are two.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection as Container
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from lakzegel_office.collection.ids import Names, clean
from lakzegel_office.collection.model import Party, UnitKind
from lakzegel_office.collection.parsers.mail import APP as MAIL
from lakzegel_office.collection.pieces import Head, Piece, Raw
from lakzegel_office.collection.schema import READ
from lakzegel_office.collection.threads import Threads
from lakzegel_office.collection.wording import found_by
from lakzegel_office.collection.writing import FileRow, Writer, spaced

SNIPPET: Final = 200  # characters
FILE: Final = "file"
_FOUND: Final = "SELECT id, labels, custody, device, source, app, kind FROM unit WHERE name = ?"
_NEW: Final = "INSERT OR REPLACE INTO unit VALUES (?" + 21 * ", ?" + ", 0)"


@dataclass(frozen=True, slots=True)
class Where:
    """The segments that a stretch lies in, one after the other, and what is known of them."""

    file: FileRow
    segments: Sequence[int]
    sizes: Sequence[int]
    labels: tuple[str, ...]
    seen: int | None  # microseconds; when the version was read
    others: Container[int]  # the segments of the same capture


@dataclass(slots=True)
class Units:
    """Adds units; `threads` knows which mails belong together."""

    writer: Writer
    names: Names
    threads: Threads
    added: int = 0
    _counts: Counter[tuple[str, ...]] = field(default_factory=Counter)
    _gone: Container[str] = ()  # names that no unit of this stretch gets

    def stretch(self, where: Where, piece: Piece, heads: dict[int, int]) -> None:
        """Add the units of one stretch; `heads` has the row of the head that each begins with."""
        self._counts.clear()
        self._gone = frozenset(piece.gone)
        if piece.packed:
            self.writer.member(where.segments)
        for unit in piece.units:
            row = self._add(where, unit, heads.get(unit.start))
            if piece.packed:
                self.writer.packed(row, where.segments[0], unit.start, unit.length)
            else:
                self.place(row, where, unit.start, unit.length)
        self.writer.db.executemany(
            "UPDATE segment SET state = ? WHERE id = ?",
            [(READ, segment) for segment in where.segments],
        )

    def whole(self, where: Where, capture: int, hashes: Sequence[str], size: int) -> None:
        """Add one version of a file that nothing is seen in."""
        raw = Raw(UnitKind.FILE, 0, size, ("version", *hashes), subject=shown(where.file.path))
        unit = self._file_unit(where, raw)
        self.writer.db.execute("INSERT OR IGNORE INTO version VALUES (?, ?)", (unit, capture))

    def part(self, where: Where, hashes: Sequence[str], name: str) -> int:
        """Add a stretch that is none of the units of its file; return its row."""
        unit = self._part(where, ("part", name, *hashes), name)
        self.place(unit, where, 0, sum(where.sizes))
        return unit

    def _part(self, where: Where, key: tuple[str, ...], name: str) -> int:
        subject = shown(where.file.path) + (f"/{name}" if name else "")
        raw = Raw(UnitKind.FILE, 0, sum(where.sizes), key, subject=subject)
        return self._file_unit(where, raw)

    def directory(self, where: Where) -> None:
        """Add a stretch of an archive that is no member of it, named by its item.

        Its bytes do not name it: where a member goes, what tells of that goes from them.
        """
        item = [str(part) for part in self.writer.item_of(where.segments[0])]
        self.place(self._part(where, ("directory", *item), ""), where, 0, sum(where.sizes))

    def place(self, unit: int, where: Where, start: int, length: int) -> None:
        """State that a stretch of these segments together holds a unit."""
        part = 0
        begin = 0
        for segment, size in zip(where.segments, where.sizes, strict=True):
            low, high = max(start - begin, 0), min(start + length - begin, size)
            if low < high or (size == length == 0):
                self.writer.place(unit, segment, low, high - low, part)
                part += 1
            begin += size

    def identity(self, head: Head, file: FileRow) -> tuple[str, ...]:
        """Return what makes a conversation this one."""
        if head.key:
            return ("chat", file.scope, head.app, "key", head.key)
        return ("chat", file.scope, head.app, "title", file.source, head.title)

    def conversation(self, head: Head, file: FileRow) -> int:
        """Return the row of a chat's conversation."""
        name = self.names.name("conversation", *self.identity(head, file))
        return self.writer.conversation(
            name, head.app, head.title, file.custody, keyed=bool(head.key)
        )

    def _file_unit(self, where: Where, raw: Raw) -> int:
        file = where.file
        identity = ("file", file.scope, file.source, file.path.hex())
        name = self.names.name("conversation", *identity)
        conversation = self.writer.conversation(
            name, FILE, shown(file.path), file.custody, keyed=True
        )
        unit = self.names.name("unit", *identity, *raw.key)
        return self._row(unit, conversation, FILE, where, raw)

    def _add(self, where: Where, raw: Raw, head_row: int | None) -> int:
        if raw.kind is UnitKind.MAIL:
            return self._mail(where, raw)
        if head_row is not None:
            head, conversation = self.writer.head_at(head_row)
            return self._message(where, raw, head, conversation)
        raw = replace(raw, kind=UnitKind.FILE, subject=shown(where.file.path))
        return self._file_unit(where, raw)

    def _mail(self, where: Where, raw: Raw) -> int:
        name = self.names.name("unit", "mail", where.file.scope, *raw.key)
        conversation = 0
        if self.writer.one(f"{_FOUND} AND gone = 0", (name,)) is None:
            conversation = self.threads.of(where.file, raw.references, raw.subject, name)
        return self._row(name, conversation, MAIL, where, raw)

    def _message(self, where: Where, raw: Raw, head: Head, conversation: int) -> int:
        sender = raw.sender or head.people.get(raw.who)
        raw = replace(raw, sender=sender)
        who = (sender.address or sender.name) if sender else raw.who
        key = ("unit", *self.identity(head, where.file), *raw.key, who)
        self._counts[key] += 1
        number = self._counts[key]
        while (name := self.names.name(*key, str(number))) in self._gone or self._is_elsewhere(
            name, where
        ):
            number += 1
        return self._row(name, conversation, head.app, where, raw)

    def _is_elsewhere(self, name: str, where: Where) -> bool:
        """Whether another segment of the same capture holds that unit: then this is a second."""
        known = self._known(name)
        if known is None:
            return False
        rows = self.writer.db.execute("SELECT segment FROM place WHERE unit = ?", (known,))
        return any(row in where.others and row not in where.segments for (row,) in rows)

    def _known(self, name: str) -> int | None:
        return self.writer.one("SELECT id FROM unit WHERE name = ?", (name,))

    def _row(self, name: str, conversation: int, app: str, where: Where, raw: Raw) -> int:
        """Return the row of a unit; what was there already gets this place's size and labels.

        What was destroyed and is captured anew is a unit again, of the row that it had.
        """
        db = self.writer.db
        found = db.execute(f"{_FOUND} AND gone = 0", (name,)).fetchone()
        labels = spaced((*where.labels, *(found[1].split() if found else ())))
        facets = self.writer.facets
        if found is not None:
            db.execute("UPDATE unit SET size = ? WHERE id = ?", (raw.length, found[0]))
            if labels != found[1]:
                values = (labels, facets.facet((*found[2:], labels)), found[0])
                db.execute("UPDATE unit SET labels = ?, facet = ? WHERE id = ?", values)
            return int(found[0])
        parties = self._parties(raw)
        sender = self.writer.party(replace(raw.sender, role="")) if raw.sender else None
        file = where.file
        of = (file.device, file.source)
        likeness = self.names.likeness(raw.text) if raw.kind is not UnitKind.FILE else None
        leaf = clean(raw.subject).rpartition("/")[2] if app == FILE else ""
        cursor = db.execute(
            _NEW,
            (
                self._known(name),
                *(name, str(raw.kind), conversation, file.custody, *of, app),
                *(
                    int(raw.at is None),
                    raw.at or 0,
                    clean(raw.at_text[:256]),
                    sender,
                    line_of(raw.subject),
                ),
                *(line_of(raw.text[: 4 * SNIPPET])[:SNIPPET], raw.length, len(raw.attachments)),
                *(labels, where.seen, likeness, leaf),
                facets.facet((file.custody, *of, app, str(raw.kind), labels)),
                facets.crowd(self.writer.party(party) for party in parties),
            ),
        )
        unit = int(cursor.lastrowid)
        self.added += 1
        self.writer.present(unit, parties)
        db.execute(
            "INSERT INTO words (rowid, subject, body, names) VALUES (?, ?, ?, ?)",
            (unit, *map(found_by, (raw.subject, f"{raw.text}\n{raw.more}", self._words(raw)))),
        )
        return unit

    def _parties(self, raw: Raw) -> Sequence[Party]:
        if raw.kind is UnitKind.MAIL:
            return raw.parties
        return (*raw.parties, *((replace(raw.sender, role="from"),) if raw.sender else ()))

    def _words(self, raw: Raw) -> str:
        people = (f"{party.name} {party.address}" for party in self._parties(raw))
        return "\n".join((*people, *(part.name for part in raw.attachments)))


def shown(path: bytes) -> str:
    """Return a path as text."""
    return clean(path.decode("utf-8", "backslashreplace"))


def line_of(text: str) -> str:
    """Return a text on one line, blanks made one."""
    return " ".join(clean(text).split())
