# SPDX-License-Identifier: EUPL-1.2
"""How far each webhook was told, in ``index.sqlite`` (docs/spec/handover.md §3).

A connection is opened when one is needed, by whichever thread needs it.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass

from lakzegel_server.database import Database
from lakzegel_server.index.place import Place
from lakzegel_server.schema import put, row_digest


@dataclass(frozen=True, slots=True)
class Told:
    """The rows of one DATA."""

    path: Place

    def size(self, place: str) -> int:
        """Entries that this place knows of; 0 when it was never told."""
        with closing(Database.open_readonly(self.path)) as database:
            row = database.connection.execute(
                "SELECT size FROM told WHERE place = ?", (place,)
            ).fetchone()
        return int(row[0]) if row else 0

    def keep(self, place: str, size: int) -> None:
        """Remember, durably, what a place knows."""
        row = (place, size, row_digest(place, size))
        opened = closing(Database.open(self.path))
        with opened as database, database.transaction() as change:
            change.execute(put("told"), row)
