# SPDX-License-Identifier: EUPL-1.2
"""What the index has of tiles that are not full: ``pending`` and ``edge_tiles`` (stores.md §6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lakzegel_core.tiles import TileId
from lakzegel_server.schema import put, row_digest
from lakzegel_server.stores.indexed import IndexedStore

_KEEP: Final = (
    f"{put('edge_tiles')} WHERE edge_tiles.number < excluded.number"
    " OR (edge_tiles.number = excluded.number AND edge_tiles.width <= excluded.width)"
)


class EdgeRows(IndexedStore):
    """The newest partial tiles, and entries that wait for their full bundle."""

    def keep(self, tiles: Sequence[tuple[TileId, bytes]]) -> None:
        """Remember partial tiles; an older one does not take a newer one's place."""
        with self._index() as index, index.transaction() as change:
            for tile, data in tiles:
                row = (tile.level, tile.index, tile.width, data)
                change.execute(_KEEP, (*row, row_digest(*row)))

    def tile(self, level: int) -> tuple[TileId, bytes] | None:
        """The newest partial tile of a level."""
        wanted = "SELECT number, width, data FROM edge_tiles WHERE level = ?"
        with self._index() as index:
            found = index.connection.execute(wanted, (level,)).fetchone()
        return None if found is None else (TileId(level, found[0], found[1]), bytes(found[2]))

    def entries(self, start: int, count: int) -> list[bytes] | None:
        """So many entries from ``start`` on, when all of them are pending."""
        wanted = "SELECT data FROM pending WHERE idx >= ? AND idx < ? ORDER BY idx"
        with self._index() as index:
            found = index.connection.execute(wanted, (start, start + count)).fetchall()
        return [bytes(row[0]) for row in found] if len(found) == count else None

    def start(self) -> int | None:
        """The first entry that is pending; None when none is."""
        with self._index() as index:
            found = index.connection.execute("SELECT min(idx) FROM pending").fetchone()[0]
        return None if found is None else int(found)
