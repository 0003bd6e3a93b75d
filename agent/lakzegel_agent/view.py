# SPDX-License-Identifier: EUPL-1.2
"""Looking into a file that somebody else may be changing.

Never a memory map: a mapped file that is truncated kills the process that looks at it.
"""

from collections.abc import Iterator
from typing import Final

from lakzegel_agent.errors import ChangedError
from lakzegel_agent.platforms import system

WINDOW: Final = 2**18  # bytes looked at in one piece; they stay in the processor's cache


class View:
    """The first ``size`` bytes of an open file, as they are now.

    The descriptor stays its opener's to close, and its position is not used.
    """

    def __init__(self, descriptor: int, size: int) -> None:
        self.size = size
        self._descriptor = descriptor

    @classmethod
    def of_bytes(cls, data: bytes) -> "View":
        """Return a view of bytes that were read already."""
        return _BytesView(data)

    def read(self, start: int, end: int) -> bytes:
        """Return the bytes from ``start`` to ``end``, both held within the view.

        Raises:
            ChangedError: the file is shorter than it was, or cannot be read any more.
        """
        start, end = max(start, 0), min(end, self.size)
        if start >= end:
            return b""
        pieces: list[bytes] = []
        while start < end:
            piece = self._pread(end - start, start)
            if not piece:
                raise ChangedError("the file is shorter than when it was opened")
            pieces.append(piece)
            start += len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def find(self, needle: bytes, start: int, end: int | None = None) -> int:
        """Return where ``needle`` first lies whole between ``start`` and ``end``, or -1.

        Raises:
            ChangedError: as ``read``.
        """
        end = self.size if end is None else min(end, self.size)
        start = max(start, 0)
        while start + len(needle) <= end:
            at = self.read(start, min(start + WINDOW, end)).find(needle)
            if at >= 0:
                return start + at
            if start + WINDOW >= end:
                break
            start += WINDOW - len(needle) + 1
        return -1

    def windows(self, start: int = 0, *, before: int = 0, after: int = 0) -> Iterator["Window"]:
        """Yield the view from ``start`` on in pieces that need no more memory than one window.

        Each piece comes with up to ``before`` and ``after`` bytes of its neighbours.

        Raises:
            ChangedError: as ``read``.
        """
        while start < self.size:
            end = min(start + WINDOW, self.size)
            first = max(start - before, 0)
            yield Window(first, start, end, self.read(first, end + after))
            start = end

    def _pread(self, count: int, at: int) -> bytes:
        try:
            return system.pread(self._descriptor, count, at)
        except OSError as error:
            raise ChangedError("the file cannot be read any more") from error


class Window:
    """One piece of a view: the bytes from ``start`` to ``end``, with some of the neighbours.

    ``data[0]`` lies at ``first`` of the file.
    """

    __slots__ = ("data", "end", "first", "start")

    def __init__(self, first: int, start: int, end: int, data: bytes) -> None:
        self.first = first
        self.start = start
        self.end = end
        self.data = data


class _BytesView(View):
    """A view of bytes in memory."""

    def __init__(self, data: bytes) -> None:  # no descriptor, and one of these for every mail
        self.size = len(data)
        self._data = data

    def read(self, start: int, end: int) -> bytes:
        return self._data[max(start, 0) : max(end, 0)]

    def find(self, needle: bytes, start: int, end: int | None = None) -> int:
        return self._data.find(needle, max(start, 0), self.size if end is None else max(end, 0))
