# SPDX-License-Identifier: EUPL-1.2
"""No more bytes a second than was agreed: a bucket that fills by the clock (policy.md §7)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final, Protocol

SECOND: Final = 1.0  # what the bucket holds, and the longest wait between two pieces
LEAST_PIECE: Final = 1024  # bytes


class Body(Protocol):
    """What is sent as a whole."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[bytes | memoryview]: ...


class Bucket:
    """Lets ``rate`` bytes a second through; None lets everything through."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self.rate: int | None = None
        self._clock = clock
        self._wait = wait
        self._free = clock()  # when everything that was let through is paid for

    def take(self, size: int) -> None:
        """Return when ``size`` more bytes may leave."""
        if self.rate is None:
            return
        now = self._clock()
        self._free = max(self._free, now - SECOND) + size / self.rate
        if self._free > now:
            self._wait(self._free - now)

    def pace(self, body: Body) -> Body:
        """A body whose pieces come no faster than this."""
        return Paced(body, self)


class Paced:
    """A body that is read in pieces of at most a second each."""

    def __init__(self, body: Body, bucket: Bucket) -> None:
        self._body = body
        self._bucket = bucket

    def __len__(self) -> int:
        return len(self._body)

    def __iter__(self) -> Iterator[bytes | memoryview]:
        for piece in self._body:
            yield from self._slices(piece)

    def _slices(self, piece: bytes | memoryview) -> Iterator[bytes | memoryview]:
        rate = self._bucket.rate
        step = len(piece) if rate is None else max(LEAST_PIECE, rate // 4)
        for begin in range(0, len(piece), max(1, step)):
            part = piece[begin : begin + step]
            self._bucket.take(len(part))
            yield part
