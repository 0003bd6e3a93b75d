# SPDX-License-Identifier: EUPL-1.2
"""C2SP tlog-tiles: a log as static files.

    tile/0/x001/x234/067        256 leaf hashes, 8,192 bytes
    tile/1/000.p/12             12 hashes of full level-0 tiles
    tile/entries/x001/x234/067  256 entries, each after its length in two bytes

docs/spec/log.md §3.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from lakzegel_core.errors import FormatError, InclusionError, LimitError, RootMismatchError
from lakzegel_core.limits import DIGEST, MAX_NOTE, MAX_TREE
from lakzegel_core.merkle import Frontier, leaf_hash, node_hash, root_of

WIDTH: Final = 256
HEIGHT: Final = 8
MAX_LEVEL: Final = 5  # 256^5 = 2^40 = MAX_TREE
ENTRIES: Final = -1  # the "level" of entry bundles
_MAX_TILES: Final = 256  # that a reader holds, 20 KB each; a proof needs two on each level at most
MAX_KNOWN: Final = 2**14  # hashes that are kept, some 2 MB; a log of 2^40 has 40 at each edge
ReadTile = Callable[[str], bytes]
_TILE: Final = re.compile(
    r"tile/(entries|0|[1-9][0-9]?)/((?:x[0-9]{3}/){0,4}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?\Z"
)


@dataclass(frozen=True, slots=True)
class TileId:
    """Level (-1 for entries), index and width of one tile."""

    level: int
    index: int
    width: int

    @property
    def path(self) -> str:
        """Its path below the log's prefix."""
        number = f"{self.index % 1000:03d}"
        rest = self.index // 1000
        while rest:
            number = f"x{rest % 1000:03d}/{number}"
            rest //= 1000
        level = "entries" if self.level == ENTRIES else str(self.level)
        part = "" if self.width == WIDTH else f".p/{self.width}"
        return f"tile/{level}/{number}{part}"


def tile_path(level: int, index: int, width: int = WIDTH) -> str:
    """The path of a hash tile."""
    return TileId(level, index, width).path


def entries_path(index: int, width: int = WIDTH) -> str:
    """The path of an entry bundle."""
    return TileId(ENTRIES, index, width).path


def parse_tile_path(path: str) -> TileId:
    """The tile that a path names.

    Raises:
        FormatError: it is not the one path of any tile.
    """
    match = _TILE.match(path)
    if match is None:
        raise FormatError("tile path", "not a path of tlog-tiles")
    level = ENTRIES if match[1] == "entries" else int(match[1])
    index = int(match[2].replace("x", "").replace("/", ""))
    tile = TileId(level, index, int(match[3] or WIDTH))
    if level > MAX_LEVEL or tile.width > WIDTH or tile.path != path:
        raise FormatError("tile path", "not the canonical path of a tile")
    return tile


def encode_entries(entries: Iterable[bytes]) -> bytes:
    """An entry bundle: each entry after its big-endian 16-bit length."""
    parts = []
    for entry in entries:
        if len(entry) > MAX_NOTE:
            raise LimitError("log entry", f"{len(entry)} bytes, at most {MAX_NOTE}")
        parts += [len(entry).to_bytes(2, "big"), entry]
    return b"".join(parts)


def decode_entries(data: bytes, *, width: int | None) -> list[bytes]:
    """The ``width`` entries of a bundle, or however many there are.

    Raises:
        FormatError: truncated, or another number of entries.
    """
    entries, at = [], 0
    while at < len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if end > len(data):
            raise FormatError("entry bundle", "truncated")
        entries.append(data[at + 2 : end])
        at = end
    if width is not None and len(entries) != width:
        raise FormatError("entry bundle", f"{len(entries)} entries where {width} belong")
    return entries


def split_tile(data: bytes, *, width: int, what: str = "tile") -> list[bytes]:
    """The hashes of a tile.

    Raises:
        FormatError: not ``width`` hashes long.
    """
    if len(data) != width * DIGEST:
        raise FormatError(what, f"{len(data)} bytes where {width * DIGEST} belong")
    return [data[i : i + DIGEST] for i in range(0, len(data), DIGEST)]


