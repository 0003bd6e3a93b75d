# SPDX-License-Identifier: EUPL-1.2
"""Which segments a capture is made of, as rows of the index."""

from __future__ import annotations

from array import array

from lakzegel_office.collection.database import Connection


def pack_stretch(first: int, count: int) -> tuple[int, int]:
    """Return a stretch of the base's segments: two numbers below zero."""
    return -first - 1, -count


def ordered(db: Connection, capture: int) -> array[int]:
    """Return the segments of a capture, in their order."""
    row = db.execute("SELECT base, rows FROM capture WHERE id = ?", (capture,)).fetchone()
    if row is None:
        return array("q")
    base, rows = row
    numbers = array("q")
    numbers.frombytes(rows)
    return numbers if base is None else _resolved(numbers, ordered(db, base))


def _resolved(rows: array[int], base: array[int]) -> array[int]:
    found = array("q")
    numbers = iter(rows)
    for number in numbers:
        if number > 0:
            found.append(number)
        else:
            first, count = -number - 1, -next(numbers, 0)
            found.extend(base[first : first + count])
    return found
