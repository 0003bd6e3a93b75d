# SPDX-License-Identifier: EUPL-1.2
"""Segments that the log has and the index does not: what a restore brought back.

The log was rebuilt from the office's mirror, which has entries and no records of ours. A segment
whose file is here is taken in again; any other is lost, and that is a record too (people.md §8).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from lakzegel_core.trail import peek_trail
from lakzegel_server.database import Database
from lakzegel_server.layout import Layout
from lakzegel_server.logstate import LogState
from lakzegel_server.people import trailrows
from lakzegel_server.people.records import SELF, Action, Event, Thing
from lakzegel_server.people.segmentfile import MAX_SEGMENT
from lakzegel_server.people.trailrows import Segment, State
from lakzegel_server.stores import names


def unknown_entries(log: LogState, database: Database) -> list[bytes]:
    """The trail's entries that the index has no segment of, the oldest first."""
    known = {hashlib.sha256(s.note).digest() for s in trailrows.segments(database.connection)}
    return list(_back(log, database, known))[::-1]


def take_in(layout: Layout, database: Database, note: bytes, *, now: float) -> None:
    """Remember the segment of an entry, with its records where they are here."""
    entry = peek_trail(note)
    objects, place = layout.stores.objects, names.segment(entry.number)
    try:
        here = hashlib.sha256(objects.read(place, MAX_SEGMENT)).digest() == entry.records
    except FileNotFoundError:
        here = False
    state = State.BACK if here else State.LOST
    if not trailrows.bring_back(database, Segment(entry.number, note, 0, state)):
        return
    if not here:
        objects.remove(place)
        lost = Event(SELF, Action.LOSE, Thing.SEGMENT, id=str(entry.number), count=entry.count)
        trailrows.append(database, [lost], now=now)


def _back(log: LogState, database: Database, known: set[bytes]) -> Iterator[bytes]:
    """From the newest entry back to the first one that is known."""
    with log.reading() as (custody, shown):
        wanted = custody.trail.id if custody.trail else None
        size = shown.checkpoint.size
    while wanted is not None and wanted not in known:
        index = database.index_of(wanted)
        if index is None or index >= size:
            return
        note = log.store.entry(index, size)
        yield note
        wanted = peek_trail(note).previous
