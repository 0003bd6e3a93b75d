# SPDX-License-Identifier: EUPL-1.2
"""The tiled log, exactly as C2SP tlog-tiles names it and as it is served: tiles and checkpoint.

Where they are kept is the business of `stores/`; what the log is, of the database.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

from lakzegel_core.errors import LakzegelError
from lakzegel_core.limits import MAX_CHECKPOINT
from lakzegel_core.merkle import EMPTY_ROOT
from lakzegel_core.tiles import WIDTH, HashReader, decode_entries, entries_path, new_tiles
from lakzegel_server.durable import PUBLIC
from lakzegel_server.errors import DamageError
from lakzegel_server.stores.edge import edge_tiles
from lakzegel_server.stores.files import FileDocuments
from lakzegel_server.stores.filetiles import TileFiles
from lakzegel_server.stores.names import CHECKPOINT
from lakzegel_server.stores.protocols import Documents, Reading, Tiles
from lakzegel_server.stores.stores import Stores

__all__ = ["PUBLIC", "LogStore", "edge_tiles"]


class LogStore:
    """Reads and writes the log; the database decides what it is."""

    def __init__(
        self,
        folder: Path,
        work: Path,
        *,
        tiles: Tiles | None = None,
        documents: Documents | None = None,
    ) -> None:
        """Files below the folder, where nothing else is given."""
        self._tiles = tiles or TileFiles(folder, work)
        self._documents = documents or FileDocuments(folder.parent, work)

    @classmethod
    def of(cls, stores: Stores, folder: Path, work: Path) -> Self:
        """The log of a receiver that has these stores."""
        return cls(folder, work, tiles=stores.tiles, documents=stores.documents)

    def read(self, path: str) -> bytes:
        """The bytes of a tile, from a wider one where it grew into that.

        Raises:
            FileNotFoundError: it is not there.
        """
        return self._tiles.read(path)

    def open(self, path: str) -> Reading:
        """A full tile, to be read block by block.

        Raises:
            FileNotFoundError: it is not there.
        """
        return self._tiles.open(path)

    def size(self, path: str) -> int | None:
        """How many bytes a full tile has; None when it is not there."""
        return self._tiles.size(path)

    def append(self, old_size: int, entries: Sequence[bytes]) -> bytes:
        """Write the tiles of a grown log; its new root. Not durable before ``sync``."""
        update = new_tiles(old_size, entries, self.read)
        self._tiles.write(update.files)
        return update.root

    def write_checkpoint(self, data: bytes) -> bool:
        """Whether it is the one that is served now; not where a larger one is.

        It can be signed again after a crash.
        """
        return self._documents.advance(CHECKPOINT, data)

    def replace_checkpoint(self, data: bytes) -> None:
        """Put it in the place of one that this log never signed."""
        self._documents.replace(CHECKPOINT, data)

    def read_checkpoint(self) -> bytes | None:
        """The checkpoint that is served, if any was made."""
        try:
            data = self._documents.read(CHECKPOINT, MAX_CHECKPOINT)
        except FileNotFoundError:
            return None
        return data if len(data) <= MAX_CHECKPOINT else None

    def settled(self, size: int) -> int:
        """Below which entry ``sync`` makes the tiles of a log of this size durable."""
        return self._tiles.settled(size)

    def sync(self, start: int, size: int) -> None:
        """Make the tiles of entries from ``start`` on durable, below ``settled(size)``."""
        self._documents.settle(CHECKPOINT)
        self._tiles.sync(start, size)

    def entries(self, start: int, size: int) -> Iterator[bytes]:
        """The entries from ``start`` to the log's ``size``.

        Raises:
            DamageError: a bundle is missing or damaged.
        """
        at = start
        while at < size:
            index, first = divmod(at, WIDTH)
            width = min(WIDTH, size - index * WIDTH)
            name = entries_path(index, width)
            try:
                bundle = decode_entries(self.read(name), width=width)
            except (OSError, LakzegelError) as error:
                raise DamageError(f"log/{name}: {error}") from None
            yield from bundle[first:]
            at = index * WIDTH + width

    def entry(self, index: int, size: int) -> bytes:
        """One entry of a log of ``size``."""
        return next(self.entries(index, size))

    def reader(self, size: int) -> HashReader:
        """Proofs over the tiles of this size."""
        return HashReader(size, self.read)

    def root(self, size: int) -> bytes:
        """The root that the tiles give for this size."""
        return self.reader(size).root() if size else EMPTY_ROOT
