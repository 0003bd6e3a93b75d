# SPDX-License-Identifier: EUPL-1.2
"""The tiles of one log where another store keeps them, the same byte for byte (stores.md §10)."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Final

from lakzegel_core.merkle import Frontier
from lakzegel_core.tiles import WIDTH, entries_path
from lakzegel_server.committed import Committed
from lakzegel_server.database import Database
from lakzegel_server.errors import DamageError
from lakzegel_server.index.engine import SEQUENCING
from lakzegel_server.logstore import LogStore
from lakzegel_server.stores.edge import edge_tiles

BUNDLES: Final = 32  # written and made durable together
PART: Final = BUNDLES * WIDTH  # entries
TOLD: Final = 1024  # tiles, between two words of progress
Tell = Callable[[str, int], None]


def complete(source: LogStore, database: Database) -> None:
    """Make the tiles whole and durable that a crash may have left behind the index.

    Raises:
        DamageError: what is pending is not the end of the tree.
    """
    committed, size = Committed(source, database), database.size()
    committed.repair(size)
    committed.make_durable(size)


def copy(source: LogStore, target: LogStore, tree: Frontier, tell: Tell) -> int:
    """How many entries had to be written; all tiles that the store keeps are durable.

    Raises:
        DamageError: the source has a bundle that is missing or damaged, or another root.
        OSError: one cannot be read, or written.
    """
    size = tree.size
    at = begun = _written(target, size)
    rest = source.entries(at, size)
    while part := list(islice(rest, PART)):
        target.append(at, part)
        target.sync(at, at + len(part))
        at += len(part)
        tell("log", at)
    if size and target.root(size) != tree.root():
        raise DamageError("log: what was written has another root; run 'check' on DATA first")
    return size - begun


def keep_pending(source: LogStore, target: LogStore, database: Database) -> None:
    """Give the index the entries whose bundle the other store has no tile of yet."""
    size = database.size()
    start = target.settled(size)
    rows = list(enumerate(source.entries(start, size), start))
    with database.transaction(SEQUENCING) as change:
        change.execute("DELETE FROM pending")
        change.executemany("INSERT INTO pending (idx, data) VALUES (?, ?)", rows)


def compare(source: LogStore, target: LogStore, size: int, tell: Tell) -> int:
    """How many tiles a log of this size has; both give the same bytes of each.

    Raises:
        DamageError: the first that differs.
    """
    count = 0
    for count, tile in enumerate(edge_tiles(0, size), start=1):
        if source.read(tile.path) != target.read(tile.path):
            raise DamageError(f"log/{tile.path}: is not the same in the other store")
        if count % TOLD == 0:
            tell("tile", count)
    tell("tile", count)
    return count


def _written(target: LogStore, size: int) -> int:
    """From which entry on to write: where an earlier run ended, and a part before that.

    Bundles are written in order, so that whether one is there tells of all before it.
    """
    low, high = 0, size // WIDTH
    while low < high:
        middle = (low + high) // 2
        if target.size(entries_path(middle, WIDTH)) is None:
            high = middle
        else:
            low = middle + 1
    return max(0, low // BUNDLES - 1) * PART
