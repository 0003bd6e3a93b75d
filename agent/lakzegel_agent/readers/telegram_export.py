# SPDX-License-Identifier: EUPL-1.2
"""A Telegram Desktop export: one day of one conversation, one segment.

Nothing is parsed: where a message or a chat begins is found as in `telegram_heads.py`.
"""

import re
from collections.abc import Iterator
from itertools import chain
from typing import ClassVar, Final

from lakzegel_agent.readers.base import OpaqueReader, Reader, bounded, opaque
from lakzegel_agent.readers.telegram_heads import HEAD, LONGEST
from lakzegel_agent.view import View, Window

_BEFORE: Final = 256  # bytes of punctuation and white space before a head
_TAIL: Final = 1_024  # bytes in which a file closes
_CLOSING_CHAT: Final = re.compile(rb"\s*\]\s*\},\s*\Z")
_CLOSING_FILE: Final = re.compile(rb"\s*\]\s*\}(?:\s*\]\s*\}\s*\})?\s*\Z")


class TelegramReader(OpaqueReader):
    """JSON files with messages are cut by day and chat; all else is opaque."""

    kind: ClassVar[str] = "telegram-export"

    def incomplete(self, path: bytes, view: View) -> str | None:
        """Return ``json-open`` for a JSON file whose outermost bracket is not closed.

        The program indents what is nested: a last bracket with spaces before it is an inner one.
        """
        if not _is_json(path):
            return None
        last_line = view.read(view.size - _TAIL, view.size).rstrip().rpartition(b"\n")[2]
        closed = last_line.endswith((b"}", b"]")) and not last_line.startswith((b" ", b"\t"))
        return None if closed else "json-open"

    def cut(self, path: bytes, view: View) -> Iterator[int]:
        """Yield the end of each day of each chat."""
        if not _is_json(path):
            return opaque(view.size)
        seams = _days(view)
        first = next(seams, None)
        return opaque(view.size) if first is None else bounded(chain((first,), seams), view.size)


def _is_json(path: bytes) -> bool:
    return path.lower().endswith(b".json")


def _days(view: View) -> Iterator[int]:
    """Yield where a chat begins, and where a day of it does, and where the last one ends."""
    day: bytes | None = None
    seen = False
    after = 0
    for window in view.windows(before=_BEFORE, after=LONGEST):
        for head in HEAD.finditer(window.data, max(window.start, after) - window.first):
            if window.first + head.start() >= window.end:
                break
            after = window.first + head.end()
            if head["day"] is None:
                day = None
                yield _before_chat(window, head.start())
            elif head["day"] != day:
                if day is not None:
                    yield _before_message(window, head.start())
                day = head["day"]
                seen = True
    if seen:
        yield _before_closing(view)


def _before_message(window: Window, head: int) -> int:
    """Return where the message before this one ends, so that a later one does not change it."""
    low = max(head - _BEFORE, 0)
    data = window.data[low:head].rstrip()
    return window.first + (low + len(data) - 1 if data.endswith(b"},") else head)


def _before_chat(window: Window, head: int) -> int:
    """Return where the last message of the chat before this one ends."""
    low = max(head - _BEFORE, 0)
    closing = _CLOSING_CHAT.search(window.data, low, head)
    return window.first + (closing.start() if closing else head)


def _before_closing(view: View) -> int:
    """Return where the last message of the file ends, or the file's end."""
    low = max(view.size - _TAIL, 0)
    closing = _CLOSING_FILE.search(view.read(low, view.size))
    return low + closing.start() if closing else view.size


READER: Final[Reader] = TelegramReader()
