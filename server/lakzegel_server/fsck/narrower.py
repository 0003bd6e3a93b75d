# SPDX-License-Identifier: EUPL-1.2
"""Partial tiles of sizes since the tiles were last made durable: they may still be there."""

from __future__ import annotations

from collections.abc import Iterator

from lakzegel_core.errors import FormatError, LakzegelError
from lakzegel_core.tiles import HEIGHT, WIDTH, TileId, narrow, parse_tile_path
from lakzegel_server.fsck.doubts import Survey
from lakzegel_server.fsck.rows import Rows


def check_narrower(found: Survey, rows: Rows | None, size: int) -> None:
    """Each of them is the beginning of the tile that it grew into."""
    start = rows.pending_start if rows else size
    for place in sorted(found.files - found.claimed):
        tile = _tile_of(place)
        if tile is None or tile.width == WIDTH:
            continue
        shift = HEIGHT * max(tile.level, 0)
        if start >> shift <= tile.index * WIDTH + tile.width <= size >> shift:
            found.claimed.add(place)
            _compare(found, place, tile, size)


def level_of(level: int, size: int) -> Iterator[TileId]:
    """The tiles of one level of a log."""
    count = size >> (HEIGHT * max(level, 0))
    for index in range(-(-count // WIDTH)):
        yield TileId(level, index, min(WIDTH, count - index * WIDTH))


def _compare(found: Survey, place: str, tile: TileId, size: int) -> None:
    try:
        wider = _wider(found, tile, size)
        data = (found.data / place).read_bytes()
    except FileNotFoundError:
        if not found.live:  # else it went meanwhile, for a wider one is durable
            found.doubt(place, "missing")
        return
    if wider is None or _narrowed(wider, tile) != data:
        found.doubt(place, "not the beginning of the tile that it grew into")


def _wider(found: Survey, tile: TileId, size: int) -> tuple[TileId, bytes] | None:
    """The tile of the log's size that this one grew into."""
    count = size >> (HEIGHT * max(tile.level, 0))
    wide = TileId(tile.level, tile.index, min(WIDTH, count - tile.index * WIDTH))
    if wide.width <= tile.width or f"log/{wide.path}" not in found.files:
        return None
    return wide, (found.data / f"log/{wide.path}").read_bytes()


def _narrowed(wider: tuple[TileId, bytes], tile: TileId) -> bytes:
    """The bytes that the narrower tile must have; none when the wider one is damaged."""
    try:
        return narrow(wider[1], wider[0], tile.width)
    except LakzegelError:
        return b""


def _tile_of(place: str) -> TileId | None:
    try:
        return parse_tile_path(place.removeprefix("log/"))
    except FormatError:
        return None
