# SPDX-License-Identifier: EUPL-1.2
"""mbox: one mail, one segment, from its separator line to the next.

A separator begins the file or follows an empty line, and is ``From`` with a space and then nothing
more, or somebody and a moment. A sentence that begins so in a body is none. Thunderbird compacts an
mbox in a folder beside it, where the old one lies for a moment too. docs/spec/sources.md
"""

import re
from collections.abc import Iterator
from typing import ClassVar, Final

from lakzegel_agent.readers.base import OpaqueReader, Reader, bounded, opaque
from lakzegel_agent.view import View

_MARK: Final = b"\nFrom"  # no space: CPython searches faster for what is at most five bytes
_BEFORE: Final = 2  # bytes before the mark that show whether the line above is empty
_LINE: Final = 512  # bytes of a separator line that are looked at
_DAY: Final = rb"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_MONTH: Final = rb"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_CLOCK: Final = rb"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?"
_YEAR: Final = rb"(?:19|20)[0-9]{2}"
_MOMENT: Final = (
    # Fri Aug 24 11:55:47 2018, with a time zone before the year where there is one
    rb"(?:" + _DAY + rb" {1,3}" + _MONTH + rb" {1,3}[0-9]{1,2} {1,3}" + _CLOCK
    + rb"(?: [A-Za-z0-9+-]{1,6}){0,2} {1,3}" + _YEAR
    # Fri, 24 Aug 2018 11:55:47
    + rb"|" + _DAY + rb",? {1,3}[0-9]{1,2} " + _MONTH + rb" " + _YEAR + rb" " + _CLOCK
    + rb")(?![0-9])"
)  # fmt: skip
_SEPARATOR: Final = re.compile(rb"From (?:[ \t]{0,64}\r?\n|[^\r\n]{0,320}?[ \t]" + _MOMENT + rb")")
_BESIDE: Final = rb"(?s)(?P<folder>(?:.*/)?)\.(?:temp-compact|compact-temp)/(?P<name>[^/]+)\."
_DRAFT: Final = re.compile(_BESIDE + rb"(?:compacting|compacted)")
_ORIGINAL: Final = re.compile(_BESIDE + rb"original")


class MboxReader(OpaqueReader):
    """Files that begin with a separator line are mail; others are opaque."""

    kind: ClassVar[str] = "mbox"
    appends: ClassVar[bool] = True

    def exclude(self, path: bytes) -> str | None:
        """Return ``compacting`` for what Thunderbird copies from an mbox that is still there."""
        return "compacting" if _DRAFT.fullmatch(path) else None

    def history(self, path: bytes) -> bytes:
        """Return the mbox's path also while a compaction has moved it aside."""
        original = _ORIGINAL.fullmatch(path)
        return original["folder"] + original["name"] if original else path

    def cut(self, path: bytes, view: View) -> Iterator[int]:  # noqa: ARG002  # mbox has no suffix
        """Yield the end of each mail."""
        if not _SEPARATOR.match(view.read(0, _LINE)):
            return opaque(view.size)
        return bounded(_separators(view), view.size)

    def cut_on(self, path: bytes, view: View, start: int) -> Iterator[int] | None:  # noqa: ARG002
        """Yield the end of each mail from ``start`` on: what makes a separator lies around it."""
        if not _SEPARATOR.match(view.read(0, _LINE)):
            return None
        return bounded(_separators(view, start), view.size, start)


def _separators(view: View, start: int = 0) -> Iterator[int]:
    """Yield where separator lines begin, but for the file's first."""
    for window in view.windows(start, before=len(_MARK) + _BEFORE, after=_LINE):
        data = window.data
        # A mark belongs to the window in which its line begins.
        at = data.find(_MARK, max(window.start - window.first - 1, 0))
        while 0 <= at < window.end - window.first - 1:
            if _follows_empty_line(data, at) and _SEPARATOR.match(data, at + 1):
                yield window.first + at + 1
            at = data.find(_MARK, at + 1)


def _follows_empty_line(data: bytes, newline: int) -> bool:
    """Return whether the line that this newline ends has nothing in it."""
    above = data[max(newline - 2, 0) : newline]
    return above[-1:] in {b"", b"\n"} or above in {b"\r", b"\n\r"}


READER: Final[Reader] = MboxReader()
