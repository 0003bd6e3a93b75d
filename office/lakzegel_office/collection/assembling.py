# SPDX-License-Identifier: EUPL-1.2
"""A capture says what lies before what; only then is it known whose a piece is.

Of each version only the segments that no version before it had are looked at. A chat's head holds
for all that follows it, over segments. What was cut each 16 MiB is put together again.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from lakzegel_office.collection.parsing import CUT, MAX_PARSED, parse
from lakzegel_office.collection.pieces import Piece
from lakzegel_office.collection.rowlists import ordered
from lakzegel_office.collection.schema import DIRECTORY, OPAQUE, PENDING, READ
from lakzegel_office.collection.units import Units, Where
from lakzegel_office.collection.writing import FileRow, Writer

TAILED: Final = frozenset({"emlx"})  # readers of which the rest of a file belongs to its mail
_ASKED: Final = 500  # rows of one question

Fetch = Callable[[int], bytes]  # a segment's raw bytes


@dataclass(frozen=True, slots=True)
class _Segment:
    """A segment as the index has it."""

    id: int
    size: int
    sha256: str
    state: int
    labels: tuple[str, ...]
    gone: bool


@dataclass(slots=True)
class _Version:
    """One capture on its way in."""

    file: FileRow
    capture: int
    seen: int | None
    rows: array[int]
    others: frozenset[int]
    head: int | None = None  # of what was before
    last: int | None = None  # unit that a tail belongs to


@dataclass(slots=True)
class Assembler:
    """Brings captures in, in the order of the log."""

    writer: Writer
    units: Units
    fetch: Fetch
    pieces: dict[int, Piece] = field(default_factory=dict)  # of this batch, by segment

    def capture(self, file: FileRow, capture: int, before: int | None, seen: int | None) -> None:
        """Add what is new in a capture; `before` is the file's capture before it."""
        rows = ordered(self.writer.db, capture)
        old = frozenset(ordered(self.writer.db, before)) if before is not None else frozenset()
        here = frozenset(rows)
        self._count(file, here - old, old - here)
        version = _Version(file, capture, seen, rows, here)
        new = self._segments(row for row in rows if row not in old)
        fresh = [row for row in new.values() if row.state == PENDING]
        found = {row.id: self._piece(row.id) for row in fresh}
        if not any(piece.units for piece in found.values()) and not self._has_units(version, old):
            self._whole(version, fresh)
            return
        at = {row: number for number, row in enumerate(rows)}
        for group in _groups(fresh, found, at):
            gone = tuple(name for row in group for name in found[row.id].gone)
            piece = replace(found[group[0].id], gone=gone)
            self._group(version, group, piece, at[group[0].id])

    def loose(self, segment: int, file: FileRow) -> None:
        """Show a segment that no capture has named yet as a part of its file."""
        (row,) = self._segments((segment,)).values()
        self.units.part(self._where(_Version(file, 0, None, array("q"), frozenset()), [row]),
                        [row.sha256], "")  # fmt: skip

    def _count(self, file: FileRow, came: frozenset[int], went: frozenset[int]) -> None:
        """Remember since and until which of its file's captures each segment was in it."""
        captures = self.writer.one("SELECT captures FROM file WHERE id = ?", (file.id,)) or 1
        self.writer.db.executemany(
            "UPDATE segment SET since = coalesce(since, ?), until = NULL WHERE id = ?",
            [(captures - 1, segment) for segment in came],
        )
        self.writer.db.executemany(
            "UPDATE segment SET until = ? WHERE id = ?",
            [(captures - 1, segment) for segment in went],
        )

    def _whole(self, version: _Version, fresh: Sequence[_Segment]) -> None:
        for row in fresh:
            self._set_state(row.id, OPAQUE)
        known = self._segments(version.rows)
        rows = [known[row] for row in version.rows if row in known]
        if rows and all(row.gone for row in rows):
            return  # a device that does not know names again what was destroyed
        size = sum(row.size for row in rows)
        where = self._where(version, rows)
        self.units.whole(where, version.capture, [row.sha256 for row in rows], size)

    def _has_units(self, version: _Version, old: frozenset[int]) -> bool:
        """Whether what a version kept of the one before has units in it."""
        if not old:
            return False
        some = "SELECT 1 FROM segment WHERE file = ? AND state = ? LIMIT 1"
        if self.writer.one(some, (version.file.id, READ)) is None:
            return False
        return any(row.state == READ for row in self._segments(version.rows).values())

    def _group(
        self, version: _Version, group: Sequence[_Segment], piece: Piece, place: int
    ) -> None:
        """Add the units of segments that belong together, most often one."""
        where = self._where(version, group)
        head = self._head_before(version, place)
        if len(group) > 1 and piece.units:
            piece = replace(self._joined(version.file, group), gone=piece.gone)
        if not piece.units:
            self._rest(version, group, where, piece)
            self._set_head(version, group, head)
            return
        heads: dict[int, int] = {}
        waiting = list(piece.heads)
        for unit in piece.units:
            while waiting and waiting[0].start < unit.start + unit.length:
                found = replace(waiting.pop(0), start=0)
                head = self.writer.head(found, self.units.conversation(found, version.file))
            if head is not None:
                heads[unit.start] = head
        self.units.stretch(where, piece, heads)
        self._set_head(version, group, head)

    def _rest(
        self,
        version: _Version,
        group: Sequence[_Segment],
        where: Where,
        piece: Piece,
    ) -> None:
        """Add what is in a file with units and is none: a member of an archive, its directory."""
        mail = self._mail_before(version, group[0].id) if version.file.reader in TAILED else None
        if mail is not None:
            self.units.place(mail, where, 0, sum(where.sizes))
        elif piece.directory:
            self.units.directory(where)
        else:
            self.units.part(where, [row.sha256 for row in group], piece.name)
        for row in group:
            self._set_state(row.id, DIRECTORY if piece.directory else READ)

    def _mail_before(self, version: _Version, segment: int) -> int | None:
        place = version.rows.index(segment)
        if not place:
            return None
        before = version.rows[place - 1]
        return self.writer.one("SELECT unit FROM place WHERE segment = ? LIMIT 1", (before,))

    def _joined(self, file: FileRow, group: Sequence[_Segment]) -> Piece:
        data = bytearray()
        for row in group:
            if len(data) < MAX_PARSED:
                data += self.fetch(row.id)
        piece = parse(file.reader, file.path, bytes(data))
        beyond = sum(row.size for row in group) - len(data)
        if not piece.units or not beyond or piece.packed:
            return piece
        *before, last = piece.units  # what was not looked at goes with the unit before it
        last = replace(last, length=last.length + beyond)
        return replace(piece, units=(*before, last))

    def _head_before(self, version: _Version, place: int) -> int | None:
        if place == 0:
            return None
        return self.writer.one("SELECT head FROM segment WHERE id = ?", (version.rows[place - 1],))

    def _set_head(self, version: _Version, group: Sequence[_Segment], head: int | None) -> None:
        version.head = head
        if head is not None:
            self.writer.db.executemany(
                "UPDATE segment SET head = ? WHERE id = ?", [(head, row.id) for row in group]
            )

    def _piece(self, segment: int) -> Piece:
        piece = self.pieces.pop(segment, None)
        if piece is None:
            piece = self.writer.kept(segment)
            self._forget_loose(segment)
        return piece

    def _forget_loose(self, segment: int) -> None:
        """Take away what stood for a segment until a capture named it."""
        db = self.writer.db
        for (unit,) in db.execute(
            "SELECT unit FROM place WHERE segment = ?", (segment,)
        ).fetchall():
            db.execute("DELETE FROM place WHERE unit = ? AND segment = ?", (unit, segment))
            rest = "SELECT 1 FROM place WHERE unit = ? LIMIT 1"
            if self.writer.one(rest, (unit,)) is None:
                db.execute("DELETE FROM words WHERE rowid = ?", (unit,))
                db.execute("DELETE FROM unit WHERE id = ?", (unit,))

    def _set_state(self, segment: int, state: int) -> None:
        self.writer.db.execute("UPDATE segment SET state = ? WHERE id = ?", (state, segment))

    def _where(self, version: _Version, rows: Sequence[_Segment]) -> Where:
        labels = tuple(sorted({label for row in rows for label in row.labels}))
        return Where(
            version.file,
            [row.id for row in rows],
            [row.size for row in rows],
            labels,
            version.seen,
            version.others,
        )

    def _segments(self, rows: Iterator[int] | Sequence[int]) -> dict[int, _Segment]:
        """Return what the index has of these segments, in their order."""
        wanted = list(rows)
        found: dict[int, _Segment] = {}
        for begin in range(0, len(wanted), _ASKED):
            some = wanted[begin : begin + _ASKED]
            marks = ", ".join("?" * len(some))
            for row in self.writer.db.execute(
                "SELECT id, size, sha256, state, labels, gone FROM segment"  # noqa: S608  # marks
                f" WHERE id IN ({marks})",
                some,
            ):
                found[row[0]] = _segment(*row)
        return {row: found[row] for row in wanted if row in found}


def _goes_on(piece: Piece) -> bool:
    return bool(piece.units or piece.name)


def _segment(row: int, size: int, sha256: str, state: int, labels: str, gone: int) -> _Segment:
    return _Segment(row, size, sha256, state, tuple(labels.split()), bool(gone))


def _groups(
    fresh: Sequence[_Segment], pieces: Mapping[int, Piece], at: Mapping[int, int]
) -> Iterator[list[_Segment]]:
    """Yield segments that belong together: one, or what was cut each 16 MiB."""
    group: list[_Segment] = []
    for row in fresh:
        if group and not (group[-1].size == CUT and at[row.id] == at[group[-1].id] + 1):
            yield group
            group = []
        group.append(row)
        if row.size != CUT or not _goes_on(pieces[group[0].id]):
            yield group
            group = []
    if group:
        yield group
