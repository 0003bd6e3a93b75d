# SPDX-License-Identifier: EUPL-1.2
"""Which tiles of a log hold anything of given entries."""

from __future__ import annotations

from collections.abc import Iterator

from lakzegel_core.tiles import ENTRIES, HEIGHT, MAX_LEVEL, WIDTH, TileId


def edge_tiles(start: int, size: int) -> Iterator[TileId]:
    """The tiles of a log of ``size`` that hold anything of entries ``start`` and later."""
    for level in (ENTRIES, *range(MAX_LEVEL + 1)):
        shift = HEIGHT * max(level, 0)
        count = size >> shift
        for index in range((start >> shift) // WIDTH, -(-count // WIDTH)):
            yield TileId(level, index, min(WIDTH, count - index * WIDTH))
