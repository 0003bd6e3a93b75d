# SPDX-License-Identifier: EUPL-1.2
"""What `index.sqlite` has committed, and the tiles of it (docs/spec/storage.md §2).

An entry is durable in the table ``pending`` before its tiles are written; it leaves that table when
they are durable. So a crash costs no entry: its tiles are made again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from lakzegel_core.merkle import Frontier
from lakzegel_server.database import Database
from lakzegel_server.errors import DamageError
from lakzegel_server.logstore import LogStore

MAX_PENDING: Final = 512  # entries whose tiles may be made durable later, all at once


class Committed:
    """The entries and tiles of one log; whoever calls has the log's turn."""

    def __init__(self, store: LogStore, database: Database) -> None:
        self._store = store
        self._database = database
        self._unsynced = False  # the tiles may have been lost by a sync that failed

    def repair(self, size: int) -> None:
        """Write the tiles of committed entries again whose tiles a crash may have lost.

        Raises:
            DamageError: what is pending is not the end of the tree.
        """
        pending = self._database.pending()
        if not pending:
            return
        start = pending[0][0]
        if pending[-1][0] != size - 1 or len(pending) != size - start:
            raise DamageError("index.sqlite: pending entries do not end at the tree's size")
        self._store.append(start, [data for _, data in pending])

    def entries(self, start: int, size: int) -> Iterator[bytes]:
        """Committed entries: from tiles where those are durable, else from the database."""
        pending = [row for row in self._database.pending(start) if row[0] < size]
        durable = pending[0][0] if pending else size
        yield from self._store.entries(start, max(start, durable))
        yield from (data for _, data in pending)

    def write_tiles(self, tree: Frontier, start: int) -> None:
        """Write the tiles of what is pending from ``start`` on.

        Raises:
            DamageError: they do not give the tree's root.
        """
        pending = [row for row in self._database.pending(start) if row[0] < tree.size]
        if pending and self._store.append(pending[0][0], [d for _, d in pending]) != tree.root():
            raise DamageError(
                f"log: the tiles do not give the root of the {tree.size} entries that"
                " were committed; run 'lakzegel-server check'"
            )

    def is_much(self, size: int) -> bool:
        """Whether the tiles of more entries wait than may."""
        start = self._database.pending_start()
        return start is not None and size - start > MAX_PENDING

    def is_waiting(self, size: int) -> bool:
        """Whether there are tiles that could be made durable."""
        start = self._database.pending_start()
        return start is not None and start < self._store.settled(size)

    def make_durable(self, size: int) -> None:
        """Make the tiles below ``size`` durable, and forget that they were pending."""
        start, end = self._database.pending_start(), self._store.settled(size)
        if start is None or start >= end:
            return
        if self._unsynced:  # the system takes pages that it could not write for clean: no
            self.write_tiles(self._database.tree(), start)  # second sync would notice
        self._unsynced = True
        self._store.sync(start, size)
        self._unsynced = False
        self._database.forget_pending(end)
