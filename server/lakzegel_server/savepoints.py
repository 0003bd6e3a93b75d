# SPDX-License-Identifier: EUPL-1.2
"""Where a start goes on from, so that it need not replay the whole log (docs/spec/storage.md §8).

A cache: whenever it cannot be used, everything is replayed, and a line says why.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from lakzegel_core import savepoint
from lakzegel_core.custody import Custody
from lakzegel_core.errors import InclusionError, LakzegelError, RootMismatchError
from lakzegel_core.merkle import Frontier, leaf_hash
from lakzegel_core.proventiles import ProvenTiles
from lakzegel_core.savepoint import Restored, Savepoint
from lakzegel_core.tiles import WIDTH, decode_entries, entries_path
from lakzegel_server.durable import create, settle, write_all
from lakzegel_server.errors import DamageError
from lakzegel_server.logstore import LogStore

FEW: Final = 1_000  # entries that are replayed in less than a second: not worth a file
MANY: Final = 100_000  # entries after which the hour is not waited for
HOUR: Final = 3600.0
BLOCK: Final = 2**20  # bytes read at a time
_log: Final = logging.getLogger(__name__)


class Savepoints:
    """The savepoint of one DATA; one thread at a time writes it."""

    def __init__(
        self,
        path: Path,
        work: Path,
        store: LogStore,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._work = work
        self._store = store
        self._monotonic = monotonic
        self._saved = 0  # entries of the log that the file there is of, as far as is known
        self._at = -HOUR

    def load(self, origin: str, tree: Frontier) -> Restored | None:
        """Where to go on from; None when there is nothing that can be believed.

        ``tree`` is the right edge of the committed tree, whose tiles are there.
        """
        if not self._path.exists():
            return None
        try:
            found = read_savepoint(self._path, origin, tree, self._store)
        except (LakzegelError, OSError) as error:
            _log.warning("the savepoint is not used, and the whole log replayed: %s", error)
            return None
        self._saved, self._at = found.edge.size, self._monotonic()
        return found

    def know(self, size: int) -> None:
        """The one that lies there is of this log, and of so many entries: somebody else saw."""
        self._saved = size

    def distrust(self, why: Exception) -> None:
        """What was loaded does not lead to the log that is there."""
        _log.warning("the savepoint is not used, and the whole log replayed: %s", why)
        self._saved, self._at = 0, -HOUR

    def is_due(self, size: int, *, ending: bool) -> bool:
        """Whether enough was appended since the last one."""
        fresh = size - self._saved
        waited = ending or fresh >= MANY or self._monotonic() - self._at >= HOUR
        return fresh >= FEW and waited

    def begin(self, custody: Custody, tree: Frontier) -> Savepoint:
        """What is to be written; the custody may go on as soon as this returns."""
        return Savepoint.of(custody, tree, _Entries(self._store, tree.size, self._old()))

    def write(self, made: Savepoint) -> None:
        """Put it in the place of the one before.

        Raises:
            OSError: it cannot be written; the one before stays.
            LakzegelError, DamageError: an entry cannot be read.
        """
        part = self._work / f"{secrets.token_hex(16)}.savepoint"
        try:
            with create(part) as file:
                for block in made.blocks():
                    write_all(file, block)
            settle([(part, self._path)])
        finally:
            part.unlink(missing_ok=True)
        self._saved, self._at = made.head.size, self._monotonic()
        _log.info("savepoint of %d entries: %d kept", made.head.size, made.head.entries)

    def _old(self) -> Iterator[tuple[int, bytes]]:
        """The entries of the one before, when it is known to be of this log."""
        if self._saved:
            yield from savepoint.entries_of(blocks_of(self._path))


class _Entries:
    """Entries in rising order: of the savepoint before where it has them, else of the tiles.

    So that each bundle of the log is read for one savepoint and not for all.
    """

    def __init__(self, store: LogStore, size: int, old: Iterator[tuple[int, bytes]]) -> None:
        self._store = store
        self._size = size
        self._old = old
        self._next: tuple[int, bytes] | None = (-1, b"")
        self._number = -1
        self._bundle: list[bytes] = []

    def __call__(self, index: int) -> bytes:
        self._advance(index)
        if self._next is not None and self._next[0] == index:
            return self._next[1]
        number, place = divmod(index, WIDTH)
        if number != self._number:
            width = min(WIDTH, self._size - number * WIDTH)
            name = entries_path(number, width)
            try:
                self._bundle = decode_entries(self._store.read(name), width=width)
            except (OSError, LakzegelError) as error:
                raise DamageError(f"log/{name}: {error}") from None
            self._number = number
        return self._bundle[place]

    def _advance(self, index: int) -> None:
        try:
            while self._next is not None and self._next[0] < index:
                self._next = next(self._old, None)
        except (LakzegelError, OSError):
            self._next = None  # damaged meanwhile: the tiles have it as well


def read_savepoint(path: Path, origin: str, tree: Frontier, store: LogStore) -> Restored:
    """The custody and edge of a savepoint that is of a log with this right edge.

    1. Its tree is one that the log had.
    2. Each entry has the leaf hash that the tiles have, which are proven under the root.
    3. It restores (docs/spec/savepoint.md §3).

    Raises:
        LakzegelError: it is damaged, or of another log.
        OSError: it cannot be read.
    """
    head = savepoint.peek(blocks_of(path))
    if head.size > tree.size:
        raise InclusionError(f"savepoint: of {head.size} entries, the log has {tree.size}")
    proven = ProvenTiles(tree.size, tree.root(), store.read)
    if proven.reader.root(head.size) != head.root:
        raise RootMismatchError(f"savepoint: of another log of {head.size} entries")

    def compare(index: int, entry: bytes) -> None:
        if leaf_hash(entry) != proven.leaf(index):
            raise RootMismatchError(f"savepoint: entry {index} is not the log's")

    return savepoint.restore(
        blocks_of(path), origin=origin, pinned=None, threshold=None, seen=compare
    )


def blocks_of(path: Path) -> Iterator[bytes]:
    """The bytes of a file, some at a time."""
    with path.open("rb", buffering=0) as file:
        while block := file.read(BLOCK):
            yield block
