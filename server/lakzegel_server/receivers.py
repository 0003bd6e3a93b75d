# SPDX-License-Identifier: EUPL-1.2
"""The receivers of one index, each with a row that it writes again and again (spec/stores.md §8).

Whether one is alive is seen by its row changing, never by comparing clocks.
"""

from __future__ import annotations

import hashlib
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, Final, Self

from lakzegel_core.encoding import format_time
from lakzegel_server.chores import Chores
from lakzegel_server.database import FAILURES, Database
from lakzegel_server.layout import Layout
from lakzegel_server.logstate import LogState
from lakzegel_server.schema import put, row_digest
from lakzegel_server.vitals.probes import FailedError

EVERY: Final = 5.0  # seconds between two beats
MISSING_SECONDS: Final = 30.0  # without one, by the clock of whoever looks
FORGOTTEN_SECONDS: Final = 86_400.0
STOPPED: Final = "stopped"  # the standing of one that ended by itself
MISSING: Final = "receiver-missing"
CLOCK: Final = "receiver-clock"
OFF_SECONDS: Final = 30.0  # that a receiver's clock may differ from the database's
_COLUMNS: Final = (
    "name, beat, started, version, size, standing, causes, settings, seen, ahead, leases"
)
_NOW: Final = "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"
Own = Callable[[], Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Receiver:
    """One receiver, as it said of itself."""

    name: str
    beat: int
    started: str
    version: str
    size: int  # entries that it shows
    standing: str
    causes: Mapping[str, int]  # what it finds wrong with itself
    settings: str  # SHA-256 of its settings.toml
    seen: int  # when it wrote that, in milliseconds of the database's clock
    ahead: int  # milliseconds that its own clock is ahead of that
    leases: tuple[str, ...] = ()  # what it does for all
    quiet: float = 0.0  # seconds since then, by the database's clock

    @property
    def is_missing(self) -> bool:
        """Whether it did not end by itself and says nothing any more."""
        return self.standing != STOPPED and self.quiet > MISSING_SECONDS

    def row(self) -> tuple[str | int, ...]:
        """The columns but the digest."""
        causes = json.dumps(dict(self.causes), sort_keys=True)
        return (
            *(self.name, self.beat, self.started, self.version),
            *(self.size, self.standing, causes, self.settings),
            *(self.seen, self.ahead, " ".join(self.leases)),
        )


def name_of(layout: Layout) -> str:
    """What the receiver of this DATA is called."""
    place = hashlib.sha256(str(layout.data.absolute()).encode()).hexdigest()
    return f"{socket.gethostname()}-{place[:8]}"


class Receivers:
    """This receiver's row, and those of the others; one connection, one lock."""

    def __init__(
        self,
        database: Database,
        layout: Layout,
        log: LogState,
        clock: Callable[[], float],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name_of(layout)
        self.offset = 0.0  # seconds that this clock is ahead of the database's
        self._database = database
        self._log = log
        self._clock = clock
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._settings = settings_digest(layout)
        self._started = format_time(datetime.fromtimestamp(int(clock()), UTC))
        self._chores: Chores | None = None
        self._seen: dict[str, tuple[int, float]] = {}  # the beat of each, and when it was new

    @classmethod
    def open(cls, layout: Layout, log: LogState, clock: Callable[[], float]) -> Self:
        """With a connection of its own."""
        return cls(Database.open(layout.database), layout, log, clock)

    def close(self) -> None:
        """Say that it ends by itself, and close the connection."""
        with suppress(*FAILURES):
            self.beat({}, standing=STOPPED)
        with self._lock:
            self._database.close()

    def begin(self, chores: Chores, own: Own) -> None:
        """Say from now on that it is there, and what it finds wrong with itself."""
        self._chores = chores
        chores.add("receivers", EVERY, lambda: self.beat(own()))

    def beat(self, causes: Mapping[str, int], *, standing: str = "") -> None:
        """Write the row once more."""
        there = self._look_at_clock()
        leases = sorted(one.name for one in self._chores or () if one.leads and not standing)
        says = standing or self._log.standing.phase.value
        size = self._log.shown.checkpoint.size
        with self._lock, self._database.transaction() as change:
            found = change.execute("SELECT beat FROM receivers WHERE name = ?", (self.name,))
            before = found.fetchone()
            mine = Receiver(
                name=self.name,
                beat=int(before[0]) + 1 if before else 1,
                started=self._started,
                version=version("lakzegel"),
                size=size,
                standing=says,
                causes=causes,
                settings=self._settings,
                seen=round(there * 1000),
                ahead=round(self.offset * 1000),
                leases=tuple(leases),
            )
            row = mine.row()
            change.execute(put("receivers"), (*row, row_digest(*row)))

    def all(self) -> list[Receiver]:
        """Every receiver that has a row, by name."""
        with self._lock:
            rows = self._database.connection.execute(
                f"SELECT {_COLUMNS}, ({_NOW}) FROM receivers ORDER BY name"  # noqa: S608 - ours
            ).fetchall()
        return [_receiver(row) for row in rows]

    def silent(self) -> list[Receiver]:
        """Those that did not end by themselves and say nothing any more."""
        return [one for one in self._look() if self._is_silent(one)]

    def causes(self) -> dict[str, int]:
        """What receivers find wrong with themselves, each with how often; and who is missing."""
        found: Counter[str] = Counter()
        for one in self._look():
            if self._is_silent(one):
                found[MISSING] += 1
            else:
                found.update(one.causes)
        self._forget()
        return dict(found)

    def own(self) -> dict[str, int]:
        """What is wrong with this receiver's clock, if anything."""
        return {CLOCK: 1} if abs(self.offset) > OFF_SECONDS else {}

    def test(self) -> str:
        """For `/healthz`: this receiver's clock is that of the database.

        Raises:
            FailedError: it is too far off.
        """
        ahead = f"{abs(self.offset):.0f} s {'ahead of' if self.offset > 0 else 'behind'}"
        if abs(self.offset) > OFF_SECONDS:
            raise FailedError(f"the clock is {ahead} the database's")
        return "that of the database"

    def _look_at_clock(self) -> float:
        """The database's time; how far this clock is ahead of it is known then."""
        with self._lock:
            before = self._clock()
            there = float(self._database.connection.execute(_NOW).fetchone()[0]) / 1000
            self.offset = (before + self._clock()) / 2 - there
        return there

    def _look(self) -> list[Receiver]:
        """All of them, with a note of whose row has changed."""
        now = self._monotonic()
        found = [one for one in self.all() if one.standing != STOPPED]
        known = {one.name: self._seen.get(one.name, (one.beat, now)) for one in found}
        for one in found:
            if known[one.name][0] != one.beat:
                known[one.name] = one.beat, now
        self._seen = known
        return found

    def _is_silent(self, one: Receiver) -> bool:
        return self._quiet(one) > MISSING_SECONDS

    def _quiet(self, one: Receiver) -> float:
        beat, since = self._seen.get(one.name, (one.beat, self._monotonic()))
        return 0.0 if beat != one.beat else self._monotonic() - since

    def _forget(self) -> None:
        """Drop the rows of receivers that nobody will bring back."""
        gone = [one for one in self.all() if self._quiet(one) > FORGOTTEN_SECONDS]
        for one in gone:
            with self._lock, self._database.transaction() as change:
                change.execute(
                    "DELETE FROM receivers WHERE name = ? AND beat = ?", (one.name, one.beat)
                )


def settings_digest(layout: Layout) -> str:
    """The SHA-256 of the operator's settings; of nothing where there are none."""
    data = layout.settings.read_bytes() if layout.settings.exists() else b""
    return hashlib.sha256(data).hexdigest()


def are_settings_new(database: Database, layout: Layout, digest: str) -> bool:
    """Whether this receiver's own settings are others than when it last said so."""
    row = database.connection.execute(
        "SELECT settings FROM receivers WHERE name = ?", (name_of(layout),)
    ).fetchone()
    return row is not None and row[0] != digest


def _receiver(row: Any) -> Receiver:  # noqa: ANN401 - a row
    name, beat, started, release, size, standing, causes, settings, *later, leases, now = row
    seen, ahead = later
    said = standing, json.loads(causes), settings, seen, ahead, tuple(leases.split())
    return Receiver(name, beat, started, release, size, *said, max(now - seen, 0) / 1000)
