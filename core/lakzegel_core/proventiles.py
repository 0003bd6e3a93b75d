# SPDX-License-Identifier: EUPL-1.2
"""Hash tiles of a log, each proven under its root before anything of it is believed.

A full tile's root is a hash of the tile above it, and so on up to the right edge, whose hashes give
the root of the tree. So the leaf hash of one entry costs a tile on each level, however long the log
(docs/spec/log.md §3).
"""

from __future__ import annotations

from typing import Final

from lakzegel_core.errors import InclusionError, RootMismatchError
from lakzegel_core.merkle import root_of
from lakzegel_core.tiles import HEIGHT, WIDTH, HashReader, ReadTile, split_tile, tile_path

_MAX: Final = 64  # tiles that are held, for what is asked for next lies in the same ones


class ProvenTiles:
    """Reads tiles of one tree; ``reader`` gives roots and proofs of it."""

    def __init__(self, size: int, root: bytes, read: ReadTile) -> None:
        """The tree; its right edge is read and compared with the root at once.

        Raises:
            RootMismatchError: the tiles do not give it.
        """
        self.size = size
        self.reader = HashReader(size, read, root=root)
        self._read = read
        self._held: dict[tuple[int, int], list[bytes]] = {}

    def leaf(self, index: int) -> bytes:
        """The hash of leaf ``index``.

        Raises:
            InclusionError: the tree has no such leaf.
            FormatError, RootMismatchError: a tile is damaged.
        """
        if not 0 <= index < self.size:
            raise InclusionError(f"no leaf {index} in a tree of {self.size}")
        return self.tile(0, index // WIDTH)[index % WIDTH]

    def tile(self, level: int, index: int) -> list[bytes]:
        """The hashes of a tile, as wide as this tree has it.

        Raises:
            FormatError, RootMismatchError: it is damaged.
        """
        found = self._held.get((level, index))
        if found is None:
            found = self._proven(level, index)
            if len(self._held) >= _MAX:
                del self._held[next(iter(self._held))]
            self._held[level, index] = found
        return found

    def _proven(self, level: int, index: int) -> list[bytes]:
        width = min(WIDTH, (self.size >> (HEIGHT * level)) - index * WIDTH)
        path = tile_path(level, index, width)
        hashes = split_tile(self._read(path), width=width, what=path)
        if width < WIDTH:  # all of it is in the right edge
            stated = self.reader.root()
            again = HashReader(self.size, lambda name: self._edge(name, path, hashes)).root()
        else:
            stated = self.tile(level + 1, index // WIDTH)[index % WIDTH]
            again = root_of(hashes)
        if again != stated:
            raise RootMismatchError(f"{path}: not a tile of the tree of {self.size}")
        return hashes

    def _edge(self, name: str, path: str, hashes: list[bytes]) -> bytes:
        """A tile of the right edge, this one as it was just read."""
        return b"".join(hashes) if name == path else self._read(name)
