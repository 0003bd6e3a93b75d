# SPDX-License-Identifier: EUPL-1.2
"""What a destruction would have to reach: docs/spec/collection.md §6.

Segments that hold a unit, alone or with others; captures that name one of those, themselves or by
a stretch of their base; observations that name the file; and units with the same words elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from lakzegel_office.collection.database import Connection
from lakzegel_office.collection.model import Containing
from lakzegel_office.collection.rowlists import ordered
from lakzegel_office.names import ItemId

_ASKED: Final = 500  # values of one question


def containing(db: Connection, units: Sequence[int]) -> Containing:
    """Return everything that holds or names these units."""
    wanted = frozenset(units)
    segments = segments_of(db, units)
    shared: set[int] = set()
    neighbours: set[int] = set()
    for segment in segments:
        others = _held(db, segment) - wanted
        if others:
            shared.add(segment)
            neighbours |= others
    captures = _captures(db, segments)
    files = _files(db, segments) | _files_of_captures(db, captures)
    return Containing(
        alone=_items(db, "segment", segments - shared),
        shared=_items(db, "segment", shared),
        captures=_items(db, "capture", captures),
        observations=tuple(sorted(_observations(db, files))),
        neighbours=_names(db, neighbours),
        alike=_names(db, _alike(db, wanted)),
    )


def segments_of(db: Connection, units: Iterable[int]) -> set[int]:
    """Return the segments that hold these units."""
    found: set[int] = set()
    for unit in units:
        found |= {row for (row,) in db.execute("SELECT segment FROM place WHERE unit = ?", (unit,))}
        for (capture,) in db.execute("SELECT capture FROM version WHERE unit = ?", (unit,)):
            found |= set(ordered(db, capture))
    return found


def _held(db: Connection, segment: int) -> set[int]:
    """Return the units that a segment holds: messages, and versions of its file."""
    found = {row for (row,) in db.execute("SELECT unit FROM place WHERE segment = ?", (segment,))}
    versions = db.execute(
        "SELECT v.unit, v.capture FROM version v JOIN capture k ON k.id = v.capture"
        " JOIN segment s ON s.file = k.file WHERE s.id = ?",
        (segment,),
    ).fetchall()
    return found | {unit for unit, capture in versions if segment in ordered(db, capture)}


def _captures(db: Connection, segments: set[int]) -> set[int]:
    """Return the captures that name one of these segments."""
    found: set[int] = set()
    for file in _files(db, segments):
        for (capture,) in db.execute("SELECT id FROM capture WHERE file = ?", (file,)).fetchall():
            if not segments.isdisjoint(ordered(db, capture)):
                found.add(capture)
    return found


def _files(db: Connection, segments: Iterable[int]) -> set[int]:
    found: set[int] = set()
    for segment in segments:
        found.add(db.execute("SELECT file FROM segment WHERE id = ?", (segment,)).fetchone()[0])
    return found


def _files_of_captures(db: Connection, captures: Iterable[int]) -> set[int]:
    return {
        db.execute("SELECT file FROM capture WHERE id = ?", (capture,)).fetchone()[0]
        for capture in captures
    }


def _observations(db: Connection, files: Iterable[int]) -> Iterator[ItemId]:
    """Yield the observations that name one of these files, by its history or by a path of it."""
    found: set[ItemId] = set()
    for file in files:
        rows = db.execute(
            "SELECT b.device, b.epoch, b.number, n.item FROM file f JOIN named n"
            " ON n.device = f.device AND n.source = f.source"
            " AND (n.history = f.history OR n.path = f.path)"
            " JOIN batch b ON b.seq = n.batch WHERE f.id = ?",
            (file,),
        )
        found |= {ItemId(*row) for row in rows}
    yield from found


def _alike(db: Connection, units: frozenset[int]) -> set[int]:
    found: set[int] = set()
    for unit in units:
        rows = db.execute(
            "SELECT id FROM unit WHERE gone = 0"
            " AND likeness = (SELECT likeness FROM unit WHERE id = ?)",
            (unit,),
        )
        found |= {row for (row,) in rows}
    return found - units


def _items(db: Connection, table: str, rows: Iterable[int]) -> tuple[ItemId, ...]:
    found = (
        db.execute(
            "SELECT b.device, b.epoch, b.number, t.item"  # noqa: S608  # a table of ours
            f" FROM {table} t JOIN batch b ON b.seq = t.batch WHERE t.id = ?",
            (row,),
        ).fetchone()
        for row in rows
    )
    return tuple(sorted(ItemId(*row) for row in found))


def _names(db: Connection, units: Iterable[int]) -> tuple[str, ...]:
    found = (
        db.execute("SELECT name FROM unit WHERE id = ?", (unit,)).fetchone()[0] for unit in units
    )
    return tuple(sorted(found))
