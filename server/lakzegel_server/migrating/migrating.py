# SPDX-License-Identifier: EUPL-1.2
"""Moves a receiver's log, objects and keyrings, and proves it (docs/spec/stores.md §10).

Whatever ends it, it is begun again: what is there already is not sent again. Nothing of the old is
touched before everything new was read back, and no receiver serves the new before that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import Final

from lakzegel_server.claiming import claimed
from lakzegel_server.database import Database, open_turns
from lakzegel_server.errors import ConfigError
from lakzegel_server.layout import Layout
from lakzegel_server.logstore import LogStore
from lakzegel_server.migrating import leaving, tables, tiles
from lakzegel_server.migrating.copying import OBJECTS, Copying, copy_documents, sealed_only
from lakzegel_server.stores import names

UNDER_WAY: Final = "migrating"  # a document, until everything is there
_BATCHED: Final = (names.BATCHES, names.KEYRINGS)
Tell = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Migrated:
    """What went over: all of it is the same now as it was."""

    size: int  # entries of the log
    root: bytes
    rows: int
    objects: int
    keyrings: int
    tiles: int
    documents: int


def migrate(source: Layout, target: Layout, tell: Tell) -> Migrated:
    """Everything of ``source``, which lies below DATA, to where ``target`` looks for it.

    Raises:
        ConfigError: a receiver serves one of them, or the other place is no empty one.
        DamageError: something is not the same there, or was damaged before.
        OSError, sqlite3.Error, IndexFault: something cannot be read or written now.
    """
    _require_movable(source, target)
    with claimed(source), ExitStack() as stack:
        turns = stack.enter_context(closing(open_turns(target.database, target.lock)))
        stack.enter_context(turns.turn())
        old = stack.enter_context(closing(Database.open(source.database)))
        new = old
        if target.database != source.database:
            new = stack.enter_context(closing(Database.open(target.database)))
            tables.require_fit(old, new)
        with _under_way(target):
            found = _Move(source, target, old, new, tell).run()
        leaving.leave(source, target)
        return found


def require_complete(layout: Layout) -> None:
    """Return when no migration to there was cut off.

    Raises:
        ConfigError: one was; what is there is not the whole log.
    """
    if layout.stores.documents.exists(UNDER_WAY):
        raise ConfigError(
            f"{layout.database}: a migration to there is not finished; run 'lakzegel-server"
            " migrate' again, with the DATA that it is from"
        )


@contextmanager
def _under_way(target: Layout) -> Iterator[None]:
    """Keep receivers from what is not whole; a failure leaves the mark."""
    documents = target.stores.documents
    documents.replace(UNDER_WAY, b"lakzegel-server migrate\n")
    yield
    documents.remove(UNDER_WAY)


def _require_movable(source: Layout, target: Layout) -> None:
    if source.database == target.database and not (
        _moves(source.stores.objects, target.stores.objects)
        or _moves(source.stores.keyrings, target.stores.keyrings)
    ):
        raise ConfigError(
            "nothing to migrate: give --database, --objects or --keyrings, or name them in"
            " [stores] of settings.toml"
        )
    if not source.index_file.exists():
        raise ConfigError(f"{source.index_file}: is gone; nothing here can be migrated")


def _moves(one: object, other: object) -> bool:
    return type(one) is not type(other)


class _Move:
    """One run: copy, then compare."""

    def __init__(
        self, source: Layout, target: Layout, old: Database, new: Database, tell: Tell
    ) -> None:
        self._source, self._target = source, target
        self._old, self._new = old, new
        self._tell = tell
        self._logs = tuple(
            LogStore.of(layout.stores, layout.log, layout.incoming) for layout in (source, target)
        )
        self._copying = Copying(source.data, source.incoming, tell)

    def run(self) -> Migrated:
        """Everything: objects before the rows that name them, and the tree last."""
        source, target = self._logs
        tiles.complete(source, self._old)
        tree = self._old.tree()
        documents = 0
        if self._source.stores.documents is not self._target.stores.documents:
            documents = copy_documents(self._source.stores.documents, self._target.stores.documents)
        keyrings = self._copied((names.KEYRINGS,), keyrings=True)
        objects = self._copied(OBJECTS, keyrings=False)
        moved = _moves(self._source.stores.tiles, self._target.stores.tiles)
        if moved:
            tiles.copy(source, target, tree, self._tell)
        rows = 0
        if self._new is not self._old:
            skip = tables.OF_STORES if moved else tables.OF_STORES - {"edge_tiles"}
            tables.copy(self._old, self._new, skip, self._tell)
            rows = tables.compare(self._old, self._new, skip, self._tell)
        if moved:
            tiles.keep_pending(source, target, self._new)
        count = tiles.compare(source, target, tree.size, self._tell)
        return Migrated(tree.size, tree.root(), rows, objects, keyrings, count, documents)

    def _copied(self, prefixes: tuple[str, ...], *, keyrings: bool) -> int:
        """How many there are of these, copied and read back; none where they stay."""
        stores = (self._source.stores, self._target.stores)
        one, other = ((s.keyrings if keyrings else s.objects) for s in stores)
        if not _moves(one, other):
            return 0
        found = [name for prefix in prefixes for name in self._names(prefix)]
        self._copying.copy(found, one, other)
        self._copying.compare(found, one, other)
        return len(found)

    def _names(self, prefix: str) -> Iterator[str]:
        stores = self._source.stores
        if prefix not in _BATCHED:
            return stores.objects.names(prefix)
        store = stores.keyrings if prefix == names.KEYRINGS else stores.objects
        return sealed_only(store.names(prefix), lambda one: self._old.index_of(one) is not None)
