# SPDX-License-Identifier: EUPL-1.2
"""What the receiver remembers beside the log: refusals, cosignatures, annexes, held.

One connection, one lock: worker threads take turns.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Self

from lakzegel_core.encoding import format_time
from lakzegel_server.database import Database
from lakzegel_server.index.engine import FAILURES, Connection
from lakzegel_server.index.place import Place
from lakzegel_server.schema import next_number, put, row_digest

MAX_UNPROVEN: Final = 10_000  # refusals of what nobody signed; anybody can cause them
MAX_PROVEN: Final = 1_000  # of what one device signed
MAX_HELD_BACK: Final = 256  # of what nobody signed, until they are written down together
FLUSH_SECONDS: Final = 10.0
_PRUNE: Final = 64  # refusals of a device, after which those that are too many go
_log: Final = logging.getLogger(__name__)
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class _Refusal:
    at: str
    device: str
    code: str
    entry_id: str
    proven: bool


class Register:
    """Rows that the log does not determine, each with its own digest."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._unproven: deque[_Refusal] = deque(maxlen=MAX_HELD_BACK)
        self._unproven_count = 0
        self._proven: Counter[str] = Counter()

    @classmethod
    def open(cls, path: Place, clock: Clock) -> Self:
        """Open a connection of its own."""
        return cls(Database.open(path), clock)

    def close(self) -> None:
        """Write down what was held back, and close the connection."""
        with suppress(*FAILURES):
            self.flush()
        with self._lock:
            self._database.close()

    def index_of(self, entry_id: bytes) -> int | None:
        """The index of a sealed entry, by the SHA-256 of its bytes."""
        with self._lock:
            return self._database.index_of(entry_id)

    def refuse(self, *, device: str, code: str, entry_id: str, proven: bool) -> None:
        """Record a refusal; ``proven`` when the device had signed what was refused.

        That is durable at once; what nobody signed is so within seconds, the newest 256 of it
        then, and the numbers that rows have tell how many more there were.
        """
        found = _Refusal(self._now(), device, code, entry_id, proven)
        with self._lock:
            if not proven:
                self._unproven.append(found)
                self._unproven_count += 1
                return
            with self._database.transaction() as change:
                _insert(change, [found], 1)
                self._proven[device] += 1
                if self._proven[device] % _PRUNE == 0:
                    _prune(change, device)

    def flush(self) -> None:
        """Write down what nobody signed and was refused since the last time."""
        with self._lock:
            if not self._unproven:
                return
            with self._database.transaction() as change:
                number = _insert(change, list(self._unproven), self._unproven_count)
                change.execute(
                    "DELETE FROM refusals WHERE number <= ? AND proven = 0",
                    (number - MAX_UNPROVEN,),
                )
            count, self._unproven_count = self._unproven_count, 0
            self._unproven.clear()
        _log.info("%d uploads and notes that nobody had signed were refused", count)

    def refusals(self) -> list[tuple[str, str, str]]:
        """Every refusal that is kept: device, code, batch id."""
        self.flush()
        with self._lock:
            rows = self._database.connection.execute(
                "SELECT device, code, id FROM refusals ORDER BY number"
            )
            return list(rows)

    def refused_since(self, codes: frozenset[str], since: str) -> list[tuple[str, int, str]]:
        """Of each of these codes that something was refused with: how often, and when last."""
        self.flush()
        with self._lock:
            rows = self._database.connection.execute(
                "SELECT code, count(*), max(at) FROM refusals WHERE at >= ? GROUP BY code", (since,)
            )
            return [(code, int(count), last) for code, count, last in rows if code in codes]

    def keep_cosignature(self, device: str, size: int, line: str) -> None:
        """Keep a device's newest cosignature."""
        with self._lock, self._database.transaction() as change:
            change.execute(
                "INSERT INTO cosignatures VALUES (?, ?, ?, ?) ON CONFLICT (device) DO UPDATE"
                " SET size = excluded.size, line = excluded.line, digest = excluded.digest"
                " WHERE excluded.size >= cosignatures.size",
                (device, size, line, row_digest(device, size, line)),
            )

    def cosignature(self, device: str) -> tuple[int, str] | None:
        """The size and line of a device's newest cosignature."""
        with self._lock:
            row = self._database.connection.execute(
                "SELECT size, line FROM cosignatures WHERE device = ?", (device,)
            ).fetchone()
        return None if row is None else (int(row[0]), str(row[1]))

    def keep_annex(self, name: str) -> None:
        """Remember that an annex is stored, so that a missing one shows."""
        now = self._now()
        with self._lock, self._database.transaction() as change:
            (number,) = change.execute(next_number("annexes")).fetchone()
            row = (name, number, now)
            change.execute(
                "INSERT INTO annexes VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
                (*row, row_digest(*row)),
            )

    def annexes(self) -> set[str]:
        """The names of all annexes that are stored."""
        with self._lock:
            found = self._database.connection.execute("SELECT id FROM annexes").fetchall()
        return {str(row[0]) for row in found}

    def keep_held(self, size: int, sha256: bytes) -> None:
        """Remember which held statement is stored, unless a larger one is known."""
        row = (1, size, sha256)
        with self._lock, self._database.transaction() as change:
            change.execute(
                f"{put('held')} WHERE excluded.size >= held.size", (*row, row_digest(*row))
            )

    def held_size(self) -> int:
        """What the held statement that is stored speaks of; 0 when there is none."""
        with self._lock:
            row = self._database.connection.execute("SELECT size FROM held").fetchone()
        return 0 if row is None else int(row[0])

    def _now(self) -> str:
        return format_time(datetime.fromtimestamp(int(self._clock()), UTC))


def _insert(change: Connection, found: list[_Refusal], count: int) -> int:
    """The number of the last of so many refusals, of which these are the newest."""
    last = int(change.execute("SELECT coalesce(max(number), 0) FROM refusals").fetchone()[0])
    last += count
    for number, one in enumerate(found, start=last - len(found) + 1):
        row = (number, one.at, one.device, one.code, one.entry_id, int(one.proven))
        change.execute(
            "INSERT INTO refusals VALUES (?, ?, ?, ?, ?, ?, ?)", (*row, row_digest(*row))
        )
    return last


def _prune(change: Connection, device: str) -> None:
    """Keep the newest of what a device signed."""
    change.execute(
        "DELETE FROM refusals WHERE device = ? AND proven = 1 AND number <= (SELECT number"
        " FROM refusals WHERE device = ? AND proven = 1 ORDER BY number DESC LIMIT 1 OFFSET ?)",
        (device, device, MAX_PROVEN),
    )
