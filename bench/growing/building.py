# SPDX-License-Identifier: EUPL-1.2
"""Writes a log of millions of entries into a receiver's DATA, by the fastest road that is honest.

Entries, tiles, index and savepoint are the ones that the receiver itself would have written; what
is left out is to check, sync and sign a checkpoint after each group. Batch and keyring files are
made for the newest entries alone, where something looks at them.
"""

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from bench.growing.notes import SEEN_EVERY, Notes
from bench.growing.people import KEYRING, ORIGIN, START, STEP, log_seed
from lakzegel_core import entries
from lakzegel_core.batch import peek_header
from lakzegel_core.custody import Custody
from lakzegel_core.custody_state import CheckedEntry
from lakzegel_core.merkle import Frontier, leaf_hash
from lakzegel_core.tiles import ENTRIES, HEIGHT, MAX_LEVEL, WIDTH, TileId, new_tiles
from lakzegel_server.database import Database
from lakzegel_server.durable import create as create_file
from lakzegel_server.durable import write_all
from lakzegel_server.fleet.records import FleetRecords
from lakzegel_server.layout import Layout
from lakzegel_server.logsigner import LogSigner, create, load_signer
from lakzegel_server.logstate import LogState
from lakzegel_server.logstore import LogStore
from lakzegel_server.savepoints import Savepoints

CHUNK: Final = 16_384  # entries that are in memory at a time
COMMIT: Final = 2**20  # entries a transaction; so much is made anew after it was cut off
_FILE: Final = 4_096  # bytes of a batch, as the fleet's pages would tell
_PRAGMAS: Final = ("synchronous=OFF", "cache_size=-900000", "wal_autocheckpoint=0")


