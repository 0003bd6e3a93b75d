# SPDX-License-Identifier: EUPL-1.2
"""A large file that a program added to, read where it is new alone (docs/spec/ledger.md §4).

    captured last   first │ … │ … │ … │ last
    now             first │ … │ … │ … │ last │ new │ new
    read            ^^^^^       ^^^     ^^^^^^^^^^^^^^^^

What lies before its last segment is taken for what it was, after a look at some of it. Whether it
is, the next look at everything finds out, which reads the whole file.
"""

import os
import struct
from itertools import accumulate
from random import Random
from typing import Final, NamedTuple

from lakzegel_agent.ledgercipher import Cipher
from lakzegel_agent.ledgerrows import SEGMENT, FileState, sizes_of
from lakzegel_agent.readers import Reader
from lakzegel_agent.sealing.known import Known
from lakzegel_agent.sealing.reading import UNLIKE, MissedError
from lakzegel_agent.view import View

AT_RANDOM: Final = 12  # segments that are looked at, besides the first, and the last that were
LAST: Final = 4
MOST_LOOKED: Final = 2**20  # bytes of a segment that is looked at
MOST_SEGMENTS: Final = 100_000  # of a file of more, neighbours may become one
_SEED: Final = struct.Struct("Q")


class End(NamedTuple):
    """What is new of a file: its bytes from ``start`` on, and where segments end in them."""

    start: int
    data: bytes
    ends: tuple[int, ...]  # counted from ``start``


def end_of(reader: Reader, path: bytes, view: View, before: FileState, cipher: Cipher) -> End:
    """Return the end of a file from where the last segment of its newest capture begins.

    Raises:
        MissedError: ``unlike``: it is not what was captured with something added.
        ChangedError: the file became shorter.
    """
    starts = [0, *accumulate(sizes_of(before.segments))]
    if (
        len(starts) == 1
        or len(starts) - 1 > MOST_SEGMENTS
        or starts.pop() != before.size
        or before.size > view.size
    ):
        raise MissedError(UNLIKE)
    if not _is_alike(view, before, starts, cipher):
        raise MissedError(UNLIKE)
    start = starts[-1]
    ends = reader.cut_on(path, view, start)
    if ends is None:
        raise MissedError(UNLIKE)
    found = tuple(end - start for end in ends)
    data = view.read(start, view.size)
    if not found or found[-1] != len(data) or not _rise(found):
        raise MissedError(UNLIKE)
    return End(start, data, found)


def _rise(ends: tuple[int, ...]) -> bool:
    return all(one < other for one, other in zip((0, *ends), ends, strict=False))


def _is_alike(view: View, before: FileState, starts: list[int], cipher: Cipher) -> bool:
    """Whether some segments lie where they lay, with the bytes that they had.

    The very last one is not asked: something may have been added within it.
    """
    count = len(starts) - 1
    chance = Random(_SEED.unpack(os.urandom(_SEED.size))[0])  # noqa: S311  # which are looked at
    asked = {0, *range(count - LAST, count), *(chance.randrange(count) for _ in range(AT_RANDOM))}
    for place in sorted(asked & set(range(count))) if count else ():
        row = before.segments[place * SEGMENT.size : (place + 1) * SEGMENT.size]
        first, last = starts[place], starts[place + 1]
        if last - first > MOST_LOOKED:
            continue
        if Known(cipher, row).row(view.read(first, last)) is None:
            return False
    return True
