# SPDX-License-Identifier: EUPL-1.2
"""The roots that a mirrored log had at its sizes, in memory that does not grow with it.

The newest are remembered as entries come in; older ones are computed from the mirror's hash tiles,
each at the cost of the tree's height, and proven by what the log signed before anybody is blamed.
"""

from typing import Final

from lakzegel_core import tiles
from lakzegel_core.errors import InclusionError, LakzegelError
from lakzegel_core.merkle import (
    EMPTY_ROOT,
    Frontier,
    leaf_hash,
    verify_consistency,
)
from lakzegel_core.proventiles import ProvenTiles
from lakzegel_office.errors import DoubtError
from lakzegel_office.mirror import Mirror

RECENT: Final = 1 << 16  # roots that are remembered: devices saw a log of a moment ago
QUESTIONS: Final = 256  # answered from one set of tiles, so that few are in memory


class Roots:
    """The roots of one log; `anchor` is the tree that its hash tiles in the mirror are of."""

    def __init__(self, mirror: Mirror) -> None:
        """Begin with the empty log."""
        self._mirror = mirror
        self._frontier = Frontier()
        self._recent: dict[int, bytes] = {0: EMPTY_ROOT}
        self._first = 0  # the smallest size since which each one was seen
        self._anchor = (0, EMPTY_ROOT)
        self._reader: tiles.HashReader | None = None
        self._asked = 0
        self._proven: ProvenTiles | None = None

    @property
    def frontier(self) -> Frontier:
        """The right edge."""
        return self._frontier

    @property
    def anchored(self) -> int:
        """The size of the log that tiles are read of."""
        return self._anchor[0]

    @property
    def size(self) -> int:
        """How many entries were taken in."""
        return self._frontier.size

    def anchor(self, size: int, root: bytes) -> None:
        """Have tiles read as those of the log of that size that was signed and is mirrored."""
        if (size, root) != self._anchor:
            self._anchor, self._reader, self._proven = (size, root), None, None

    def begin_at(self, size: int, root: bytes) -> None:
        """Go on from that size, its right edge read from the tiles.

        Raises:
            DoubtError: the tiles do not give that root.
        """
        self.anchor(size, root)
        try:
            reader = tiles.HashReader(size, self._mirror.read_log, root=root)
            self._frontier = reader.frontier()
        except LakzegelError as error:
            raise DoubtError(f"mirror/log/tile: {error}; run: lakzegel-office verify") from error
        self._recent, self._first = {size: root}, size

    def append(self, entry: bytes) -> None:
        """Take the next entry in."""
        self._frontier.append(leaf_hash(entry))
        size = self._frontier.size
        self._recent[size] = self._frontier.root()
        if len(self._recent) > RECENT:
            del self._recent[self._first]
            self._first += 1

    def at(self, size: int) -> bytes:
        """Return the root at a size up to that of the log.

        Raises:
            DoubtError: a hash tile that it takes is missing or no tile.
        """
        known = self._recent.get(size)
        if known is not None:
            return known
        try:
            return EMPTY_ROOT if size == 0 else self._tiles().root(size)
        except LakzegelError as error:
            raise DoubtError(f"mirror/log/tile: {error}; run: lakzegel-office verify") from error

    def require_proven(self, size: int) -> None:
        """Return when the root at a size is of the log that was signed, and no damaged tile's.

        Raises:
            DoubtError: a hash tile was damaged.
        """
        if size in self._recent or size == 0:
            return
        reader = self._tiles()
        try:
            verify_consistency(
                old_size=size,
                new_size=reader.size,
                old_root=reader.root(size),
                new_root=self._anchor[1],
                proof=reader.consistency(size),
            )
        except LakzegelError as error:
            what = f"a hash tile below {size} was damaged"
            raise DoubtError(f"mirror/log/tile: {what}; run: lakzegel-office verify") from error

    def require_entry(self, index: int, entry: bytes) -> None:
        """Return when an entry is the one that the signed log has at a place.

        Tiles are proven once, so that neighbours cost a hash.

        Raises:
            DoubtError: it is not: its bundle, or a hash tile, was damaged.
        """
        try:
            if self._proven is None:
                self._proven = ProvenTiles(*self._anchor, self._mirror.read_log)
            if self._proven.leaf(index) != leaf_hash(entry):
                raise InclusionError("not the one whose hash the log signed")
        except LakzegelError as error:
            what = f"mirror/log, entry {index}: {error}; run: lakzegel-office verify"
            raise DoubtError(what) from error

    def _tiles(self) -> tiles.HashReader:
        """Return a reader of the mirror's tiles that has not many of them in memory."""
        self._asked += 1
        if self._reader is None or self._asked >= QUESTIONS:
            size = self._anchor[0]
            self._reader, self._asked = tiles.HashReader(size, self._mirror.read_log), 0
        return self._reader
