# SPDX-License-Identifier: EUPL-1.2
"""Which segments a capture is made of, as rows of the index."""

from __future__ import annotations

from array import array
from typing import Final

from lakzegel_office.collection.database import Connection

MISSING: Final = 0  # no segment's row: what a capture names and the index has not


def pack_stretch(first: int, count: int) -> tuple[int, int]:
    """Return a stretch of the base's segments: two numbers below zero."""
    return -first - 1, -count


def ordered(db: Connection, capture: int) -> array[int]:
    """Return the segments of a capture, in their order; MISSING for what cannot be told."""
    row = db.execute("SELECT base, rows FROM capture WHERE id = ?", (capture,)).fetchone()
    if row is None:
        return array("q")
    base, rows = row
    numbers = array("q")
    numbers.frombytes(rows)
    return _resolved(numbers, array("q") if base is None else ordered(db, base))


def _resolved(rows: array[int], base: array[int]) -> array[int]:
    found = array("q")
    numbers = iter(rows)
    for number in numbers:
        if number >= MISSING:
            found.append(number)
            continue
        first, count = -number - 1, -next(numbers, 0)
        taken = base[first : first + count]
        found.extend(taken)
        if len(taken) < count:
            found.append(MISSING)
    return found
