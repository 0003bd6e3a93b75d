# SPDX-License-Identifier: EUPL-1.2
"""The tiles at the right edge of a mirrored log: which belong, and which an interrupted pull left.

Tiles come into place in rising order and go in falling order, each durably. So what is too much
begins where the log was tidied last, and ends where nothing lies.
"""

from collections.abc import Iterator

from lakzegel_core import tiles
from lakzegel_core.errors import FormatError
from lakzegel_office.mirror import Mirror


def belongs(path: str, size: int) -> bool:
    """Tell whether a tile is one that a log of this size consists of."""
    try:
        tile = tiles.parse_tile_path(path)
    except FormatError:
        return False
    count = _count(tile.level, size)
    return tile.width == min(tiles.WIDTH, count - tile.index * tiles.WIDTH)


def too_many(mirror: Mirror, since: int, size: int) -> list[str]:
    """Return the tiles that a log of `size` does not have, in the order in which they may go.

    `since` is the size at which there were none: what lies before its edge is not looked at.
    """
    found = [
        path
        for level in (tiles.ENTRIES, *range(tiles.MAX_LEVEL + 1))
        for path in _from(mirror, level, _count(level, min(since, size)) // tiles.WIDTH, size)
    ]
    return [path for path in reversed(found) if not belongs(path, size)]


def _from(mirror: Mirror, level: int, first: int, size: int) -> Iterator[str]:
    """Yield the tiles of a level that are there, from an index on, full and partial."""
    index, last = first, _count(level, size) // tiles.WIDTH
    while True:
        here = list(_at(mirror, level, index))
        if not here and index > last:
            return
        yield from here
        index += 1


def _at(mirror: Mirror, level: int, index: int) -> Iterator[str]:
    full = tiles.TileId(level, index, tiles.WIDTH).path
    folder = mirror.tile(f"{full}.p")
    if folder.is_dir():
        yield from sorted(f"{full}.p/{one.name}" for one in folder.iterdir())
    if mirror.tile(full).exists():
        yield full


def _count(level: int, size: int) -> int:
    return size >> (tiles.HEIGHT * max(level, 0))
