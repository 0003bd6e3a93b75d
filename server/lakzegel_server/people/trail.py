# SPDX-License-Identifier: EUPL-1.2
"""The audit trail of one receiver, and how it gets into the log (docs/spec/people.md §8).

1. A record is durable in ``index.sqlite``, chained to the one before.
2. Records that wait become a segment: its file durable, then its entry signed and remembered.
3. The entry goes into the log; then the rows go. Whatever crashes goes on with the same entry.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import threading
from collections.abc import Callable
from typing import Final, Self

from lakzegel_core.encoding import parse_time
from lakzegel_core.errors import LakzegelError
from lakzegel_core.keys import SigningKey
from lakzegel_core.trail import Trail, sign_trail
from lakzegel_server import sharedkeys
from lakzegel_server.database import Database
from lakzegel_server.errors import DamageError
from lakzegel_server.layout import Layout
from lakzegel_server.logstate import LogState
from lakzegel_server.people import trailback, trailkey, trailrows
from lakzegel_server.people.records import RECEIVER, SELF, Action, Event, Thing, parse
from lakzegel_server.people.segmentfile import MAX_RECORDS, moments
from lakzegel_server.people.segmentput import put_segment
from lakzegel_server.people.trailcount import Counting
from lakzegel_server.people.trailrows import Segment, State
from lakzegel_server.receivers import are_settings_new
from lakzegel_server.sequencer import Sequencer
from lakzegel_server.stores import names

TEND_SECONDS: Final = 60.0  # what was counted is written down at least this often
FULL: Final = 256  # records that make a segment at once
OLDEST_SECONDS: Final = 24 * 60 * 60  # and so does one of this age
ALL: Final = 2**62
FIRST_ENTRY: Final = 2  # the log's second entry may have to be a succession
Listener = Callable[[Event], None]
_log: Final = logging.getLogger(__name__)


class AuditTrail:
    """Takes down what people did; any thread may call it."""

    def __init__(
        self, layout: Layout, database: Database, key: SigningKey, clock: Callable[[], float]
    ) -> None:
        self._layout = layout
        self._database = database
        self._key = key
        self._clock = clock
        self._lock = threading.Lock()
        self._sealing = threading.Lock()
        self._swept = False
        self._counting = Counting(clock)
        self._listeners: list[Listener] = []
        self._full: Callable[[], None] = lambda: None

    @classmethod
    def open(cls, layout: Layout, origin: str, clock: Callable[[], float]) -> Self:
        """Open a connection of its own; the key is made where there is none."""
        database = Database.open(layout.database)
        try:
            key = _key(layout, database, origin)
        except BaseException:
            database.close()
            raise
        return cls(layout, database, key, clock)

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._database.close()

    def when_noted(self, listener: Listener) -> None:
        """Call this after every record; it must return at once, and never fail."""
        self._listeners.append(listener)

    def when_full(self, wake: Callable[[], None]) -> None:
        """Call this when there is enough for a segment."""
        self._full = wake

    # what happens

    def note(self, event: Event) -> None:
        """Write a record down, durably.

        Raises:
            OSError, FAILURES: it could not be.
        """
        if self._append([event]) >= FULL:
            self._full()
        for listener in self._listeners:
            listener(event)

    def count(self, event: Event) -> None:
        """Count what happens often; it is a record within a minute."""
        self._counting.add(event)

    def flush(self) -> None:
        """Write down what was counted; that wakes nobody, or it would be done without end.

        What tends to the trail does it every minute, and seals what is enough afterwards.
        """
        counted = self._counting.take()
        if not counted:
            return
        try:
            self._append([event.counted(times) for event, times in counted.items()])
        except BaseException:
            self._counting.put_back(counted)
            raise

    def started(self, settings: bytes) -> None:
        """Record a start, and whether the settings are others than at the last one."""
        digest = hashlib.sha256(settings).hexdigest()
        with self._lock:
            if self._layout.shared:  # each receiver has its own, in its own row
                changed = are_settings_new(self._database, self._layout, digest)
            else:
                changed = trailrows.remember_settings(self._database, digest)
        events = [Event(SELF, Action.START, Thing.RECEIVER)]
        if changed:
            events.append(Event(SELF, Action.CHANGE, Thing.SETTINGS, id=digest))
        self._append(events)

    # into the log

    def tend(self, log: LogState, sequencer: Sequencer) -> None:
        """What there is to do every minute: write down, and seal what is enough or old enough."""
        self.flush()
        self.take_back(log)
        self._sweep(log)
        while self._is_due():
            if not self.seal(log, sequencer):
                return

    def stop(self, log: LogState, sequencer: Sequencer) -> None:
        """Record the end, and seal what a person did; a failure keeps nothing from ending."""
        try:
            self.flush()
            self.take_back(log)
            self._append([Event(SELF, Action.STOP, Thing.RECEIVER)])
            while self._is_last(log) and self._has_people() and self.seal(log, sequencer):
                pass
        except Exception as error:  # noqa: BLE001 - the rest of a receiver has to end too
            _log.warning("the trail waits for the next start: %s", type(error).__name__)

    def seal(self, log: LogState, sequencer: Sequencer) -> bool:
        """Put the next segment into the log; False when there is none, or not yet.

        Raises:
            LakzegelError, ServerError, OSError: it was refused, or cannot be now.
        """
        self.take_back(log)
        with self._sealing:
            segment = self._unfinished() or self._cut(log)
            if segment is None:
                return False
            try:
                sequencer.submit(segment.note).result()
            except LakzegelError:
                with self._lock:
                    trailrows.drop_segment(self._database, segment)
                raise
            with self._lock:
                trailrows.finish_segment(self._database, segment)
            return True

    def take_back(self, log: LogState) -> None:
        """Take in what the log has after a restore, and the index has not."""
        with self._sealing, self._lock:
            for note in trailback.unknown_entries(log, self._database):
                trailback.take_in(self._layout, self._database, note, now=self._clock())

    # what auditors ask

    def segments(self) -> list[Segment]:
        """Every segment whose entry is in the log."""
        with self._lock:
            return [
                s for s in trailrows.segments(self._database.connection) if s.state > State.WAITING
            ]

    def everything(self) -> tuple[list[Segment], list[tuple[int, bytes]]]:
        """Every segment whose entry is in the log, and the records that none of them has.

        Both at one moment: no record is in neither.
        """
        with self._lock:
            found = trailrows.segments(self._database.connection)
            waiting = trailrows.waiting(self._database.connection, ALL)
        return [s for s in found if s.state > State.WAITING], waiting

    def waiting(self) -> int:
        """How many records have no segment yet."""
        with self._lock:
            row = self._database.connection.execute("SELECT count(*) FROM trail").fetchone()
        return int(row[0])

    # inside

    def _append(self, events: list[Event]) -> int:
        """How many records wait for a segment now."""
        with self._lock:
            return trailrows.append(self._database, events, now=self._clock())

    def _unfinished(self) -> Segment | None:
        with self._lock:
            found = trailrows.segments(self._database.connection)
        return next((segment for segment in found if segment.state is State.WAITING), None)

    def _oldest(self, limit: int) -> list[tuple[int, bytes]]:
        with self._lock:
            return trailrows.waiting(self._database.connection, limit)

    def _is_due(self) -> bool:
        waiting = self._oldest(FULL)
        if not waiting:
            return False
        oldest = parse_time(parse(waiting[0][1]).at, what="trail record").timestamp()
        return len(waiting) >= FULL or self._clock() - oldest >= OLDEST_SECONDS

    def _has_people(self) -> bool:
        return any(parse(line).way != RECEIVER for _, line in self._oldest(MAX_RECORDS))

    def _cut(self, log: LogState) -> Segment | None:
        """The next segment, its file durable; None where there is nothing, or no log for it."""
        with log.reading() as (custody, _):
            if custody.delegation is None or custody.size < FIRST_ENTRY:
                return None
            before = custody.trail
        if before is not None and before.trail.key != self._key.verifier:
            raise DamageError(f"keys/{trailkey.TRAIL_KEY}: is not the key that the log names")
        waiting = self._oldest(MAX_RECORDS)
        if not waiting:
            return None
        number = before.trail.number + 1 if before else 0
        lines, data = put_segment(
            self._layout, number, tuple(line for _, line in waiting), now=self._clock()
        )
        since, until = moments([parse(line).at for line in lines])
        entry = Trail(
            origin=log.origin,
            number=number,
            previous=before.id if before else None,
            count=len(lines),
            records=hashlib.sha256(data).digest(),
            since=parse_time(since, what="trail from"),
            until=parse_time(until, what="trail to"),
            key=self._key.verifier,
        )
        last = waiting[len(lines) - 1][0]
        segment = Segment(number, sign_trail(entry, self._key), last, State.WAITING)
        with self._lock:
            added = trailrows.add_segment(self._database, segment)
        return segment if added else None

    def _is_last(self, log: LogState) -> bool:
        """Whether nobody else is there to seal what waits."""
        return not self._layout.shared or log.lease("trail").holds()

    def _sweep(self, log: LogState) -> None:
        """Take away a file that a crash left before its entry was remembered.

        Once, and not before this is known to be the newest log: what an index that was set back
        does not know may well be in the log.
        """
        if self._swept or self._layout.shared or not log.standing.sealing:
            return
        with self._sealing, self._lock:
            known = {s.number for s in trailrows.segments(self._database.connection)}
            objects = self._layout.stores.objects
            for place in list(objects.names(names.TRAIL)):
                name = place.removeprefix(names.TRAIL).removesuffix(".jsonl")
                if name.isdecimal() and int(name) > max(known, default=-1):
                    objects.remove(place)
            self._swept = True


def _key(layout: Layout, database: Database, origin: str) -> SigningKey:
    """The trail's key: the one that lies here, or a new one where nobody has one.

    Raises:
        ConfigError: other receivers have another.
    """
    if layout.shared:
        sharedkeys.require_file(layout, database, trailkey.TRAIL_KEY)
    key = trailkey.ensure(layout, origin, secrets.token_bytes(trailkey.SEED_SIZE))
    if layout.shared:
        sharedkeys.require_known(database, trailkey.TRAIL_KEY, key.verifier.to_text())
    return key
