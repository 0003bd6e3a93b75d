# SPDX-License-Identifier: EUPL-1.2
"""What a destruction would have to reach: docs/spec/collection.md §6.

Segments that hold a unit, alone or with others; captures that name one of those, themselves or by
a stretch of their base; observations that name the file; and units with the same words elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from lakzegel_office.collection.database import Connection
from lakzegel_office.collection.ids import LEAST_ALIKE, normalised
from lakzegel_office.collection.model import Containing, UnitKind
from lakzegel_office.collection.rowlists import MISSING, ordered
from lakzegel_office.collection.schema import DIRECTORY
from lakzegel_office.collection.units import SNIPPET
from lakzegel_office.collection.wording import phrase_of
from lakzegel_office.names import ItemId

_SEGMENTS: Final = (
    "SELECT segment FROM place WHERE unit = ?1 AND gone = 0"
    " UNION SELECT s.id FROM place p JOIN segment s ON s.part_of = p.segment"  # of a member
    " WHERE p.unit = ?1 AND s.gone = 0"
)
_UNITS: Final = (
    "SELECT unit FROM place WHERE gone = 0"
    " AND segment IN (?1, (SELECT part_of FROM segment WHERE id = ?1))"
)
MOST_ALIKE: Final = 1_000  # units that quote one text


def containing(db: Connection, units: Sequence[int]) -> Containing:
    """Return everything that holds or names these units."""
    wanted = frozenset(units)
    segments = segments_of(db, units)
    held = _held(db, segments)
    shared = {segment for segment in segments if held[segment] - wanted}
    neighbours = {unit for segment in shared for unit in held[segment] - wanted}
    files = {file for segment in segments for file in _file_of(db, segment)}
    captures = {capture for file in files for capture in _captures(db, file, segments)}
    archives = {capture for unit in wanted for capture in _archives(db, unit)}
    directories = {segment for capture in archives for segment in _directories(db, capture)}
    directories -= segments
    neighbours |= {unit for units in _held(db, directories).values() for unit in units - wanted}
    files |= {file for unit in wanted for file in _files_of_versions(db, unit)}
    return Containing(
        alone=_items(db, "segment", segments - shared),
        shared=_items(db, "segment", shared),
        captures=_items(db, "capture", captures | _versions(db, wanted)),
        observations=tuple(sorted(_observations(db, files))),
        neighbours=_names(db, neighbours),
        alike=_names(db, _alike(db, wanted)),
        archives=_items(db, "capture", archives),
        directories=_items(db, "segment", directories),
    )


def beside(db: Connection, units: Sequence[int]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the `neighbours` and `alike` of these units: no capture of their files is read."""
    wanted = frozenset(units)
    held = _held(db, segments_of(db, units))
    neighbours = {unit for found in held.values() for unit in found - wanted}
    return _names(db, neighbours), _names(db, _alike(db, wanted))


def segments_of(db: Connection, units: Iterable[int]) -> set[int]:
    """Return the segments that hold these units."""
    found: set[int] = set()
    for unit in units:
        found |= {row for (row,) in db.execute(_SEGMENTS, (unit,))}
        for (capture,) in db.execute("SELECT capture FROM version WHERE unit = ?", (unit,)):
            found |= set(ordered(db, capture))
    return found - {MISSING}


def _held(db: Connection, segments: set[int]) -> dict[int, set[int]]:
    """Return which units each segment holds: messages, and versions of its file."""
    held: dict[int, set[int]] = {segment: set() for segment in segments}
    for segment, units in held.items():
        units |= {row for (row,) in db.execute(_UNITS, (segment,))}
    for file in {file for segment in segments for file in _file_of(db, segment)}:
        versions = db.execute(
            "SELECT v.unit, v.capture FROM version v JOIN capture k ON k.id = v.capture"
            " WHERE k.file = ?",
            (file,),
        ).fetchall()
        for unit, capture in versions:
            for segment in segments.intersection(ordered(db, capture)):
                held[segment].add(unit)
    return held


def _captures(db: Connection, file: int, segments: set[int]) -> Iterator[int]:
    """Yield the captures of a file that name one of these segments."""
    for (capture,) in db.execute("SELECT id FROM capture WHERE file = ?", (file,)).fetchall():
        if not segments.isdisjoint(ordered(db, capture)):
            yield capture


def _archives(db: Connection, unit: int) -> Iterator[int]:
    """Yield the captures of archives by members that have or had a unit in one of those."""
    rows = db.execute(
        "SELECT DISTINCT s.file, s.id FROM place p JOIN segment s ON s.id = p.segment"
        " WHERE p.unit = ? AND EXISTS (SELECT 1 FROM segment d WHERE d.file = s.file AND"
        " d.state = ? AND d.gone = 0)",
        (unit, DIRECTORY),
    ).fetchall()
    for file, segment in rows:
        yield from _captures(db, file, {segment})


def _directories(db: Connection, capture: int) -> set[int]:
    """Return the segments of a capture that name the members of an archive."""
    rows = db.execute(
        "SELECT s.id FROM segment s JOIN capture k ON k.file = s.file"
        " WHERE k.id = ? AND s.state = ? AND s.gone = 0",
        (capture, DIRECTORY),
    ).fetchall()
    return {segment for (segment,) in rows}.intersection(ordered(db, capture))


def _versions(db: Connection, units: Iterable[int]) -> set[int]:
    """Return the captures that are units as a whole, those of empty files too."""
    found = (db.execute("SELECT capture FROM version WHERE unit = ?", (unit,)) for unit in units)
    return {capture for rows in found for (capture,) in rows.fetchall()}


def _file_of(db: Connection, segment: int) -> Iterator[int]:
    yield from db.execute("SELECT file FROM segment WHERE id = ?", (segment,)).fetchone()


def _files_of_versions(db: Connection, unit: int) -> Iterator[int]:
    for (file,) in db.execute(
        "SELECT DISTINCT k.file FROM version v JOIN capture k ON k.id = v.capture WHERE v.unit = ?",
        (unit,),
    ).fetchall():
        yield file


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
    """Return other units with the same text, or that have how it begins within theirs."""
    found: set[int] = set()
    for unit in units:
        rows = db.execute(
            "SELECT id FROM unit WHERE gone = 0"
            " AND likeness = (SELECT likeness FROM unit WHERE id = ?)",
            (unit,),
        )
        found |= {row for (row,) in rows}
        found |= _quoting(db, unit)
    return found - units


def _quoting(db: Connection, unit: int) -> set[int]:
    """Return the units that have the begin of a text within them: answers, what was forwarded."""
    (kind, snippet) = db.execute("SELECT kind, snippet FROM unit WHERE id = ?", (unit,)).fetchone()
    begin = snippet if len(snippet) < SNIPPET else snippet.rpartition(" ")[0]
    match = phrase_of(begin)
    if kind == UnitKind.FILE or match is None or len(normalised(begin)) < LEAST_ALIKE:
        return set()
    statement = "SELECT rowid FROM words WHERE words MATCH ? LIMIT ?"
    rows = db.execute(statement, (f"body : {match}", MOST_ALIKE)).fetchall()
    return {row for (row,) in rows}


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
