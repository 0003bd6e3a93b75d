# SPDX-License-Identifier: EUPL-1.2
"""Bringing the index up to the mirror: batch by batch, in the order of the log.

A batch is one transaction, so that a kill at any moment leaves what was indexed before it, and the
next run goes on. docs/spec/collection.md §3
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final

from lakzegel_core.age import Identity
from lakzegel_core.encoding import parse_time
from lakzegel_core.errors import LakzegelError
from lakzegel_office.capture import Capture, SegmentRef, path_bytes, read_path
from lakzegel_office.collection.assembling import Assembler
from lakzegel_office.collection.database import Connection
from lakzegel_office.collection.ids import Names
from lakzegel_office.collection.parsers.mailheads import microseconds
from lakzegel_office.collection.reading import BatchRead, reader_of, start_worker, work
from lakzegel_office.collection.rowlists import MISSING, pack_stretch
from lakzegel_office.collection.schema import PENDING
from lakzegel_office.collection.scrubbing import Scrubber
from lakzegel_office.collection.threads import Threads
from lakzegel_office.collection.units import Units
from lakzegel_office.collection.writing import FileRow, Writer
from lakzegel_office.headers import HeaderRecord
from lakzegel_office.index import IndexedItem
from lakzegel_office.names import ItemId
from lakzegel_office.opening import OpenTask, capture_of
from lakzegel_office.spread import in_turn, spread

SPREAD_FROM: Final = 1500  # items; fewer are not worth a process's start
_SEEN: Final = "seen"

Progress = Callable[[str], None]


class OutOfOrderError(Exception):
    """A batch came after later ones were indexed: the index has to be made anew."""


@dataclass(frozen=True, slots=True)
class Mirrored:
    """What is to be indexed, and with which keys."""

    headers: Sequence[HeaderRecord]
    is_here: Callable[[HeaderRecord], bool]
    task: Callable[[HeaderRecord], OpenTask]
    custody: Callable[[str, str], str]  # of a device and a source
    fetch: Callable[[ItemId], bytes]
    scrubber: Scrubber
    worker: tuple[Sequence[Identity], Any, bytes]  # identities, state folder, index key


@dataclass(slots=True)
class Indexed:
    """What one run did."""

    batches: int = 0
    units: int = 0
    unopened: int = 0
    scrubbed: int = 0  # units that were destroyed
    missing: int = 0  # batches that the log names and the mirror lacks


@dataclass(slots=True)
class Indexer:
    """Indexes what a mirror holds and this index does not."""

    db: Connection
    names: Names
    mirrored: Mirrored
    progress: Progress
    _writer: Writer = field(init=False)
    _assembler: Assembler = field(init=False)
    _seen: int = 0  # SQLite's number of what other connections wrote

    def __post_init__(self) -> None:
        """Put the parts together."""
        self._writer = Writer(self.db)
        units = Units(self._writer, self.names, Threads(self._writer, self.names))
        self._assembler = Assembler(self._writer, units, self._bytes)

    def run(self) -> Indexed:
        """Take out what was destroyed, and index every batch that is new.

        Raises:
            OutOfOrderError: a batch that was missing has come.
        """
        scrubbed = self._scrub()
        known = dict(self.db.execute("SELECT id, seq FROM batch").fetchall())
        new = [record for record in self.mirrored.headers if record.batch_id not in known]
        waiting = [record for record in new if self.mirrored.is_here(record)]
        if any(record.index < max(known.values(), default=-1) for record in waiting):
            raise OutOfOrderError
        if not waiting:
            return Indexed(scrubbed=scrubbed, missing=len(new))
        many = sum(record.header.items for record in waiting) >= SPREAD_FROM
        identities, state, key = self.mirrored.worker
        arguments = ([identity.to_text() for identity in identities], state, key)
        tasks = (self.mirrored.task(record) for record in waiting)
        results = (spread if many else in_turn)(
            tasks, work, prepare=start_worker, arguments=arguments
        )
        done = Indexed(scrubbed=scrubbed, missing=len(new) - len(waiting))
        for record, read in zip(waiting, results, strict=True):
            self._transaction(partial(self._batch, record, read))
            done.batches += 1
            done.unopened += record.header.items - len(read.lines)
            done.units = self._assembler.units.added
            self.progress(f"indexed {done.batches}/{len(waiting)} batches, {done.units} units")
        self._transaction(self._loose)
        return done

    def _scrub(self) -> int:
        scrubber = self.mirrored.scrubber
        changed = scrubber.changed(self.mirrored.headers)
        found: list[int] = []
        for record in changed:
            self._transaction(partial(_note, found, partial(scrubber.batch, record)))
        if scrubber.unsettled():
            scrubber.settle()
            self._writer.forget()
        return sum(found)

    def _transaction(self, step: Callable[[], None]) -> None:
        self.db.execute("BEGIN IMMEDIATE")
        try:
            (seen,) = self.db.execute("PRAGMA data_version").fetchone()
            if seen != self._seen:  # another process wrote; a number may be somebody else's now
                self._writer.forget()
                self._seen = seen
            step()
        except BaseException:
            self.db.execute("ROLLBACK")
            self._writer.forget()
            raise
        self.db.execute("COMMIT")

    def _batch(self, record: HeaderRecord, read: BatchRead) -> None:
        header = record.header
        if self._writer.batch_of(header.device, header.epoch, header.batch) is not None:
            return  # another process was first
        digest = self.mirrored.scrubber.digest(record)
        place = (header.device, header.epoch, header.batch)
        batch = self._writer.batch(record.index, record.batch_id, place, digest)
        for line in read.lines:
            if line.kind == "segment":
                self._segment(batch, header.device, line, read)
        for line in read.lines:
            if line.kind == "capture":
                self._capture(batch, header.device, line, header.closed)
            elif line.kind == "observation":
                self._observation(batch, header.device, line)
        for segment, piece in self._assembler.pieces.items():
            self._writer.keep(segment, piece)
        self._assembler.pieces.clear()

    def _segment(self, batch: int, device: str, line: IndexedItem, read: BatchRead) -> None:
        file = self._file(device, line)
        digest = str(line.core["sha256"])
        row = self._writer.segment(batch, line.index, file.id, line.size, digest, line.labels)
        piece = read.pieces.get(line.index)
        if piece is not None and (piece.units or piece.name or piece.directory):
            self._assembler.pieces[row] = piece

    def _capture(self, batch: int, device: str, line: IndexedItem, closed: datetime) -> None:
        try:
            capture = capture_of(line)
        except LakzegelError:
            return  # a finding says so; its segments are shown as no capture's
        file = self._file(device, line)
        before = self._writer.one("SELECT newest FROM file WHERE id = ?", (file.id,))
        base = None
        if capture.base is not None:
            base = self._item("capture", device, capture.base.epoch, capture.base.batch,
                              capture.base.index, " AND base IS NULL")  # fmt: skip
        rows = self._rows(device, capture)
        row = self._writer.capture(batch, line.index, file.id, base, rows)
        if any(rows) or not capture.size:  # else nothing of this version can be opened
            self._assembler.capture(file, row, before, _seen(line, closed))

    def _rows(self, device: str, capture: Capture) -> list[int]:
        rows: list[int] = []
        for part in capture.parts:
            if not isinstance(part, SegmentRef):
                rows += pack_stretch(part.first, part.count)
                continue
            found = self._item("segment", device, part.epoch, part.batch, part.index)
            rows.append(MISSING if found is None else found)
        return rows

    def _item(
        self, table: str, device: str, epoch: int, number: int, index: int, more: str = ""
    ) -> int | None:
        batch = self._writer.batch_of(device, epoch, number)
        return self._writer.one(
            f"SELECT id FROM {table} WHERE batch = ? AND item = ?{more}",  # noqa: S608  # ours
            (batch, index),
        )

    def _observation(self, batch: int, device: str, line: IndexedItem) -> None:
        rows = (line.payload or {}).get("files")
        for row in rows if isinstance(rows, list) else ():
            for name, history in _named(row):
                self.db.execute(
                    "INSERT INTO named VALUES (?, ?, ?, ?, ?, ?)",
                    (batch, line.index, device, line.source, history, name),
                )

    def _file(self, device: str, line: IndexedItem) -> FileRow:
        path = read_path(line.context)
        custody = self.mirrored.custody(device, line.source)
        row = FileRow(0, device, custody, line.source, path, reader_of(line))
        return self._writer.file(row, str(line.context.get("file", "")))

    def _loose(self) -> None:
        """Show segments that no capture names: what was sealed before a device was killed."""
        rows = self.db.execute(
            "SELECT s.id, f.id, f.device, f.custody, f.source, f.path, f.reader FROM segment s"
            " JOIN file f ON f.id = s.file WHERE s.state = ?"
            " AND NOT EXISTS (SELECT 1 FROM place p WHERE p.segment = s.id)",
            (PENDING,),
        ).fetchall()
        for segment, *file in rows:
            self._assembler.loose(segment, FileRow(*file))

    def _bytes(self, segment: int) -> bytes:
        return self.mirrored.fetch(ItemId(*self._writer.item_of(segment)))


def _note(found: list[int], step: Callable[[], int]) -> None:
    found.append(step())


def _named(row: Any) -> list[tuple[bytes, str]]:  # noqa: ANN401  # an observation's own JSON
    """Return the paths and histories that a row of an observation names."""
    if not isinstance(row, Mapping):
        return []
    history = row.get("file")
    found = []
    for name in ("path", "from"):
        try:
            path = path_bytes(row.get(name))
        except LakzegelError:
            continue
        found.append((path, history if isinstance(history, str) else ""))
    return found


def _seen(line: IndexedItem, closed: datetime) -> int:
    """Return when a version was read, or else when its batch was closed."""
    text = line.context.get(_SEEN)
    try:
        return microseconds(parse_time(str(text), what=_SEEN))
    except LakzegelError:
        return microseconds(closed)
