# SPDX-License-Identifier: EUPL-1.2
"""Which segments a capture is made of, as rows of the index."""

from __future__ import annotations

from array import array
from collections.abc import Iterator

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
    below = ordered(db, base) if base is not None else array("q")
    return array("q", _resolved(_numbers(rows), below))


def _numbers(rows: bytes) -> array[int]:
    found = array("q")
    found.frombytes(rows)
    return found


def _resolved(rows: array[int], base: array[int]) -> Iterator[int]:
    numbers = iter(rows)
    for number in numbers:
        if number > 0:
            yield number
        else:
            first, count = -number - 1, -next(numbers, 0)
            yield from base[first : first + count]
