# SPDX-License-Identifier: EUPL-1.2
"""What is remembered of each device's health: its newest heartbeat, what arrived, how it fares.

All of it is in the index, a row a device, and nothing that grows with the fleet is in memory: what
one receiver wrote, others read. None of it is evidence: a write that a power cut undoes costs
nothing but the next heartbeat, and so none waits for the disk. docs/spec/heartbeat.md §4,
storage.md §3
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime
from typing import Final, Self

from lakzegel_core.batch import Header
from lakzegel_core.heartbeat import Heartbeat
from lakzegel_server.database import Database
from lakzegel_server.fleet import arrivals
from lakzegel_server.fleet.arrivals import Following, Found, Pruning, Told
from lakzegel_server.fleet.days import Day, forget_days, read_days
from lakzegel_server.fleet.gathering import Arriving, Gathering
from lakzegel_server.fleet.grace import Freshness, Grace
from lakzegel_server.fleet.judging import Judge
from lakzegel_server.fleet.keeping import keep_sealed, keep_states, read_healths
from lakzegel_server.fleet.model import Arrival, DeviceHealth
from lakzegel_server.fleet.receiving import receive
from lakzegel_server.fleet.roll import Known, Roll
from lakzegel_server.fleet.states import all_names, names_after, names_due, newest_life
from lakzegel_server.fleet.tending import MOST, SMALL, Tending
from lakzegel_server.index.engine import FAILURES, Connection
from lakzegel_server.layout import Layout
from lakzegel_server.logstate import LogState
from lakzegel_server.settings_fleet import FleetSettings

TEND_SECONDS: Final = 5.0  # how much of when batches came a crash may make less exact
FLEET: Final = "fleet"  # the turn of whoever writes these tables, which nobody else does
PRUNED: Final = 20  # chunks of old arrivals each time
Clock = Callable[[], float]


class FleetRecords:
    """One receiver's; a connection that writes and one that reads, a lock each."""

    def __init__(self, database: Database, reading: Database, layout: Layout, clock: Clock) -> None:
        self._database = database
        self._reading = reading
        self._clock = clock
        self._lock = threading.Lock()  # of the connection that writes
        self._reading_lock = threading.Lock()
        self._log: LogState | None = None
        self.limits = FleetSettings()
        self.roll = Roll()
        self.grace = Grace(self.now(), self._newest_life())
        self.freshness = Freshness()
        self.told = Told(self.now, self._keep)
        self._following = Following(layout, self.now, self._keep)
        self._pruning = Pruning()
        self._gathering = Gathering(self._receive)
        self.tending = Tending(self.roll, self._look, self._names, self._after, self._due)

    @classmethod
    def open(cls, layout: Layout, clock: Clock) -> Self:
        """What was remembered before."""
        database = Database.open(layout.database)
        database.relax()
        return cls(database, Database.open_readonly(layout.database), layout, clock)

    def begin(self, log: LogState, limits: FleetSettings) -> None:
        """Know from now on what the log says of devices, and by which limits they are judged."""
        self.limits = limits
        with log.looking() as custody:
            self.roll.begin(custody)
            log.when_taken(self.roll.take)
        self._log = log

    def close(self) -> None:
        """Write down what was told, and close the connections."""
        self._gathering.close()
        with suppress(*FAILURES):
            self.told.write()
        with self._lock, self._reading_lock:
            self._reading.close()
            self._database.close()

    def now(self) -> datetime:
        """The receiver's clock, in whole seconds."""
        return datetime.fromtimestamp(int(self._clock()), UTC)

    # what comes

    def put(self, heartbeat: Heartbeat, data: bytes) -> Future[None]:
        """Keep a heartbeat, which ``data`` is the verified note of, as its device's newest.

        The future is done when it is kept; it raises ReplayError when its counter is not above that
        of the one that is kept.

        Raises:
            BusyError: too many wait.
        """
        return self._gathering.put(heartbeat, data, self.now())

    def sealed(self, header: Header, index: int, size: int) -> None:
        """Take note of a batch that was sealed just now; its file has so many bytes."""
        self.told.tell(header, index, size)

    # what is asked

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection for looking only; what was written before is there."""
        with self._reading_lock:
            yield self._reading.connection

    def refresh(self, now: datetime) -> None:
        """Before somebody looks: what came, and what the log says, is in the rows.

        Of a fleet that is not small the rest may be some seconds old.
        """
        self.told.write()
        log = self._begun()
        with log.looking() as custody:
            small = self.roll.size(custody) <= SMALL
        self.judge(now)
        if small:
            self.tending.all(now)
        else:
            self.tending.changed(now)

    def health(self, device: str, now: datetime) -> DeviceHealth | None:
        """How one device fares now, with everything that is known of it; None: nobody knows it."""
        found = self.healths([device], now)
        return found[0] if found else None

    def healths(self, names: Sequence[str], now: datetime) -> list[DeviceHealth]:
        """The same of some devices, in this order."""
        known, judge = self.known(names, now), self.judge(now)
        with self.reading() as connection:
            return read_healths(connection, known, judge)

    def known(self, names: Sequence[str], now: datetime) -> dict[str, Known]:
        """What the log says of these devices; nothing of one that it does not know."""
        with self._begun().looking() as custody:
            return self.roll.look(custody, names, now)

    def judge(self, now: datetime) -> Judge:
        """By what devices are judged at this moment."""
        quiet, owed = self.grace.until(self._begun().standing, now)
        judge = Judge(self.limits, now, quiet, owed)
        if self.grace.is_over(holds_back=judge.holds_back):
            self.tending.hurry()
        return judge

    def arrivals(self, device: str, since: datetime) -> list[Arrival]:
        """A device's arrivals from a moment on, the newest first; not all of a chatty one."""
        self.told.write()
        with self.reading() as connection:
            return arrivals.arrivals_of(connection, device, since)

    def days(self, device: str, since: date) -> dict[date, Day]:
        """A device's days from one on, on which anything came; at most those of 400 days."""
        self.told.write()
        with self.reading() as connection:
            return dict(read_days(connection, device, since))

    # what a chore does now and then

    def tend(self, log: LogState) -> None:
        """Write down, make good from the log, look at who is owed it, and forget."""
        if self._log is None:
            self.begin(log, self.limits)
        now = self.now()
        self.judge(now)
        self.told.write()
        self._following.follow(log, self.reading)
        self.tending.some(now)
        self._prune(now)

    def _begun(self) -> LogState:
        if self._log is None:
            raise RuntimeError("the fleet is asked of before it knows the log")
        return self._log

    def _keep(self, found: Sequence[Found]) -> None:
        """Write down arrivals, and what follows from them."""
        if not found:
            return
        names = tuple({device for device, _ in found})
        now = self.now()
        if self._log is None:
            with self._lock, self._database.transaction(FLEET) as change:
                arrivals.keep_arrivals(change, found)
            return
        known, judge = self.known(names, now), self.judge(now)
        with self._lock, self._database.transaction(FLEET) as change:
            arrivals.keep_arrivals(change, found)
            keep_sealed(change, known, found, judge)

    def _receive(self, group: list[Arriving]) -> None:
        """Write down heartbeats, and what follows from them."""
        now = self.now()
        known = self.known([one.heartbeat.device for one in group], now)
        judge = self.judge(now)
        with self._lock, self._database.transaction(FLEET) as change:
            receive(change, group, known, judge)

    def _look(self, names: Sequence[str], now: datetime) -> None:
        """Make the rows of these devices anew."""
        known, judge = self.known(names, now), self.judge(now)
        with self._lock, self._database.transaction(FLEET) as change:
            keep_states(change, names, known, judge)
            forget_days(change, names, (now - arrivals.KEPT).date())

    def _names(self) -> list[str]:
        """All devices, of the log and of the rows."""
        with self._begun().looking() as custody:
            names = self.roll.names(custody)
        with self.reading() as connection:
            rows = all_names(connection)
        return [*names, *rows.difference(names)]

    def _after(self, group: str, name: str) -> list[str]:
        with self.reading() as connection:
            return names_after(connection, group, name, MOST)

    def _due(self, now: datetime) -> list[str]:
        with self.reading() as connection:
            return names_due(connection, int(now.timestamp()), MOST)

    def _prune(self, now: datetime) -> None:
        """Drop arrivals that are too old, but for the newest of each device."""
        for _ in range(PRUNED):
            if not self._pruning.is_owed(now):
                return
            with self.reading() as connection:
                old = self._pruning.old(connection, now)
            newest = _newest(self.known([device for _, device in old], now))
            with self._lock, self._database.transaction(FLEET) as change:
                arrivals.drop_arrivals(change, [idx for idx, _ in old if idx not in newest])

    def _newest_life(self) -> datetime | None:
        with self.reading() as connection:
            return newest_life(connection)


def _newest(known: Mapping[str, Known]) -> set[int]:
    """The places in the log of the newest batches of these devices."""
    heads = (getattr(one, "head", None) for one in known.values())
    return {head[1].index for head in heads if head is not None}
