# SPDX-License-Identifier: EUPL-1.2
"""When the records office last asked for what was sealed (docs/spec/monitoring.md §4).

Kept over a restart, written at most once a minute, without waiting for the disk: it is no evidence.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from lakzegel_server.accounts import Account, AccountRole, Way
from lakzegel_server.database import Database
from lakzegel_server.index.engine import FAILURES
from lakzegel_server.index.place import Place
from lakzegel_server.schema import put, row_digest

EVERY: Final = 60  # seconds; how exact a restart leaves it
FETCHES: Final = frozenset(
    {
        ("GET", "/log/tile/entries/{tile:path}"),
        ("GET", "/v1/wait"),
        ("GET", "/v1/batches/{name}"),
        ("GET", "/v1/keyrings/{name}"),
        ("GET", "/v1/annexes/{name}"),
        ("GET", "/v1/timestamps"),
        ("GET", "/v1/timestamps/{name}"),
    }
)


@dataclass(frozen=True, slots=True)
class Visit:
    """When the office last came, in POSIX seconds; before it ever did, since when it could have."""

    at: int
    came: bool


class Visits:
    """Those of one office."""

    def __init__(
        self, database: Database, clock: Callable[[], float], *, shared: bool = False
    ) -> None:
        self._database = database
        self._shared = shared
        self._clock = clock
        self._lock = threading.Lock()
        self._written = 0
        self.last = Visit(int(clock()), came=False)

    @classmethod
    def open(cls, path: Place, clock: Callable[[], float]) -> Self:
        """What was remembered, with a connection of its own."""
        database = Database.open(path)
        database.relax()
        visits = cls(database, clock, shared=not isinstance(path, Path))
        row = database.connection.execute("SELECT at, came FROM office_visit").fetchone()
        if row is None:
            visits.write()
        else:
            visits.last = Visit(int(row[0]), bool(row[1]))
            visits._written = visits.last.at
        return visits

    def close(self) -> None:
        """Write down what is known, and close the connection."""
        with suppress(*FAILURES):
            self.write()
        with self._lock:
            self._database.close()

    def asked(self, method: str, path: str, account: Account | None) -> None:
        """Take note of a request that succeeded; for the event loop, so nothing is written.

        What somebody looks at in a browser is no mirror, and a held statement proves nothing:
        anybody may send the newest one once more.
        """
        if account is None or (account.role, account.way) != (AccountRole.RECORDS, Way.TOKEN):
            return
        if (method, path) in FETCHES:
            self.fetched()

    def fetched(self) -> None:
        """It fetched something; also from the folder of a hand-over."""
        self.last = Visit(int(self._clock()), came=True)

    def tend(self) -> None:
        """Write down what is new: a chore's work. It may have come to another receiver."""
        if self._shared:
            self._hear()
        if self.last.at - self._written >= EVERY or not self._written:
            self.write()

    def write(self) -> None:
        """Write down when it last came."""
        if self._shared:
            self._hear()
        last = self.last
        row = (1, last.at, int(last.came))
        with self._lock, self._database.transaction() as change:
            change.execute(put("office_visit"), (*row, row_digest(*row)))
        self._written = last.at

    def _hear(self) -> None:
        """Take in that it came to another receiver."""
        with self._lock:
            found = self._database.connection.execute("SELECT at, came FROM office_visit")
            row = found.fetchone()
        if row is not None and int(row[0]) > self.last.at:
            self.last, self._written = Visit(int(row[0]), bool(row[1])), int(row[0])
