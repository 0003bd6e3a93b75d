# SPDX-License-Identifier: EUPL-1.2
"""Reading from a mirror that a pull may be changing (docs/spec/witness.md §5).

A pull puts tiles first, then the checkpoint, and takes the narrower tiles away last. Whoever has
the older checkpoint still asks for those: they are the beginning of the wider ones.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import IO, Final

from lakzegel_core import limits
from lakzegel_core.checkpoint import peek_checkpoint
from lakzegel_core.errors import FormatError
from lakzegel_core.tiles import HEIGHT, WIDTH, TileId, narrow, parse_tile_path
from lakzegel_office.mirror import MAX_BUNDLE, Mirror, read_limited

_TRIES: Final = 3  # between looking and reading, a partial tile may have become wider


def read_checkpoint(mirror: Mirror) -> bytes:
    """Return the newest mirrored checkpoint.

    Raises:
        FileNotFoundError: nothing was pulled yet.
    """
    return read_limited(mirror.checkpoint, limits.MAX_CHECKPOINT)


def read_tile(mirror: Mirror, path: str) -> bytes:
    """Return a tile or bundle of the newest checkpoint or an earlier one.

    Raises:
        FileNotFoundError: no tile of this log has that path.
    """
    try:
        tile = parse_tile_path(path)
    except FormatError:
        raise FileNotFoundError(path) from None
    count = peek_checkpoint(read_checkpoint(mirror)).size >> (HEIGHT * max(tile.level, 0))
    if tile.index * WIDTH + tile.width > count:
        raise FileNotFoundError(path)
    for _ in range(_TRIES - 1):
        try:
            return _read(mirror, tile)
        except FileNotFoundError:
            continue
    return _read(mirror, tile)


def open_file(path: Path) -> tuple[IO[bytes], int]:
    """Return an open regular file and its size; it stays whole, whatever takes its place.

    Raises:
        FileNotFoundError: there is none.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    file = os.fdopen(descriptor, "rb", buffering=0)
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        file.close()
        raise FileNotFoundError(path.name)
    return file, found.st_size


def _read(mirror: Mirror, tile: TileId) -> bytes:
    try:
        return read_limited(mirror.tile(tile.path), MAX_BUNDLE)
    except FileNotFoundError:
        if tile.width == WIDTH:
            raise
    wider = TileId(tile.level, tile.index, _wider(mirror, tile))
    return narrow(read_limited(mirror.tile(wider.path), MAX_BUNDLE), wider, tile.width)


def _wider(mirror: Mirror, tile: TileId) -> int:
    """Return the width of the narrowest tile that is there and wider; else of the full one."""
    try:
        names = [path.name for path in mirror.tile(tile.path).parent.iterdir()]
    except FileNotFoundError:
        names = []
    widths = [int(name) for name in names if name.isdecimal()]
    return min((width for width in widths if width > tile.width), default=WIDTH)