def narrow(data: bytes, tile: TileId, width: int) -> bytes:
    """The bytes of the narrower tile that a tile grew out of."""
    if tile.level == ENTRIES:
        return encode_entries(decode_entries(data, width=tile.width)[:width])
    return data[: width * DIGEST]


def tiles_for(size: int) -> Iterator[TileId]:
    """Every tile that a log of this size consists of: entries and all levels, full and partial."""
    for level in (ENTRIES, *range(MAX_LEVEL + 1)):
        count = size >> (HEIGHT * max(level, 0))
        for index in range(count // WIDTH):
            yield TileId(level, index, WIDTH)
        if count % WIDTH:
            yield TileId(level, count // WIDTH, count % WIDTH)


def paths_for(size: int) -> Iterator[str]:
    """The paths of ``tiles_for(size)``."""
    return (tile.path for tile in tiles_for(size))


@dataclass(frozen=True, slots=True)
class TileUpdate:
    """What appending writes: path → bytes, and the tree after it."""

    files: dict[str, bytes]
    size: int
    root: bytes


@dataclass(slots=True)
class _Appender:
    """Grows the right edge level by level; only partial tiles of the old size are read."""

    old_size: int
    read: ReadTile
    files: dict[str, bytes] = field(default_factory=dict)

    def level(self, level: int, new: Sequence[bytes]) -> list[bytes]:
        """Write a level's changed tiles; return the roots of the tiles that became full."""
        old = self.old_size >> (HEIGHT * level)
        hashes = self._partial(level, old) + list(new)
        first = old // WIDTH
        full = []
        for start in range(0, len(hashes), WIDTH):
            chunk = hashes[start : start + WIDTH]
            path = tile_path(level, first + start // WIDTH, len(chunk))
            self.files[path] = b"".join(chunk)
            if len(chunk) == WIDTH:
                full.append(root_of(chunk))
        return full

    def entries(self, new: Sequence[bytes]) -> None:
        """Write the changed entry bundles."""
        first, width = divmod(self.old_size, WIDTH)
        old = decode_entries(self.read(entries_path(first, width)), width=width) if width else []
        entries = old + list(new)
        for start in range(0, len(entries), WIDTH):
            chunk = entries[start : start + WIDTH]
            self.files[entries_path(first + start // WIDTH, len(chunk))] = encode_entries(chunk)

    def _partial(self, level: int, count: int) -> list[bytes]:
        index, width = divmod(count, WIDTH)
        if not width:
            return []
        return split_tile(self.read(tile_path(level, index, width)), width=width)


def new_tiles(old_size: int, new_entries: Sequence[bytes], read: ReadTile) -> TileUpdate:
    """The files to write so that a log of ``old_size`` holds the new entries as well.

    ``read`` is asked for partial tiles of the old size only, and for the right edge's tiles.
    """
    if not new_entries:
        return TileUpdate({}, old_size, HashReader(old_size, read).root())
    appender = _Appender(old_size, read)
    appender.entries(new_entries)
    hashes = [leaf_hash(entry) for entry in new_entries]
    for level in range(MAX_LEVEL + 1):
        if not hashes:
            break
        hashes = appender.level(level, hashes)
    files = appender.files
    size = old_size + len(new_entries)
    reader = HashReader(size, lambda path: files[path] if path in files else read(path))
    return TileUpdate(files, size, reader.root())


class HashReader:
    """Roots and proofs of a log of one size, computed from its tiles on demand.

    With ``root``, the tiles of the right edge are checked against it at once, and every proof is
    worth only what its verifier makes of it. ``known`` is where hashes of full subtrees are kept,
    which never change: readers of one log share it, whatever their sizes.
    """

    def __init__(
        self,
        size: int,
        read: ReadTile,
        *,
        root: bytes | None = None,
        known: dict[tuple[int, int], bytes] | None = None,
    ) -> None:
        if not 0 <= size <= MAX_TREE:
            raise LimitError("tree size", f"{size} is beyond {MAX_TREE}")
        self.size = size
        self._read = read
        self._tiles: dict[tuple[int, int], list[bytes]] = {}
        self._known = {} if known is None else known
        if root is not None and self.root() != root:
            raise RootMismatchError(f"the tiles do not give the root of the tree of {size}")

    def root(self, size: int | None = None) -> bytes:
        """The root of the tree, or of an earlier size of it.

        Raises:
            InclusionError: a size that this tree does not reach.
        """
        size = self.size if size is None else size
        if not 0 <= size <= self.size:
            raise InclusionError(f"no tree of {size} in one of {self.size}")
        if size == 0:
            return Frontier().root()
        return self._range(0, size)

    def frontier(self) -> Frontier:
        """The right edge, ready for appending."""
        hashes, at = [], 0
        for bit in reversed(range(self.size.bit_length())):
            if self.size >> bit & 1:
                hashes.append(self._full(bit, at >> bit))
                at += 1 << bit
        return Frontier.from_hashes(self.size, hashes)

    def leaf(self, index: int) -> bytes:
        """The hash of leaf ``index``."""
        if not 0 <= index < self.size:
            raise InclusionError(f"no leaf {index} in a tree of {self.size}")
        return self._full(0, index)

    def inclusion(self, index: int) -> list[bytes]:
        """The inclusion proof of leaf ``index``."""
        if not 0 <= index < self.size:
            raise InclusionError(f"no leaf {index} in a tree of {self.size}")
        path, start, end = [], 0, self.size
        while end - start > 1:
            middle = start + _split(end - start)
            if index < middle:
                path.append(self._range(middle, end))
                end = middle
            else:
                path.append(self._range(start, middle))
                start = middle
        return path[::-1]

    def consistency(self, old_size: int) -> list[bytes]:
        """The proof that this tree extends its first ``old_size`` leaves."""
        if not 0 <= old_size <= self.size:
            raise InclusionError(f"no tree of {old_size} in one of {self.size}")
        path: list[bytes] = []
        if old_size in (0, self.size):
            return path
        start, end, whole = 0, self.size, True
        while old_size != end - start or start:
            if old_size == end - start:
                break
            middle = _split(end - start)
            if old_size <= middle:
                path.append(self._range(start + middle, end))
                end = start + middle
            else:
                path.append(self._range(start, start + middle))
                start, old_size, whole = start + middle, old_size - middle, False
        if not whole:
            path.append(self._range(start, end))
        return path[::-1]

    def _range(self, start: int, end: int) -> bytes:
        """The hash over leaves [start, end); start is aligned as RFC 6962 splits."""
        count = end - start
        if count & (count - 1) == 0:
            level = count.bit_length() - 1
            return self._full(level, start >> level)
        middle = start + _split(count)
        return node_hash(self._range(start, middle), self._range(middle, end))

    def _full(self, level: int, index: int) -> bytes:
        """The hash of the full subtree of 2^level leaves with this index on its level."""
        found = self._known.get((level, index))
        if found is None:
            found = self._root_of(level, index)
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            self._known[level, index] = found
        return found

    def _root_of(self, level: int, index: int) -> bytes:
        tile_level, inner = divmod(level, HEIGHT)
        first = index << inner
        hashes = self._tile(tile_level, first // WIDTH)
        part = hashes[first % WIDTH : first % WIDTH + (1 << inner)]
        if len(part) != 1 << inner:
            raise InclusionError(f"level {tile_level} has no hash {first} in a tree of {self.size}")
        return root_of(part)

    def _tile(self, level: int, index: int) -> list[bytes]:
        key = (level, index)
        if key not in self._tiles:
            if len(self._tiles) >= _MAX_TILES:  # else whoever asks for every proof fills memory
                del self._tiles[next(iter(self._tiles))]
            count = self.size >> (HEIGHT * level)
            width = min(WIDTH, count - index * WIDTH)
            path = tile_path(level, index, width)
            self._tiles[key] = split_tile(self._read(path), width=width, what=path)
        return self._tiles[key]


def _split(count: int) -> int:
    """The largest power of two below ``count`` (RFC 6962 §2.1)."""
    return 1 << (count - 1).bit_length() - 1
