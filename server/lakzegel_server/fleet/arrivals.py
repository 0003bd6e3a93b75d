# SPDX-License-Identifier: EUPL-1.2
"""Which batches came when: told at sealing, written a little later, made good from the log.

It is no evidence, so that sealing waits for none of it. What a crash took with it, and what another
road put into the log, is found there again; then the moment is the device's own.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from lakzegel_core import entries
from lakzegel_core.batch import Header, batch_id, peek_header
from lakzegel_core.encoding import format_time, parse_time
from lakzegel_server.database import Database
from lakzegel_server.fleet.days import Day, add_days, forget_days, read_days
from lakzegel_server.fleet.model import Arrival
from lakzegel_server.index.engine import FAILURES, Connection
from lakzegel_server.layout import Layout
from lakzegel_server.logstate import LogState
from lakzegel_server.schema import put, row_digest
from lakzegel_server.stores import names

DETAIL: Final = timedelta(days=35)  # that single arrivals are kept; and the newest of each device
KEPT: Final = timedelta(days=400)  # that days are kept
OVERLAP: Final = 1024  # entries before the newest that is known, of which a crash may lack some
CHUNK: Final = 256  # entries of the log a transaction
_COLUMNS: Final = "idx, device, epoch, batch, at, exact, closed, items, size"
Found = tuple[str, Arrival]


class Arrivals:
    """The arrivals of one receiver; its lock is shared with whatever else uses the connection."""

    def __init__(
        self,
        database: Database,
        lock: threading.Lock,
        layout: Layout,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._lock = lock
        self._layout = layout
        self._clock = clock
        self._guard = threading.Lock()  # of what is told, which must wait for no disk
        self._told: list[Found] = []
        self._newest: dict[str, Arrival] = {}
        self._scanned: int | None = None  # entries of the log that were looked at
        self._settled = 0  # entries that were shown at the last look
        self._pruned: date | None = None
        self._load()

    def tell(self, header: Header, index: int, size: int) -> None:
        """Take note of a batch that was sealed just now; its file has so many bytes."""
        at = self._clock()
        arrival = Arrival(header.epoch, header.batch, index, at, header.closed, header.items, size)
        with self._guard:
            self._told.append((header.device, arrival))
            self._see(header.device, arrival)

    def newest(self) -> dict[str, Arrival]:
        """The newest arrival of every device that ever sealed anything."""
        with self._guard:
            return dict(self._newest)

    def of(self, device: str, since: datetime) -> list[Arrival]:
        """A device's arrivals from a moment on, the newest first; at most those of five weeks."""
        self.write()
        with self._lock:
            rows = self._database.connection.execute(
                f"SELECT {_COLUMNS} FROM arrivals WHERE device = ? AND at >= ?"  # noqa: S608 - ours
                " ORDER BY idx DESC",
                (device, format_time(since)),
            ).fetchall()
        return [_arrival(row)[1] for row in rows]

    def days(self, device: str, since: date) -> dict[date, Day]:
        """A device's days from one on, on which anything came; at most those of 400 days."""
        self.write()
        with self._lock:
            return dict(read_days(self._database.connection, device, since))

    # what a chore does now and then

    def write(self) -> None:
        """Write down what was told; one transaction, which waits for no disk."""
        with self._guard:
            told, self._told = self._told, []
        try:
            self._keep(told)
        except FAILURES:
            with self._guard:
                self._told = told + self._told
            raise

    def follow(self, log: LogState) -> None:
        """Find in the log what nobody told of, up to what was there at the last look."""
        self.write()
        upto, self._settled = self._settled, log.shown.checkpoint.size
        if self._scanned is None:
            upto, self._scanned = self._settled, self._resume()
        while self._scanned < upto:
            end = min(self._scanned + CHUNK, upto)
            self._keep(self._missing(log, self._scanned, end))
            self._scanned = end

    def prune(self) -> None:
        """Drop what is too old, once a day."""
        now = self._clock()
        if self._pruned == now.date():
            return
        with self._lock, self._database.transaction() as change:
            change.execute(
                "DELETE FROM arrivals WHERE at < ?"
                " AND idx NOT IN (SELECT max(idx) FROM arrivals GROUP BY device)",
                (format_time(now - DETAIL),),
            )
            forget_days(change, (now - KEPT).date())
        self._pruned = now.date()

    def _keep(self, found: Iterable[Found]) -> None:
        """Take in arrivals; one that is known already only gets its exact moment."""
        rows = list(found)
        if not rows:
            return
        days: defaultdict[tuple[str, date], Day] = defaultdict(Day)
        with self._lock, self._database.transaction() as change:
            for device, arrival in rows:
                if _put(change, device, arrival):
                    place = device, arrival.at.date()
                    days[place] = days[place].with_batch(arrival.at, arrival.items, arrival.size)
            add_days(change, days)
        with self._guard:
            for device, arrival in rows:
                self._see(device, arrival)

    def _see(self, device: str, arrival: Arrival) -> None:
        known = self._newest.get(device)
        if known is None or (arrival.index, arrival.exact) >= (known.index, known.exact):
            self._newest[device] = arrival

    def _load(self) -> None:
        rows = self._database.connection.execute(
            f"SELECT {_COLUMNS} FROM arrivals"  # noqa: S608 - ours
            " WHERE idx IN (SELECT max(idx) FROM arrivals GROUP BY device)"
        )
        self._newest = dict(_arrival(row) for row in rows)

    def _resume(self) -> int:
        """The first entry of the log that may have to be looked at."""
        newest = max((arrival.index for arrival in self._newest.values()), default=-1)
        return max(0, newest + 1 - OVERLAP)

    def _missing(self, log: LogState, start: int, end: int) -> Iterator[Found]:
        """The batches among these entries that are not known, and that are not too old."""
        with self._lock:
            rows = self._database.connection.execute(
                "SELECT idx FROM arrivals WHERE idx >= ? AND idx < ?", (start, end)
            )
            known = {int(row[0]) for row in rows}
        with self._guard:
            newest = max((arrival.index for arrival in self._newest.values()), default=-1)
        now = self._clock()
        for index, data in enumerate(log.store.entries(start, end), start):
            if index in known or entries.kind_of(data) != entries.BATCH:
                continue
            header = peek_header(data)
            if index > newest or header.closed >= now - DETAIL:
                yield header.device, self._of(header, batch_id(data).hex(), index, now)

    def _of(self, header: Header, name: str, index: int, now: datetime) -> Arrival:
        """An arrival that nobody saw: by the device's clock, and the file that lies there."""
        try:
            size = self._layout.stores.objects.size(names.batch(name)) or 0
        except OSError:
            size = 0
        at = min(header.closed, now)
        return Arrival(
            header.epoch, header.batch, index, at, header.closed, header.items, size, exact=False
        )


def _put(change: Connection, device: str, arrival: Arrival) -> bool:
    """Write an arrival down; whether it is new."""
    known = change.execute("SELECT exact FROM arrivals WHERE idx = ?", (arrival.index,)).fetchone()
    if known is None or (arrival.exact and not known[0]):
        row = _row(device, arrival)
        change.execute(
            put("arrivals"),
            (*row, row_digest(*row)),
        )
    return known is None


def _row(device: str, arrival: Arrival) -> tuple[str | int, ...]:
    return (
        arrival.index,
        device,
        arrival.epoch,
        arrival.batch,
        format_time(arrival.at),
        int(arrival.exact),
        format_time(arrival.closed),
        arrival.items,
        arrival.size,
    )


def _arrival(row: Sequence[Any]) -> Found:
    """Device and arrival of a row."""
    index, device, epoch, batch, at, exact, closed, items, size = row
    moments = parse_time(at, what="at"), parse_time(closed, what="closed")
    return device, Arrival(epoch, batch, index, *moments, items, size, exact=bool(exact))
