# SPDX-License-Identifier: EUPL-1.2
"""What the receiver remembers beside the log: refusals, cosignatures, annexes, held.

One connection, one lock: worker threads take turns.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self

from lakzegel_core.encoding import format_time
from lakzegel_server.database import Database
from lakzegel_server.schema import row_digest

MAX_UNPROVEN: Final = 10_000  # refusals of what nobody signed; anybody can cause them
Clock = Callable[[], float]


class Register:
    """Rows that the log does not determine, each with its own digest."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()

    @classmethod
    def open(cls, path: Path, clock: Clock) -> Self:
        """Open a connection of its own."""
        return cls(Database.open(path), clock)

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._database.close()

    def index_of(self, entry_id: bytes) -> int | None:
        """The index of a sealed entry, by the SHA-256 of its bytes."""
        with self._lock:
            return self._database.index_of(entry_id)

    def refuse(self, *, device: str, code: str, entry_id: str, proven: bool) -> None:
        """Record a refusal; ``proven`` when the device had signed what was refused.

        The newest 10,000 of what nobody signed are kept, and all of what a device signed.
        """
        with self._lock, self._database.transaction() as change:
            number = change.execute("SELECT coalesce(max(number), 0) FROM refusals").fetchone()[0]
            row = (number + 1, self._now(), device, code, entry_id, int(proven))
            change.execute(
                "INSERT INTO refusals VALUES (?, ?, ?, ?, ?, ?, ?)", (*row, row_digest(*row))
            )
            change.execute(
                "DELETE FROM refusals WHERE number <= ? AND proven = 0",
                (number + 1 - MAX_UNPROVEN,),
            )

    def refusals(self) -> list[tuple[str, str, str]]:
        """Every refusal that is kept: device, code, batch id."""
        with self._lock:
            rows = self._database.connection.execute(
                "SELECT device, code, id FROM refusals ORDER BY number"
            )
            return list(rows)

    def keep_cosignature(self, device: str, size: int, line: str) -> None:
        """Keep a device's newest cosignature."""
        with self._lock, self._database.transaction() as change:
            change.execute(
                "INSERT INTO cosignatures VALUES (?, ?, ?, ?) ON CONFLICT (device) DO UPDATE"
                " SET size = excluded.size, line = excluded.line, digest = excluded.digest"
                " WHERE excluded.size >= size",
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
            change.execute(
                "INSERT INTO annexes VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING",
                (name, now, row_digest(name, now)),
            )

    def keep_held(self, size: int, sha256: bytes) -> None:
        """Remember which held statement is stored."""
        row = (1, size, sha256)
        with self._lock, self._database.transaction() as change:
            change.execute(
                "INSERT OR REPLACE INTO held VALUES (?, ?, ?, ?)", (*row, row_digest(*row))
            )

    def held_size(self) -> int:
        """What the held statement that is stored speaks of; 0 when there is none."""
        with self._lock:
            row = self._database.connection.execute("SELECT size FROM held").fetchone()
        return 0 if row is None else int(row[0])

    def _now(self) -> str:
        return format_time(datetime.fromtimestamp(int(self._clock()), UTC))