class Log:
    """A DATA that grows; ``size`` entries of it are committed."""

    def __init__(self, data: Path, devices: int) -> None:
        self.layout = Layout(data)
        self.notes = Notes(devices)
        self.store = LogStore(self.layout.log, self.layout.incoming)
        self.edge = Frontier()
        self._seen = (0, self.edge.root())
        self._rows: list[tuple[int, bytes]] = []

    @classmethod
    def open(cls, data: Path, devices: int) -> "Log":
        """The log that is there, or a new one."""
        log = cls(data, devices)
        if not log.layout.config.exists():
            create(data, ORIGIN, log_seed())
        database = Database.open(log.layout.database)
        log.edge = database.tree()
        database.close()
        if log.size:
            log._go_on()
        return log

    @property
    def origin(self) -> str:
        """Its name."""
        return ORIGIN

    @property
    def size(self) -> int:
        """How many entries are in it."""
        return self.edge.size

    @property
    def signer(self) -> LogSigner:
        """The log's keys."""
        return load_signer(self.layout)

    @property
    def now(self) -> float:
        """The clock of a receiver that has this much."""
        return (START + self.size * STEP).timestamp()

    def serve(self) -> LogState:
        """The receiver's own view of it."""
        return LogState.open(self.layout, self.signer, clock=lambda: self.now)

    def grow(self, size: int, tell: Callable[[str], None]) -> None:
        """Make entries until it has this many."""
        began, before = time.monotonic(), self.size
        while self.size < size:
            self._chunk(min(CHUNK - self.size % CHUNK, size - self.size))
            if len(self._rows) >= COMMIT or self.size >= size:
                self._commit()
                rate = (self.size - before) / (time.monotonic() - began)
                tell(f"{self.size} entries, {rate:.0f} a second")

    def next_entries(self, count: int) -> list[bytes]:
        """The next entries, which whoever asked must append; with their files when there are."""
        return [self._next() for _ in range(count)]

    def _chunk(self, count: int) -> None:
        old = self.size
        made = list(self.notes.beginning()) if old == 0 else self.next_entries(count)
        if old == 0:
            self._take(made)
        for name, data in new_tiles(old, made, self.store.read).files.items():
            path = self.layout.log / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        _drop_partial(self.layout.log, old, self.size)
        self._rows += [(old + n, hashlib.sha256(e).digest()) for n, e in enumerate(made)]

    def _next(self) -> bytes:
        if self.size % SEEN_EVERY == 0:
            self._seen = (self.size, self.edge.root())
        note = self.notes.batch(self.size, self._seen)
        self.edge.append(leaf_hash(note))
        return note

    def _take(self, made: list[bytes]) -> None:
        for entry in made:
            self.edge.append(leaf_hash(entry))
        self._seen = (self.size, self.edge.root())

    def _commit(self) -> None:
        """Index rows in the order of their ids: so each page of that index is written once."""
        database = Database.open(self.layout.database)
        for pragma in _PRAGMAS:
            database.connection.execute(f"PRAGMA {pragma}")
        with database.transaction() as change:
            rows = sorted(self._rows, key=lambda row: row[1])
            change.executemany("INSERT INTO entries VALUES (?, ?)", rows)
            edge = b"".join(self.edge.to_hashes())
            change.execute("UPDATE tree SET size = ?, edge = ?", (self.size, edge))
        database.close()
        self._rows.clear()

    def _go_on(self) -> None:
        """Where each chain is, and which tree was seen last."""
        self.notes.go_on(self._entry_at(), self.size)
        seen = max(self.size - self.size % SEEN_EVERY, self.notes.first)
        seen = min(seen, self.size)
        self._seen = (seen, self.store.reader(self.size).root(seen))

    def _entry_at(self) -> Callable[[int], bytes]:
        """Entries in rising order, a bundle at a time."""
        start = max(0, self.size - len(self.notes.devices) - 1)
        held = dict(enumerate(self.store.entries(start, self.size), start))
        return held.__getitem__

    def finish(self) -> None:
        """What a receiver would have left: its savepoint, the newest arrivals, a checkpoint."""
        fleet = FleetRecords.open(self.layout, lambda: self.now)
        custody = self._custody(fleet)
        fleet.close()
        saving = Savepoints(self.layout.savepoint, self.layout.incoming, self.store)
        saving.write(saving.begin(custody, self.edge))
        self.serve().close()

    def save(self, path: Path) -> None:
        """Write a savepoint of all of it there."""
        saving = Savepoints(path, self.layout.incoming, self.store)
        saving.write(saving.begin(self._custody(None), self.edge))

    def _custody(self, fleet: FleetRecords | None) -> Custody:
        custody = Custody.start(ORIGIN, pinned=None, threshold=None)
        for entry in self.store.entries(0, min(self.notes.first, self.size)):
            custody.apply(entry)
        start = max(self.notes.first, self.size - len(self.notes.devices))
        for index, entry in enumerate(self.store.entries(start, self.size), start):
            header = peek_header(entry)
            custody.size = index
            custody.take(CheckedEntry(entries.BATCH, hashlib.sha256(entry).digest(), entry, header))
            if fleet is not None:
                fleet.sealed(header, index, _FILE)
        custody.size = self.size
        return custody

    def write_files(self, made: list[bytes]) -> None:
        """Batch and keyring files of these entries."""
        content = self.notes.content
        for entry in made:
            name = hashlib.sha256(entry).hexdigest()
            _write(self.layout.batch(name), entry + content.manifest + content.items)
            _write(self.layout.keyring(name), KEYRING)


def _drop_partial(folder: Path, old: int, size: int) -> None:
    """Remove the partial tiles of the old size that became wider."""
    for level in (ENTRIES, *range(MAX_LEVEL + 1)):
        shift = HEIGHT * max(level, 0)
        number, width = divmod(old >> shift, WIDTH)
        if width and size >> shift > old >> shift:
            path = folder / TileId(level, number, width).path
            path.unlink()
            if size >> shift >= (number + 1) * WIDTH:
                path.parent.rmdir()


def _write(path: Path, data: bytes) -> None:
    with create_file(path) as file:
        write_all(file, data)
