# SPDX-License-Identifier: EUPL-1.2
"""Sequencing: one durable transaction commits a group of entries.

A connection is used by one thread at a time; who shares one takes turns (`logturn.py`,
`register.py`). Readers never wait. Which engine it is, is the business of `index/`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

from lakzegel_core.merkle import Frontier, leaf_hash
from lakzegel_server.index.engine import (
    BUSY_SECONDS,
    FAILURES,
    SEQUENCING,
    WRITING,
    Connection,
    Engine,
    IndexFault,
    code_of,
    is_full,
)
from lakzegel_server.index.opening import (
    is_made,
    open_engine,
    open_engine_briefly,
    open_engine_readonly,
    open_turns,
)
from lakzegel_server.index.place import Place
from lakzegel_server.upgrading import require_known, upgrade

__all__ = [
    "BUSY_SECONDS",
    "FAILURES",
    "Connection",
    "Database",
    "IndexFault",
    "Place",
    "code_of",
    "is_full",
    "is_made",
    "open_turns",
]

_HASH: Final = 32


class Database:
    """One connection to an index."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @classmethod
    def open(cls, place: Place) -> Self:
        """Open, and make what is missing; every commit is durable.

        Raises:
            ConfigError: a newer version made it, or it is nothing to entrust an index to.
        """
        engine = open_engine(place)
        try:
            require_known(engine)
            engine.prepare()  # not before: nothing of a newer one is changed
            upgrade(engine)
        except BaseException:
            engine.close()
            raise
        if isinstance(place, Path):
            place.chmod(0o600)
        return cls(engine)

    @classmethod
    def open_readonly(cls, place: Place) -> Self:
        """Open for looking only."""
        return cls(open_engine_readonly(place))

    @classmethod
    def open_briefly(cls, place: Place, seconds: float) -> Self:
        """Open what is there, for whoever waits no longer than that for others."""
        return cls(open_engine_briefly(place, seconds))

    @property
    def connection(self) -> Connection:
        """Where statements go; outside a transaction each is one by itself."""
        return self.engine.connection

    @property
    def name(self) -> str:
        """What a message calls the index: no user, no password."""
        return self.engine.name

    def close(self) -> None:
        """Close."""
        self.engine.close()

    def relax(self) -> None:
        """From now on commits wait for no disk: a crash may take the newest, whole ones."""
        self.engine.relax()

    @contextmanager
    def transaction(self, purpose: str = WRITING) -> Iterator[Connection]:
        """One durable, all-or-nothing change; of a purpose there is one at a time."""
        engine = self.engine
        try:
            engine.begin(purpose)
            yield engine.connection
            engine.commit()
        except BaseException:
            engine.rollback()
            raise

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """One moment, whatever others change meanwhile."""
        try:
            self.engine.begin_reading()
            yield self.engine.connection
        finally:
            self.engine.rollback()

    def tree(self) -> Frontier:
        """The committed tree's right edge."""
        size, edge = self.connection.execute("SELECT size, edge FROM tree").fetchone()
        return Frontier.from_hashes(size, [edge[i : i + _HASH] for i in range(0, len(edge), _HASH)])

    def size(self) -> int:
        """How many entries are committed."""
        return int(self.connection.execute("SELECT size FROM tree").fetchone()[0])

    def commit(self, known: Frontier, entries: Sequence[bytes]) -> bool:
        """Append entries by compare-and-swap on the tree; False when somebody else was first."""
        with self.transaction(SEQUENCING) as change:
            tree = self.tree()
            if (tree.size, tree.to_hashes()) != (known.size, known.to_hashes()):
                return False
            rows = []
            for data in entries:
                rows.append((tree.size, hashlib.sha256(data).digest(), data))
                tree.append(leaf_hash(data))
            swapped = change.execute(
                "UPDATE tree SET size = ?, edge = ? WHERE size = ? AND edge = ?",
                (tree.size, _joined(tree), known.size, _joined(known)),
            )
            if swapped.rowcount != 1:
                return False
            change.executemany("INSERT INTO entries VALUES (?, ?)", [r[:2] for r in rows])
            change.executemany("INSERT INTO pending VALUES (?, ?)", [(r[0], r[2]) for r in rows])
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


def _joined(tree: Frontier) -> bytes:
    return b"".join(tree.to_hashes())
