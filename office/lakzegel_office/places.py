# SPDX-License-Identifier: EUPL-1.2
"""Where in the log the header and the keyring changes of a batch lie, for a million batches.

SQLite, with nothing in it but numbers and names of devices: either one that is gone with the
process, or `state/places.db`, which may be thrown away. What it says is a hint: whoever looks an
entry up by it reads the entry itself.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

BatchPlace = tuple[str, int, int]  # device, epoch, number
KEPT: Final = "places.db"  # below state/
HEADER: Final = 0  # the number of a header among the entries of its batch; changes follow

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS devices (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS places (
    device INTEGER NOT NULL, epoch INTEGER NOT NULL, batch INTEGER NOT NULL,
    generation INTEGER NOT NULL, entry INTEGER NOT NULL,
    PRIMARY KEY (device, epoch, batch, generation)
) WITHOUT ROWID;
"""
_VERSION: Final = 1
_WAITING: Final = 4096  # rows that are written at a time
_PAGES: Final = -16384  # KiB of its pages in memory
_TIMEOUT: Final = 10.0  # seconds
_INSERT: Final = (
    "INSERT INTO places VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET entry = excluded.entry"
)
_OF_BATCH: Final = "SELECT generation, entry FROM places WHERE device=? AND epoch=? AND batch=?"
_OF_DEVICE: Final = "SELECT entry FROM places WHERE device=? AND generation=0 ORDER BY epoch, batch"


class Places:
    """Finds the entries of a batch; what is not written yet is found too."""

    def __init__(self, connection: sqlite3.Connection, *, writes: bool) -> None:
        """Keep the open database."""
        self._db = connection
        self._writes = writes
        self._waiting: dict[BatchPlace, dict[int, int]] = {}
        self._count = 0
        self._devices: dict[str, int] = {}

    @classmethod
    def passing(cls) -> Self:
        """Return one that is gone with the process, in a file without a name where it is large."""
        return cls._prepared(sqlite3.connect("", check_same_thread=False))

    @classmethod
    def kept(cls, path: Path) -> Self:
        """Return the one that lies there; a damaged one, or of another version, begins anew.

        Where none can be had, one that is gone with the process.
        """
        for _ in range(2):
            with suppress(sqlite3.Error, OSError):
                connection = sqlite3.connect(path, timeout=_TIMEOUT, check_same_thread=False)
                try:
                    if connection.execute("PRAGMA user_version").fetchone()[0] in {0, _VERSION}:
                        connection.execute("PRAGMA journal_mode=WAL")
                        return cls._prepared(connection)
                except sqlite3.DatabaseError:
                    pass
                connection.close()
                remove(path)
        return cls.passing()

    @classmethod
    def reading(cls, path: Path) -> Self | None:
        """Return the one that lies there, to be looked into alone; None where there is none."""
        if not path.is_file():
            return None
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro", uri=True, check_same_thread=False
        )
        try:
            if connection.execute("PRAGMA user_version").fetchone()[0] == _VERSION:
                return cls(connection, writes=False)
        except sqlite3.DatabaseError:
            pass
        connection.close()
        return None

    @classmethod
    def _prepared(cls, connection: sqlite3.Connection) -> Self:
        connection.execute("PRAGMA synchronous=NORMAL")  # what a crash takes is read from the log
        connection.execute(f"PRAGMA cache_size={_PAGES}")
        connection.executescript(_SCHEMA)
        connection.execute(f"PRAGMA user_version={_VERSION}")
        return cls(connection, writes=True)

    def add(self, place: BatchPlace, generation: int, entry: int) -> None:
        """Take note of where an entry of a batch lies: its header, or a keyring change of it."""
        self._waiting.setdefault(place, {})[generation] = entry
        self._count += 1
        if self._writes and self._count >= _WAITING:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        if not self._writes or not self._waiting:
            return
        try:
            self._insert()
        except sqlite3.DatabaseError:  # damaged, or no room: what it had is read from the log
            self._db = self.passing()._db  # noqa: SLF001 - its own class
            self._devices.clear()
            self._insert()
        self._waiting.clear()
        self._count = 0

    def _insert(self) -> None:
        with self._db:
            rows = [
                (self._number(place[0]), *place[1:], generation, entry)
                for place, entries in self._waiting.items()
                for generation, entry in entries.items()
            ]
            self._db.executemany(_INSERT, rows)

    def of(self, place: BatchPlace) -> dict[int, int]:
        """Return the entries of a batch by generation: its header's is HEADER."""
        found: dict[int, int] = {}
        with suppress(sqlite3.DatabaseError):  # a damaged page finds nothing
            found = dict(self._db.execute(_OF_BATCH, (self._known(place[0]), *place[1:])))
        return found | self._waiting.get(place, {})

    def of_device(self, device: str) -> Iterator[int]:
        """Yield the entries that are headers of a device, in the order of its chain."""
        self.flush()
        own = sorted((key[1:], e[HEADER]) for key, e in self._waiting.items() if key[0] == device)
        last = -1
        for (entry,) in self._db.execute(_OF_DEVICE, (self._known(device),)):
            yield entry
            last = entry
        yield from (entry for _, entry in own if entry > last)

    def settle(self) -> None:
        """Have what was taken note of on disk, durably."""
        self.flush()
        with suppress(sqlite3.DatabaseError):
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Write what waits, and let go."""
        self.flush()
        self._db.close()

    def _known(self, device: str) -> int | None:
        if device not in self._devices:
            row = self._db.execute("SELECT number FROM devices WHERE name=?", (device,)).fetchone()
            if row is None:
                return None
            self._devices[device] = row[0]
        return self._devices[device]

    def _number(self, device: str) -> int:
        number = self._known(device)
        if number is None:
            row = self._db.execute("INSERT INTO devices (name) VALUES (?)", (device,))
            number = self._devices[device] = int(row.lastrowid or 0)
        return number


def remove(path: Path) -> None:
    """Remove a database with what SQLite keeps beside it."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
