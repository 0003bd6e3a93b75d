# SPDX-License-Identifier: EUPL-1.2
"""The rows of the table ``entries``, one after the other: never all of them in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from lakzegel_server.fsck.doubts import Survey
from lakzegel_server.fsck.indexed import Indexed
from lakzegel_server.index.engine import FAILURES

_WRONG: Final = (*FAILURES, TypeError, ValueError, OverflowError)


class EntryRows:
    """Asked in rising order, from ``start`` on; what cannot be read is named once."""

    def __init__(self, found: Survey, index: Indexed, start: int = 0) -> None:
        self._found = found
        self._index = index
        self._start = start
        self._rows: Iterator[tuple[Any, ...]] | None = None
        self._next: tuple[Any, ...] | None = None
        self._failed = False

    def get(self, index: int) -> bytes | None:
        """The id that the row of an entry has; None when there is none."""
        try:
            if self._rows is None:
                sql = f"SELECT idx, id FROM entries WHERE idx >= {self._start} ORDER BY idx"  # noqa: S608 - a number
                self._rows = self._index.rows(sql)
                self._next = next(self._rows, None)
            while self._next is not None and self._next[0] < index:
                self._next = next(self._rows, None)
        except _WRONG as error:
            self._fail(error)
            return None
        return self._next[1] if self._next is not None and self._next[0] == index else None

    def are_exactly(self, size: int) -> bool:
        """Whether there is one row for each entry up to ``size``, and none besides."""
        self._rows, self._next = iter(()), None  # a cursor that is open keeps others from one
        try:
            (row,) = self._index.connection.execute(
                "SELECT count(*), min(idx), max(idx) FROM entries WHERE idx >= ?", (self._start,)
            )
        except _WRONG as error:
            self._fail(error)
            return True
        if size == self._start:
            return tuple(row) == (0, None, None)
        return tuple(row) == (size - self._start, self._start, size - 1)

    def _fail(self, error: Exception) -> None:
        self._rows, self._next = iter(()), None
        if not self._failed:
            self._failed = True
            self._found.doubt(self._found.index, f"cannot be read: {error}")
