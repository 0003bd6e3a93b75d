# SPDX-License-Identifier: EUPL-1.2
"""What a transfer asks beyond `model.Collection`: where a unit is read, and what is gone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lakzegel_office.collection.database import Connection
from lakzegel_office.collection.model import Place


@dataclass(frozen=True, slots=True)
class Part:
    """One stretch of the reading that a unit is opened from, in the unit's own order."""

    place: Place
    size: int  # bytes of the whole segment
    reader: str
    path: bytes  # of the file, as the device saw it


@dataclass(frozen=True, slots=True)
class Gone:
    """A unit that was destroyed: what stays of it."""

    unit: str
    kind: str
    app: str
    custody: str
    device: str
    source: str


def size_of(db: Connection, segment: int) -> int:
    """Return how many bytes a segment has."""
    row = db.execute("SELECT size FROM segment WHERE id = ?", (segment,)).fetchone()
    return int(row[0])


def gone(db: Connection, custodies: Sequence[str]) -> Iterator[Gone]:
    """Yield what was destroyed in some custodies, or in all, by id."""
    rows = db.execute(
        "SELECT name, kind, app, custody, device, source FROM unit WHERE gone = 1 ORDER BY name"
    ).fetchall()
    for row in rows:
        found = Gone(*row)
        if not custodies or found.custody in custodies:
            yield found


def custodies(db: Connection) -> tuple[str, ...]:
    """Return every custody that something is of, destroyed or not."""
    rows = db.execute("SELECT DISTINCT custody FROM unit ORDER BY custody").fetchall()
    return tuple(custody for (custody,) in rows)
