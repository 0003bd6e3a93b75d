# SPDX-License-Identifier: EUPL-1.2
"""Records and segments of the trail as rows of ``index.sqlite`` (docs/spec/people.md §8)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum

from lakzegel_core.encoding import format_time
from lakzegel_server.database import Database
from lakzegel_server.index.engine import Connection
from lakzegel_server.people.records import BEGINNING, Event, encode, hash_of
from lakzegel_server.schema import put, row_digest


@dataclass(frozen=True, slots=True)
class Head:
    """The newest record, and the settings that were in force at the last start."""

    number: int = 0
    hash: bytes = BEGINNING
    settings: str = ""  # nothing before the first start


class State(IntEnum):
    """How far a segment is."""

    WAITING = 0  # its file is durable, its entry not in the log yet
    SEALED = 1
    LOST = 2  # a restore of the log brought its entry back, without the file
    BACK = 3  # and with the file; what came after it here does not follow it


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment, with the note that is its entry of the log."""

    number: int
    note: bytes
    last: int  # the number of its last record; 0 where a restore brought it back
    state: State


def append(database: Database, events: Iterable[Event], *, now: float) -> int:
    """Write records down, durably, all or none; how many wait for a segment."""
    with database.transaction() as change:
        return insert(change, events, now=now)


def insert(change: Connection, events: Iterable[Event], *, now: float) -> int:
    """The same within somebody else's transaction."""
    head, at = read_head(change), format_time(datetime.fromtimestamp(int(now), UTC))
    number, previous = head.number, head.hash
    for event in events:
        number += 1
        line = encode(event, number=number, at=at, previous=previous)
        previous = hash_of(line)
        text = line.decode()
        change.execute("INSERT INTO trail VALUES (?, ?, ?)", (number, text, _digest(number, text)))
    _write_head(change, Head(number, previous, head.settings))
    return int(change.execute("SELECT count(*) FROM trail").fetchone()[0])


def read_head(connection: Connection) -> Head:
    """The newest record's place; the beginning where there is none."""
    row = connection.execute("SELECT number, hash, settings FROM trail_head").fetchone()
    return Head() if row is None else Head(*row)


def remember_settings(database: Database, settings: str) -> bool:
    """Note which settings are in force; whether they are others than at the last start."""
    with database.transaction() as change:
        head = read_head(change)
        _write_head(change, Head(head.number, head.hash, settings))
    return bool(head.settings) and head.settings != settings


def waiting(connection: Connection, limit: int) -> list[tuple[int, bytes]]:
    """The oldest records that no segment has."""
    rows = connection.execute("SELECT number, record FROM trail ORDER BY number LIMIT ?", (limit,))
    return [(number, record.encode()) for number, record in rows]


def add_segment(database: Database, segment: Segment) -> bool:
    """Remember a segment whose file is durable; False where another of its number is known.

    Of two receivers that cut one at the same time, the file of the first is the segment.
    """
    row = _row(segment)
    with database.transaction() as change:
        if _known(change, segment.number) is not None:
            return False
        change.execute(put("trail_segments"), (*row, row_digest(*row)))
    return True


def bring_back(database: Database, segment: Segment) -> bool:
    """Remember a segment by its entry, in place of another of its number; False where it is known.

    Another receiver may have remembered and sealed it since somebody looked.
    """
    row = _row(segment)
    with database.transaction() as change:
        if _known(change, segment.number) == segment.note:
            return False
        change.execute(put("trail_segments"), (*row, row_digest(*row)))
    return True


def finish_segment(database: Database, segment: Segment) -> None:
    """Its entry is in the log: its records are its own from now on."""
    row = _row(Segment(segment.number, segment.note, segment.last, State.SEALED))
    with database.transaction() as change:
        change.execute(put("trail_segments"), (*row, row_digest(*row)))
        change.execute("DELETE FROM trail WHERE number <= ?", (segment.last,))


def drop_segment(database: Database, segment: Segment) -> None:
    """The log refused its entry: its records wait again."""
    with database.transaction() as change:
        change.execute(
            "DELETE FROM trail_segments WHERE number = ? AND note = ? AND state = ?",
            (segment.number, segment.note, int(State.WAITING)),
        )


def segments(connection: Connection) -> list[Segment]:
    """Every segment, in order."""
    rows = connection.execute(
        "SELECT number, note, last, state FROM trail_segments ORDER BY number"
    )
    return [Segment(number, note, last, State(state)) for number, note, last, state in rows]


def _known(connection: Connection, number: int) -> bytes | None:
    found = connection.execute("SELECT note FROM trail_segments WHERE number = ?", (number,))
    row = found.fetchone()
    return None if row is None else bytes(row[0])


def _row(segment: Segment) -> tuple[int, bytes, int, int]:
    return segment.number, segment.note, segment.last, int(segment.state)


def _write_head(change: Connection, head: Head) -> None:
    row = (1, head.number, head.hash, head.settings)
    change.execute(put("trail_head"), (*row, row_digest(*row)))


def _digest(number: int, text: str) -> bytes:
    return row_digest(number, text)
