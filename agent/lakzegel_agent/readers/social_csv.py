# SPDX-License-Identifier: EUPL-1.2
"""LinkedIn's table of messages: a day of a conversation, as far as its rows follow each other.

    CONVERSATION ID,CONVERSATION TITLE,FROM,…,DATE,SUBJECT,CONTENT,…
    2-abc,,Anna,…,2024-03-12 08:01:00 UTC,,"text, with ""quotes""
    and lines"

A row ends with a line end behind an even number of quotes. docs/spec/sources.md §5
"""

import re
from collections.abc import Iterator
from typing import Final

from lakzegel_agent.view import View

_NAMES: Final = 2_048  # bytes in which the row of names ends
_COLUMNS: Final = 32  # columns that the date may stand behind
_FIRST: Final = "CONVERSATION ID"
_DATE: Final = "DATE"
_LONGEST_HEAD: Final = 2**16  # bytes of a row in which its date is looked for
_LONGEST_ROW: Final = 2**20  # bytes after which a row ends at a line end, whatever its quotes
_FIELD: Final = rb'(?:"(?:[^"]++|""){0,8192}+"|[^",\r\n]*+)'


def date_column(view: View) -> int:
    """Return in which column the date of a message stands; 0 when this is no such table.

    Raises:
        ChangedError: the file became shorter.
    """
    line, end, _ = view.read(0, _NAMES).removeprefix(b"\xef\xbb\xbf").partition(b"\n")
    names = [name.strip().strip('"') for name in line.decode("latin-1").split(",", _COLUMNS)]
    return names.index(_DATE) if end and names[0] == _FIRST and _DATE in names else 0


def rows(view: View, column: int) -> Iterator[int]:
    """Yield where a row begins whose conversation or day is another than that of the one before.

    Raises:
        ChangedError: the file became shorter.
    """
    head = re.compile(
        rb"(?P<chat>" + _FIELD + rb")" + (rb"," + _FIELD) * (column - 1)
        + rb',"?(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})'
    )  # fmt: skip
    last: tuple[bytes, bytes] | None = None
    for first, data, at in _rows(view):
        row = head.match(data, at, at + _LONGEST_HEAD)
        here = (row["chat"], row["day"]) if row else last
        if last is not None and here != last:
            yield first + at
        last = here


def _rows(view: View) -> Iterator[tuple[int, bytes, int]]:
    """Yield each row behind the first: where its data lies in the file, data, its place in that."""
    begun = quotes = 0
    for window in view.windows(before=1, after=_LONGEST_HEAD):
        # A row belongs to the window in which it begins; the line end before it may lie before.
        at, stop = 0, window.end - 1 - window.first
        while (line_end := window.data.find(b"\n", at, stop)) >= 0:
            quotes += window.data.count(b'"', at, line_end)
            at = line_end + 1
            if quotes % 2 == 0 or window.first + at - begun > _LONGEST_ROW:
                begun, quotes = window.first + at, 0
                yield window.first, window.data, at
        quotes += window.data.count(b'"', at, stop)
