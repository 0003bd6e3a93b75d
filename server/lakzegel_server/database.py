# SPDX-License-Identifier: EUPL-1.2
"""Sequencing in SQLite: one durable transaction commits a group of entries.

A connection is used by one thread at a time; who shares one takes turns (`logstate.py`,
`register.py`). WAL with synchronous=FULL: one fsync a commit, and readers never wait.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

from lakzegel_core.merkle import Frontier, leaf_hash
from lakzegel_server.upgrading import require_known, upgrade

BUSY_SECONDS: Final = 30
_HASH: Final = 32


class Database:
    """One connection to ``index.sqlite``."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open, and make what is missing; every commit is durable.

        Raises:
            ConfigError: a newer version made it.
        """
        connection = sqlite3.connect(
            path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            require_known(connection)
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON"):
                connection.execute(f"PRAGMA {pragma}")
            upgrade(connection)
        except BaseException:
            connection.close()
            raise
        path.chmod(0o600)
        return cls(connection)

    @classmethod
    def open_readonly(cls, path: Path) -> Self:
        """Open for looking only."""
        uri = f"{path.absolute().as_uri()}?mode=ro"
        connection = sqlite3.connect(
            uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        return cls(connection)

    def close(self) -> None:
        """Close; the last one to do so folds the journal in."""
        self.connection.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One durable, all-or-nothing change."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield self.connection
            self.connection.execute("COMMIT")
        except BaseException:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            raise

    def tree(self) -> Frontier:
        """The committed tree's right edge."""
        size, edge = self.connection.execute("SELECT size, edge FROM tree").fetchone()
        return Frontier.from_hashes(size, [edge[i : i + _HASH] for i in range(0, len(edge), _HASH)])

    def size(self) -> int:
        """How many entries are committed."""
        return int(self.connection.execute("SELECT size FROM tree").fetchone()[0])

    def commit(self, old_size: int, entries: Sequence[bytes]) -> bool:
        """Append entries by compare-and-swap on the size; False when somebody else was first."""
        with self.transaction() as change:
            tree = self.tree()
            if tree.size != old_size:
                return False
            rows = []
            for data in entries:
                rows.append((tree.size, hashlib.sha256(data).digest(), data))
                tree.append(leaf_hash(data))
            change.executemany("INSERT INTO entries VALUES (?, ?)", [r[:2] for r in rows])
            change.executemany("INSERT INTO pending VALUES (?, ?)", [(r[0], r[2]) for r in rows])
            change.execute(
                "UPDATE tree SET size = ?, edge = ?", (tree.size, b"".join(tree.to_hashes()))
            )
        return True

    def index_of(self, entry_id: bytes) -> int | None:
        """The index of an entry, by the SHA-256 of its bytes."""
        row = self.connection.execute("SELECT idx FROM entries WHERE id = ?", (entry_id,))
        found = row.fetchone()
        return None if found is None else int(found[0])

    def pending(self, start: int = 0) -> list[tuple[int, bytes]]:
        """Entries, from ``start``, whose tiles may not be durable yet."""
        rows = self.connection.execute(
            "SELECT idx, data FROM pending WHERE idx >= ? ORDER BY idx", (start,)
        )
        return list(rows)

    def pending_start(self) -> int | None:
        """The first entry whose tiles may not be durable yet, if there is one."""
        found = self.connection.execute("SELECT min(idx) FROM pending").fetchone()[0]
        return None if found is None else int(found)

    def forget_pending(self, below: int) -> None:
        """Drop entries whose tiles are durable."""
        with self.transaction() as change:
            change.execute("DELETE FROM pending WHERE idx < ?", (below,))
