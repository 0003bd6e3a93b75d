# SPDX-License-Identifier: EUPL-1.2
"""Tiles in a store that locks what it has: full ones only (docs/spec/stores.md §6).

Partial tiles are made of what the index has: entries of the bundle that is not full, in
``pending``, and the newest partial tile of each level above, in ``edge_tiles``.
"""

from __future__ import annotations

import errno
import threading
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from lakzegel_core.limits import MAX_NOTE
from lakzegel_core.merkle import leaf_hash, root_of
from lakzegel_core.tiles import (
    ENTRIES,
    HEIGHT,
    MAX_LEVEL,
    WIDTH,
    TileId,
    encode_entries,
    narrow,
    parse_tile_path,
    split_tile,
    tile_path,
)
from lakzegel_server.stores.edge import edge_tiles
from lakzegel_server.stores.edgerows import EdgeRows
from lakzegel_server.stores.names import TILES
from lakzegel_server.stores.protocols import Objects, Reading
from lakzegel_server.stores.reading import BytesReading

MAX_TILE: Final = WIDTH * (2 + MAX_NOTE)  # bytes: the largest bundle
CACHE: Final = 16 * 2**20  # bytes of full tiles that were read last
HELD: Final = 32  # tiles in memory after which is looked for what is durable elsewhere
_Spot = tuple[int, int]  # level, index


class TileObjects:
    """The tiles of one log; of what is not durable yet, those that this process wrote."""

    def __init__(self, objects: Objects, rows: EdgeRows) -> None:
        self._objects = objects
        self._rows = rows
        self._held: dict[_Spot, tuple[TileId, bytes]] = {}  # the widest, until it is durable
        self._full = _Recent(CACHE)
        self._lock = threading.Lock()

    def read(self, path: str) -> bytes:
        """The tile: as it was written here, from the store, or made of the index."""
        tile = parse_tile_path(path)
        with self._lock:
            found = self._held.get((tile.level, tile.index))
        if found is not None and found[0].width >= tile.width:
            return narrow(found[1], found[0], tile.width)
        full = TileId(tile.level, tile.index, WIDTH)
        data = self._full.get(full.path)
        if data is None and tile.width < WIDTH:
            data = self._remembered(tile)
            if data is not None:
                return data
        if data is None:
            data = self._stored(full)
        if data is None:
            return self._made(tile)
        return narrow(data, full, tile.width)

    def open(self, path: str) -> Reading:
        """The object of a full tile, or what it will be."""
        try:
            return self._objects.open(TILES + path)
        except FileNotFoundError:
            return BytesReading(self.read(path))

    def size(self, path: str) -> int | None:
        """The length of that."""
        found = self._objects.size(TILES + path)
        if found is None:
            with suppress(FileNotFoundError):
                return len(self.read(path))
        return found

    def write(self, tiles: Mapping[str, bytes]) -> None:
        """Hold them in memory."""
        for path, data in tiles.items():
            tile = parse_tile_path(path)
            spot = (tile.level, tile.index)
            with self._lock:
                found = self._held.get(spot)
                if found is None or found[0].width <= tile.width:
                    self._held[spot] = (tile, data)
        if len(self._held) > HELD:
            self._forget_durable()

    def _forget_durable(self) -> None:
        """Let go of tiles that another receiver made durable, in whose turn they were full."""
        start = self._rows.start()
        with self._lock:
            tiles = [tile for tile, _ in self._held.values() if tile.width == WIDTH]
        for tile in tiles:
            if start is None or _end(tile) <= start:
                self._let_go(tile)

    def settled(self, size: int) -> int:
        """Those of full bundles."""
        return size - size % WIDTH

    def sync(self, start: int, size: int) -> None:
        """Put full tiles, then remember the partial ones above them."""
        end = self.settled(size)
        if end <= start:
            return
        full = [tile for tile in edge_tiles(start, end) if tile.width == WIDTH]
        for tile in full:
            self._objects.put(TILES + tile.path, self.read(tile.path))
        self._rows.keep(self._above(end))
        for tile in full:
            self._let_go(tile)

    def _above(self, end: int) -> list[tuple[TileId, bytes]]:
        """The partial tile of each level from 1 on, in a log of ``end`` entries."""
        found = []
        for level in range(1, MAX_LEVEL + 1):
            index, width = divmod(end >> (HEIGHT * level), WIDTH)
            if width:
                tile = TileId(level, index, width)
                found.append((tile, self.read(tile.path)))
        return found

    def _let_go(self, tile: TileId) -> None:
        with self._lock:
            held = self._held.pop((tile.level, tile.index), None)
        if held is not None and held[0] == tile:  # else another receiver filled it up
            self._full.put(tile.path, held[1])

    def _stored(self, full: TileId) -> bytes | None:
        """The full tile from the store; None when it is not there."""
        try:
            data = self._objects.read(TILES + full.path, MAX_TILE)
        except FileNotFoundError:
            return None
        self._full.put(full.path, data)
        return data

    def _made(self, tile: TileId) -> bytes:
        """The tile, made of what the index has and of full tiles below it.

        Raises:
            FileNotFoundError: there is not enough of them.
        """
        data = self._remembered(tile)
        if data is not None:
            return data
        if tile.level < 1:
            raise FileNotFoundError(errno.ENOENT, "not in the store, nor pending", tile.path)
        first = tile.index * WIDTH
        below = (tile_path(tile.level - 1, first + number) for number in range(tile.width))
        return b"".join(root_of(split_tile(self.read(path), width=WIDTH)) for path in below)

    def _remembered(self, tile: TileId) -> bytes | None:
        """The tile as the index has it; None when that has not all of it."""
        if tile.level >= 1:
            found = self._rows.tile(tile.level)
            if found is None or found[0].index != tile.index or found[0].width < tile.width:
                return None
            return narrow(found[1], found[0], tile.width)
        entries = self._rows.entries(tile.index * WIDTH, tile.width)
        if entries is None:
            return None
        if tile.level == ENTRIES:
            return encode_entries(entries)
        return b"".join(map(leaf_hash, entries))


def _end(tile: TileId) -> int:
    """The entry after those that a full tile is of."""
    return (tile.index + 1) * WIDTH << (HEIGHT * max(tile.level, 0))


class _Recent:
    """Bytes by name, those that were used last, up to so many in all."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._found: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, name: str) -> bytes | None:
        with self._lock:
            data = self._found.get(name)
            if data is not None:
                self._found.move_to_end(name)
            return data

    def put(self, name: str, data: bytes) -> None:
        with self._lock:
            self._room += len(self._found.pop(name, b""))
            self._found[name] = data
            self._room -= len(data)
            while self._room < 0:
                _, gone = self._found.popitem(last=False)
                self._room += len(gone)
