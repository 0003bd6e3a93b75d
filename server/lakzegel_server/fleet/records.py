# SPDX-License-Identifier: EUPL-1.2
"""What is remembered of each device's health: its newest heartbeat, and what arrived when.

Kept in memory as well, so that a reading of the whole fleet asks the disk for nothing. None of it
is evidence: a write that a power cut undoes costs nothing but the next heartbeat, and so none waits
for the disk. docs/spec/heartbeat.md §4, storage.md §3
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final, Self

from lakzegel_core import note
from lakzegel_core.batch import Header
from lakzegel_core.encoding import format_time, parse_time
from lakzegel_core.errors import LakzegelError, ReplayError
from lakzegel_core.heartbeat import Heartbeat
from lakzegel_core.limits import MAX_HEARTBEAT
from lakzegel_server.database import Database
from lakzegel_server.fleet.arrivals import Arrivals
from lakzegel_server.fleet.beat import Beat
from lakzegel_server.fleet.days import Day, add_days
from lakzegel_server.fleet.lives import Lives, read, write
from lakzegel_server.fleet.model import Fleet
from lakzegel_server.index.engine import FAILURES, Connection
from lakzegel_server.layout import Layout
from lakzegel_server.logstate import LogState
from lakzegel_server.schema import put, row_digest
from lakzegel_server.standing import Phase, Standing

GRACE: Final = timedelta(minutes=30)  # after a start or a stop of sealing: nobody becomes late
TEND_SECONDS: Final = 5.0  # how much of when batches came a crash may make less exact
Clock = Callable[[], float]
_log: Final = logging.getLogger(__name__)


class FleetRecords:
    """The newest of every device; one connection, one lock: worker threads take turns."""

    def __init__(self, database: Database, layout: Layout, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self.arrivals = Arrivals(database, self._lock, layout, self.now)
        self._beats: dict[str, Beat] = {}
        self._lives: dict[str, Lives] = {}
        self.began = self.now()
        self.alive = self.began  # the newest sign of life of any device before that
        self.changes = 0  # of what a reading of the fleet shows
        self._idle: datetime | None = None  # since when this receiver seals nothing
        self._resumed: datetime | None = None  # and when it sealed again
        self.reading: tuple[tuple[int, int, Phase], Fleet] | None = (
            None  # the newest, and of what state
        )

    @classmethod
    def open(cls, layout: Layout, clock: Clock) -> Self:
        """What was remembered before."""
        database = Database.open(layout.database)
        database.relax()
        records = cls(database, layout, clock)
        records._load()
        return records

    def close(self) -> None:
        """Write down what was told, and close the connection."""
        with suppress(*FAILURES):
            self.arrivals.write()
        with self._lock:
            self._database.close()

    def now(self) -> datetime:
        """The receiver's clock, in whole seconds."""
        return datetime.fromtimestamp(int(self._clock()), UTC)

    def beats(self) -> dict[str, Beat]:
        """The newest heartbeat of every device that sent one."""
        with self._lock:
            return dict(self._beats)

    def keep(self, heartbeat: Heartbeat, data: bytes) -> None:
        """Keep a heartbeat, which ``data`` is the verified note of, as its device's newest.

        Raises:
            ReplayError: its counter is not above that of the one that is kept.
        """
        at = self.now()
        row = (heartbeat.device, format_time(at), data)
        with self._lock:
            known = self._beats.get(heartbeat.device)
            if known is not None and _place(heartbeat) <= _place(known.heartbeat):
                raise ReplayError(
                    f"device {heartbeat.device}: heartbeat {heartbeat.counter} is not newer than"
                    f" {known.heartbeat.counter}"
                )
            with self._database.transaction() as change:
                change.execute(
                    put("heartbeats"),
                    (*row, row_digest(*row)),
                )
                add_days(change, {(heartbeat.device, at.date()): Day().with_beat(at)})
                self._live(change, heartbeat, at)
            self._beats[heartbeat.device] = Beat.of(heartbeat, at)
            self.changes += 1

    def clones(self, now: datetime) -> dict[str, datetime]:
        """The devices of which two copies are alive, and since when."""
        with self._lock:
            found = ((name, lives.cloned(now)) for name, lives in self._lives.items())
            return {name: since for name, since in found if since is not None}

    def _live(self, change: Connection, heartbeat: Heartbeat, at: datetime) -> None:
        known = self._lives.get(heartbeat.device, Lives(heartbeat.epoch))
        lives = known.heard(heartbeat.epoch, heartbeat.boot, at)
        if lives != known:
            write(change, heartbeat.device, lives)
            self._lives[heartbeat.device] = lives

    def sealed(self, header: Header, index: int, size: int) -> None:
        """Take note of a batch that was sealed just now; its file has so many bytes."""
        self.arrivals.tell(header, index, size)
        self.changes += 1

    def owed(self, standing: Standing, now: datetime) -> datetime:
        """The moment up to which devices owe batches: none while nothing is sealed of anybody.

        Nor for a while after that, since devices then come one after another.
        """
        with self._lock:
            if not standing.sealing:
                began = min(now, self.alive) if now - self.began < GRACE else now
                self._idle, self._resumed = self._idle or began, None
            elif self._idle is not None and self._resumed is None:
                self._resumed = now
            elif self._resumed is not None and now - self._resumed >= GRACE:
                self._idle = self._resumed = None
            return now if self._idle is None else self._idle

    def tend(self, log: LogState) -> None:
        """Write down, make good from the log, and forget: a chore's work."""
        self.owed(log.standing, self.now())
        self.arrivals.follow(log)
        self.arrivals.prune()

    def _load(self) -> None:
        rows = self._database.connection.execute("SELECT device, at, note FROM heartbeats")
        for device, at, data in rows:
            try:
                text = note.parse(data, max_size=MAX_HEARTBEAT).text
                self._beats[device] = Beat.of(Heartbeat.from_text(text), parse_time(at, what="at"))
            except LakzegelError:
                _log.warning("a heartbeat that was kept cannot be read; run 'check'")
        self._lives = dict(read(self._database.connection))
        times = [beat.at for beat in self._beats.values()]
        times += [arrival.at for arrival in self.arrivals.newest().values()]
        self.alive = min(self.began, max(times, default=self.began))


def _place(heartbeat: Heartbeat) -> tuple[int, int]:
    return heartbeat.epoch, heartbeat.counter
