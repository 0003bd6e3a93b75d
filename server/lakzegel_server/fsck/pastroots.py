# SPDX-License-Identifier: EUPL-1.2
"""The roots that a log had at every size, without a hash for each of its entries in memory.

Of each full tile its root is kept, and of those the tree above: 64 bytes for 256 entries. Leaves
within a tile are asked for again, and believed when they give that root.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from lakzegel_core.limits import DIGEST
from lakzegel_core.merkle import EMPTY_ROOT, node_hash, root_of
from lakzegel_core.tiles import WIDTH

_HELD: Final = 1_024  # roots and tiles that are kept for the next question
LeavesOf = Callable[[int], Iterable[Sequence[bytes]]]


class PastRoots:
    """Grows by a leaf at a time; ``leaves_of`` gives what a full tile's leaf hashes may be."""

    def __init__(self, leaves_of: LeavesOf) -> None:
        self._leaves_of = leaves_of
        self._levels: list[bytearray] = [bytearray()]  # from the roots of tiles up
        self._tile: list[bytes] = []  # the leaves after the last full tile
        self._held: dict[int, bytes | None] = {}

    @property
    def size(self) -> int:
        """How many leaves there are."""
        return len(self._levels[0]) // DIGEST * WIDTH + len(self._tile)

    def append(self, leaf: bytes) -> None:
        """Take in the next leaf hash."""
        self._tile.append(leaf)
        if len(self._tile) == WIDTH:
            self._add(0, root_of(self._tile))
            self._tile.clear()

    def get(self, size: int, /) -> bytes | None:
        """The root of the first ``size`` leaves; None where there are not so many, or damaged."""
        if not 0 < size <= self.size:
            return EMPTY_ROOT if size == 0 else None
        if size not in self._held:
            if len(self._held) >= _HELD:
                del self._held[next(iter(self._held))]
            self._held[size] = self._root(size)
        return self._held[size]

    def _add(self, level: int, node: bytes) -> None:
        if level == len(self._levels):
            self._levels.append(bytearray())
        nodes = self._levels[level]
        nodes += node
        if len(nodes) % (2 * DIGEST) == 0:
            last = len(nodes) // DIGEST - 1
            self._add(level + 1, node_hash(self._node(level, last - 1), self._node(level, last)))

    def _node(self, level: int, index: int) -> bytes:
        return bytes(self._levels[level][index * DIGEST : (index + 1) * DIGEST])

    def _root(self, size: int) -> bytes | None:
        tiles, rest = divmod(size, WIDTH)
        parts, at = [], 0
        for bit in reversed(range(tiles.bit_length())):
            if tiles >> bit & 1:
                parts.append(self._node(bit, at >> bit))
                at += 1 << bit
        if rest:
            leaves = self._leaves(tiles)
            if leaves is None:
                return None
            parts.append(root_of(leaves[:rest]))
        root = parts.pop()
        for left in reversed(parts):
            root = node_hash(left, root)
        return root

    def _leaves(self, tile: int) -> Sequence[bytes] | None:
        if tile * DIGEST == len(self._levels[0]):
            return self._tile
        stated = self._node(0, tile)
        return next((found for found in self._leaves_of(tile) if root_of(found) == stated), None)
