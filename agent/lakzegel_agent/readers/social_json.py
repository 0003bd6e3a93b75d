# SPDX-License-Identifier: EUPL-1.2
"""Where posts and messages begin in the JSON of X, Facebook, Instagram and Mastodon.

Nothing is parsed. Heads are found as bytes; in a string there are none, since its quotes are
escaped. docs/spec/sources.md §5
"""

import re
from collections.abc import Callable, Iterator
from typing import Final

from lakzegel_agent.view import View, Window

_BEFORE: Final = 128  # bytes of white space before a head, behind the comma
_LONGEST_HEAD: Final = 8_192  # bytes of the longest head
_BEGIN: Final = 4_096  # bytes that tell what a file is
_TAIL: Final = 1_024  # bytes in which a file closes
_DAY_MS: Final = 86_400_000
_TEXT: Final = rb'"(?:[^"\\]|\\.){0,1024}+"'
_NEXT: Final = rb"\s{0,64},\s{0,64}"
_COLON: Final = rb"\s{0,8}:\s{0,8}"
_X: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?window\.YTD\.[A-Za-z0-9_]{1,64}\.part[0-9]{1,9}\s{0,8}=\s{0,8}\["
     rb'\s{0,64}(?P<head>\{\s{0,64}"(?P<name>[A-Za-z0-9_]{1,64})")'
)  # fmt: skip
_X_MESSAGE: Final = (
    rb'\{\s{0,64}"[A-Za-z0-9_]{1,64}"' + _COLON + rb"\{"
    + rb'|"createdAt"' + _COLON + rb'"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})T'
)  # fmt: skip
_META: Final = re.compile(rb'(?:\xef\xbb\xbf)?\s{0,64}\{\s{0,64}"participants"')
_META_MESSAGE: Final = re.compile(
    rb'\{\s{0,64}"sender_name"' + _COLON + _TEXT + _NEXT
    + rb'"timestamp_ms"' + _COLON + rb"(?P<day>[0-9]{1,16})",
    re.DOTALL,
)  # fmt: skip
_POST: Final = re.compile(
    rb'\{\s{0,64}"id"' + _COLON + _TEXT + _NEXT + rb'"type"' + _COLON + rb'"(?:Create|Announce)"'
    + _NEXT + rb'"actor"' + _COLON + _TEXT + _NEXT
    + rb'"published"' + _COLON + rb'"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})T',
    re.DOTALL,
)  # fmt: skip
_CLOSING: Final = re.compile(rb"\s*\]\s*\}?\s*\Z")


def of_x(view: View) -> Iterator[int] | None:
    """Return the seams of one of X's lists, or None when it is none."""
    first = _X.match(view.read(0, _BEGIN))
    if first is None:
        return None
    if first["name"] == b"dmConversation":
        return _and_closing(view, _conversations(view, re.escape(first["head"])))
    return _and_closing(view, _entries(view, re.compile(re.escape(first["head"]))))


def of_meta(view: View) -> Iterator[int] | None:
    """Return the seams of a conversation of Facebook or Instagram, or None when it is none."""
    known = _META.match(view.read(0, _BEGIN))
    return _days(view, _META_MESSAGE, _utc_day) if known else None


def of_mastodon(view: View) -> Iterator[int] | None:
    """Return the seams of an outbox, or None when it is none."""
    known = b'"OrderedCollection"' in view.read(0, _BEGIN)
    return _and_closing(view, _days(view, _POST, bytes)) if known else None


def is_closed(view: View) -> bool:
    """Return whether the file ends with its outermost bracket; inner ones are indented."""
    last_line = view.read(view.size - _TAIL, view.size).rstrip().rpartition(b"\n")[2]
    return last_line.endswith((b"}", b"]")) and not last_line.startswith((b" ", b"\t"))


def _entries(view: View, head: re.Pattern[bytes]) -> Iterator[int]:
    """Yield where each entry of a list begins, but for the first."""
    heads = _heads(view, head)
    next(heads, None)
    for window, found in heads:
        yield _before(window, found)


def _days(view: View, head: re.Pattern[bytes], day_of: Callable[[bytes], object]) -> Iterator[int]:
    """Yield where the day of an entry is another than that of the one before."""
    last: object = None
    for window, found in _heads(view, head):
        day = day_of(found["day"])
        if last not in {None, day}:
            yield _before(window, found)
        last = day


def _conversations(view: View, chat: bytes) -> Iterator[int]:
    """Yield where a conversation of X begins, and where a day of it does.

    The day of a message is the last moment before the next head: reactions have theirs before it.
    """
    begun: int | None = None  # the message whose day is not known yet
    day = last = None
    seen = False
    for window, found in _heads(view, re.compile(rb"(?P<chat>" + chat + rb")|" + _X_MESSAGE)):
        if found["day"]:
            last = found["day"]
            continue
        if begun is not None and day not in {None, last}:
            yield begun
        day = last if begun is not None else day
        here = _before(window, found)
        if found["chat"]:
            if seen:
                yield here
            begun, day, seen = None, None, True
        else:
            begun = here
    if begun is not None and day not in {None, last}:
        yield begun


def _heads(view: View, head: re.Pattern[bytes]) -> Iterator[tuple[Window, re.Match[bytes]]]:
    """Yield each head with the window in which it begins."""
    after = 0
    for window in view.windows(before=_BEFORE, after=_LONGEST_HEAD):
        for found in head.finditer(window.data, max(window.start, after) - window.first):
            if window.first + found.start() >= window.end:
                break
            after = window.first + found.end()
            yield window, found


def _before(window: Window, head: re.Match[bytes]) -> int:
    """Return where the entry before this one ends, so that a later one does not change it."""
    low = max(head.start() - _BEFORE, 0)
    data = window.data[low : head.start()].rstrip()
    return window.first + (low + len(data) - 1 if data.endswith(b",") else head.start())


def _and_closing(view: View, seams: Iterator[int]) -> Iterator[int]:
    """Yield seams, and where the last entry ends when there are any."""
    seam = None
    for seam in seams:  # the last one is asked for
        yield seam
    if seam is not None:
        low = max(view.size - _TAIL, 0)
        closing = _CLOSING.search(view.read(low, view.size))
        yield low + closing.start() if closing else view.size


def _utc_day(moment: bytes) -> int:
    return int(moment) // _DAY_MS
