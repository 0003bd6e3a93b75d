# SPDX-License-Identifier: EUPL-1.2
"""Which batches came when: told at sealing, written a little later, made good from the log.

It is no evidence, so that sealing waits for none of it. What a crash took with it, and what another
road put into the log, is found there again; then the moment is the device's own.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime, timedelta
from typing import Any, Final

from lakzegel_core import entries
from lakzegel_core.batch import Header, batch_id, peek_header
from lakzegel_core.encoding import format_time, parse_time
from lakzegel_server.fleet.days import Day, add_days
from lakzegel_server.fleet.model import Arrival
from lakzegel_server.fleet.states import marks
from lakzegel_server.index.engine import FAILURES, Connection
from lakzegel_server.layout import Layout
from lakzegel_server.logstate import LogState
from lakzegel_server.schema import put, row_digest
from lakzegel_server.stores import names

DETAIL: Final = timedelta(days=35)  # that single arrivals are kept; and the newest of each device
KEPT: Final = timedelta(days=400)  # that days are kept
OVERLAP: Final = 1024  # entries before the newest that is known, of which a crash may lack some
CHUNK: Final = 256  # entries of the log a transaction
NEWEST: Final = 200  # of a device that are read at most
_COLUMNS: Final = "idx, device, epoch, batch, at, exact, closed, items, size"
Found = tuple[str, Arrival]
Reading = Callable[[], AbstractContextManager[Connection]]
Keep = Callable[[Sequence[Found]], None]  # has them written, with whatever follows from them


class Told:
    """What was sealed just now and is not written yet."""

    def __init__(self, clock: Callable[[], datetime], keep: Keep) -> None:
        self._clock = clock
        self._keep = keep
        self._guard = threading.Lock()  # of what is told, which must wait for no disk
        self._told: list[Found] = []

    def tell(self, header: Header, index: int, size: int) -> None:
        """Take note of a batch that was sealed just now; its file has so many bytes."""
        at = self._clock()
        arrival = Arrival(header.epoch, header.batch, index, at, header.closed, header.items, size)
        with self._guard:
            self._told.append((header.device, arrival))

    def write(self) -> None:
        """Have written down what was told, some at a time; that waits for no disk."""
        while self._told:
            with self._guard:
                told, self._told = self._told[:CHUNK], self._told[CHUNK:]
            try:
                self._keep(told)
            except FAILURES:
                with self._guard:
                    self._told = told + self._told
                raise


class Following:
    """Finds in the log what nobody told of, up to what was there at the last look."""

    def __init__(self, layout: Layout, clock: Callable[[], datetime], keep: Keep) -> None:
        self._layout = layout
        self._clock = clock
        self._keep = keep
        self._scanned: int | None = None  # entries of the log that were looked at
        self._settled = 0  # entries that were shown at the last look

    def follow(self, log: LogState, reading: Reading) -> None:
        """Look once more."""
        upto, self._settled = self._settled, log.shown.checkpoint.size
        with reading() as connection:
            newest = newest_index(connection)
        if self._scanned is None:
            upto, self._scanned = self._settled, max(0, newest + 1 - OVERLAP)
        while self._scanned < upto:
            end = min(self._scanned + CHUNK, upto)
            with reading() as connection:
                known = _known(connection, range(self._scanned, end))
            self._keep(list(self._missing(log, self._scanned, end, known, newest)))
            self._scanned = end

    def _missing(
        self, log: LogState, start: int, end: int, known: dict[int, bool], newest: int
    ) -> Iterator[Found]:
        """The batches among these entries that are not known, and that are not too old."""
        if len(known) == end - start:
            return  # all of them are batches that somebody told of
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


class Pruning:
    """Drops single arrivals that are too old, some at a time, but for the newest of each device."""

    def __init__(self) -> None:
        self._day: date | None = None
        self._at = -1  # the index up to which was looked on that day

    def is_owed(self, now: datetime) -> bool:
        """Whether there may be some yet today."""
        return self._day != now.date()

    def old(self, connection: Connection, now: datetime) -> list[tuple[int, str]]:
        """Index and device of the next that are too old; the day is done where there is none.

        By the order of the log, which is the order of time but for a device's wrong clock: what is
        passed over for that goes some day later.
        """
        rows = connection.execute(
            "SELECT idx, device, at FROM arrivals WHERE idx > ? ORDER BY idx LIMIT ?",
            (self._at, CHUNK),
        ).fetchall()
        before = format_time(now - DETAIL)
        old = [(int(idx), str(device)) for idx, device, at in rows if at < before]
        if old:
            self._at = int(rows[-1][0])
        else:
            self._day, self._at = now.date(), -1
        return old


def keep_arrivals(change: Connection, found: Iterable[Found]) -> None:
    """Take in arrivals; one that is known already only gets its exact moment."""
    rows = {arrival.index: (device, arrival) for device, arrival in found}
    known = _known(change, tuple(rows))
    days: defaultdict[tuple[str, date], Day] = defaultdict(Day)
    news = []
    for index, (device, arrival) in rows.items():
        if index not in known:
            place = device, arrival.at.date()
            days[place] = days[place].with_batch(arrival.at, arrival.items, arrival.size)
        if index not in known or (arrival.exact and not known[index]):
            news.append((device, arrival))
    put_arrivals(change, news)
    add_days(change, days)


def put_arrivals(change: Connection, found: Iterable[Found]) -> None:
    """Write rows as they are given."""
    rows = (_row(device, arrival) for device, arrival in found)
    change.executemany(put("arrivals"), [(*row, row_digest(*row)) for row in rows])


def read_arrivals(connection: Connection, indices: Sequence[int]) -> dict[int, Arrival]:
    """Those at these places of the log that are known."""
    if not indices:
        return {}
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM arrivals WHERE idx IN ({marks(indices)})",  # noqa: S608 - ours
        tuple(indices),
    )
    return {int(row[0]): _arrival(row) for row in rows}


def arrivals_of(connection: Connection, device: str, since: datetime) -> list[Arrival]:
    """A device's newest arrivals from a moment on, the newest first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM arrivals WHERE device = ? AND at >= ?"  # noqa: S608 - ours
        " ORDER BY idx DESC LIMIT ?",
        (device, format_time(since), NEWEST),
    )
    return [_arrival(row) for row in rows]


def drop_arrivals(change: Connection, indices: Iterable[int]) -> None:
    """Drop those at these places of the log."""
    change.executemany("DELETE FROM arrivals WHERE idx = ?", [(index,) for index in indices])


def newest_index(connection: Connection) -> int:
    """The place in the log of the newest that is known; -1 where none is."""
    found = connection.execute("SELECT max(idx) FROM arrivals").fetchone()[0]
    return -1 if found is None else int(found)


def _known(connection: Connection, indices: Sequence[int]) -> dict[int, bool]:
    """Those of these places that are known, and whether exactly."""
    if not indices:
        return {}
    rows = connection.execute(
        f"SELECT idx, exact FROM arrivals WHERE idx IN ({marks(indices)})",  # noqa: S608 - ours
        tuple(indices),
    )
    return {int(index): bool(exact) for index, exact in rows}


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


def _arrival(row: Sequence[Any]) -> Arrival:
    """The arrival of a row."""
    index, _, epoch, batch, at, exact, closed, items, size = row
    moments = parse_time(at, what="at"), parse_time(closed, what="closed")
    return Arrival(epoch, batch, index, *moments, items, size, exact=bool(exact))
