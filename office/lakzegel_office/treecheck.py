# SPDX-License-Identifier: EUPL-1.2
"""Computing every hash tile of the mirror anew from the entries, in constant memory."""

from collections.abc import Callable

from lakzegel_core import tiles
from lakzegel_core.merkle import leaf_hash, root_of

Compare = Callable[[str, bytes], None]  # the tile's path and what it must hold


class TreeCheck:
    """Takes entries in order and hands each finished tile to `compare`."""

    def __init__(self, compare: Compare) -> None:
        """Start with the empty log."""
        self._compare = compare
        self._rows: list[list[bytes]] = [[] for _ in range(tiles.MAX_LEVEL + 2)]
        self._done = [0] * len(self._rows)  # full tiles of each level

    def begin_at(self, size: int, read: tiles.ReadTile) -> None:
        """Go on from a log of that size, whose right edge is read from its tiles."""
        for level in range(tiles.MAX_LEVEL + 1):
            done, width = divmod(size >> (tiles.HEIGHT * level), tiles.WIDTH)
            self._done[level] = done
            if width:
                path = tiles.tile_path(level, done, width)
                self._rows[level] += tiles.split_tile(read(path), width=width, what=path)

    def add(self, entry: bytes) -> None:
        """Take the next entry."""
        self._push(0, leaf_hash(entry))

    def finish(self) -> None:
        """Hand over the partial tiles at the right edge."""
        for level, row in enumerate(self._rows):
            if row:
                self._compare(tiles.tile_path(level, self._done[level], len(row)), b"".join(row))

    def _push(self, level: int, node: bytes) -> None:
        row = self._rows[level]
        row.append(node)
        if len(row) == tiles.WIDTH:
            self._compare(tiles.tile_path(level, self._done[level]), b"".join(row))
            self._done[level] += 1
            root = root_of(row)
            row.clear()
            self._push(level + 1, root)
