# SPDX-License-Identifier: EUPL-1.2
"""Versions that name most of their segments by what an earlier capture named (item.md §5).

    base      a b c d e f …      a capture that names all of its segments
    version   a b X d e f … Y    stretch 0+2, X, stretch 3+…, Y

docs/spec/ledger.md §4
"""

from collections.abc import Iterable, Iterator
from typing import Final

from lakzegel_agent.ledgerrows import OWN, SEGMENT, Base, FileState

LEAST: Final = 64  # segments of a capture that others build on
MOST: Final = 256  # stretches and segments of its own that a version has beside its base
_SIZE: Final = SEGMENT.size

Places = Iterable[tuple[int, int]]  # the first segment of the base or OWN, how many


def built_on(before: FileState, rows: bytes) -> Base | None:
    """Return how the packed rows of a new version lie in the base of the one before.

    None where it had none, or where it is time to name all of them again.
    """
    base, count = before.base, len(rows) // _SIZE
    if base is None or count < LEAST:
        return None
    kept = _common(before.segments, rows)
    gone = len(before.segments) // _SIZE - kept
    if count - kept - gone > MOST:  # that many are new
        return None
    places = [*_until(base.stretches, kept), *_rest(before, base, rows, kept)]
    stretches = tuple(_joined(places))
    named = sum(many if first == OWN else 1 for first, many in stretches)
    return base._replace(stretches=stretches) if named <= min(MOST, count // 2) else None


def itself(epoch: int, batch: int, index: int, commitment: bytes, count: int) -> Base | None:
    """Return the capture of so many segments as a base for what follows, where it can be one."""
    return Base(epoch, batch, index, commitment, ((0, count),)) if count >= LEAST else None


def _common(one: bytes, other: bytes) -> int:
    """Return with how many segments both begin."""
    low, high = 0, min(len(one), len(other)) // _SIZE
    while low < high:
        middle = (low + high + 1) // 2
        if one[low * _SIZE : middle * _SIZE] == other[low * _SIZE : middle * _SIZE]:
            low = middle
        else:
            high = middle - 1
    return low


def _until(stretches: Places, count: int) -> Iterator[tuple[int, int]]:
    """Yield the places of the first so many segments."""
    for first, many in stretches:
        if count <= 0:
            return
        yield first, min(many, count)
        count -= many


def _rest(before: FileState, base: Base, rows: bytes, kept: int) -> Iterator[tuple[int, int]]:
    """Yield the place of each segment after those that both begin with."""
    lies, place = _lies(before, base, kept)
    at = {row: first for first, row in reversed(lies.items())}  # the first of equal ones
    for start in range(kept * _SIZE, len(rows), _SIZE):
        row = rows[start : start + _SIZE]
        place = place + 1 if lies.get(place + 1) == row else at.get(row, OWN)
        yield place, 1


def _lies(before: FileState, base: Base, kept: int) -> tuple[dict[int, bytes], int]:
    """Return the segments that the base named, of those after ``kept``; and its one before."""
    lies: dict[int, bytes] = {}
    number, last = 0, OWN
    for first, many in base.stretches:
        if first != OWN:
            for place in range(max(kept - number, 0), many):
                start = (number + place) * _SIZE
                lies[first + place] = before.segments[start : start + _SIZE]
        if number < kept <= number + many:
            last = OWN if first == OWN else first + kept - number - 1
        number += many
    return lies, last


def _joined(places: Places) -> Iterator[tuple[int, int]]:
    """Yield the stretches, neighbours made one."""
    start, many = OWN, 0
    for first, count in places:
        follows = start == OWN if first == OWN else start != OWN and first == start + many
        if many and follows:
            many += count
            continue
        if many:
            yield start, many
        start, many = first, count
    if many:
        yield start, many
