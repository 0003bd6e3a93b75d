# SPDX-License-Identifier: EUPL-1.2
"""Where a file's segments end, whatever its reader says (docs/spec/item.md §4)."""

from collections.abc import Iterable, Iterator
from typing import Final

from lakzegel_agent.readers.base import MAX_SEGMENT_CUT, Reader, opaque
from lakzegel_agent.view import View

MAX_SEGMENTS: Final = 150_000  # of one file: its capture stays below the 16 MiB an office indexes


def ends_of(reader: Reader, path: bytes, view: View) -> tuple[int, ...]:
    """Return where segments end: strictly increasing, the last one the file's size.

    A reader that breaks its promise costs its seams, never a byte: the file is cut in blocks.

    Raises:
        ChangedError: the file became shorter.
    """
    ends = tuple(reader.cut(path, view))
    if ends == (view.size,) and 0 < view.size <= MAX_SEGMENT_CUT:  # as most files have
        return ends
    if not _fits(ends, view.size):
        ends = tuple(opaque(view.size))
    return coarser(ends, view.size, MAX_SEGMENTS)


def coarser(ends: tuple[int, ...], size: int, most: int) -> tuple[int, ...]:
    """Return at most ``most`` of the ends: neighbours become one segment where there are more.

    What decides is a power of two, so that appending moves few seams.
    """
    if len(ends) <= most:
        return ends
    least = 1
    while least * most < size * 2:
        least *= 2
    return tuple(_merged(ends, least))


def _merged(ends: Iterable[int], least: int) -> Iterator[int]:
    """Yield the first end in each stretch of ``least`` bytes, and the last."""
    start = last = 0
    for end in ends:
        if last > start and end - start > least:
            yield last
            start = last
        last = end
    yield last


def _fits(ends: tuple[int, ...], size: int) -> bool:
    last = 0
    for end in ends:
        if not last < end <= last + MAX_SEGMENT_CUT:
            return False
        last = end
    return last == size
