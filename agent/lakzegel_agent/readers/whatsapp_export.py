# SPDX-License-Identifier: EUPL-1.2
"""A WhatsApp export: one day of a conversation, one segment; in a zip, one member, one segment.

    12-03-2024 09:15 - Jan: tekst             Android, Dutch
    3/12/24, 9:15 AM - Jan: text              Android, American; a no-break space before AM
    [12-03-2024 09:15:22] Jan: tekst          iPhone, Dutch

The first line tells which of these a file speaks; a line in another one is text that somebody
pasted. Nothing is sorted: a phone without a network leaves lines out of order.
"""

import re
from collections.abc import Iterator
from typing import ClassVar, Final

from lakzegel_agent.readers.base import OpaqueReader, Reader, bounded, opaque
from lakzegel_agent.readers.zipseams import is_zip, members_of
from lakzegel_agent.view import View

_MARKS: Final = rb"(?:\xe2\x80\x8e|\xe2\x80\x8f|\xef\xbb\xbf){0,4}"  # LRM, RLM, byte order mark
_SPACE: Final = rb"(?:[ ]|\xc2\xa0|\xe2\x80\xaf)"  # also no-break, and narrow no-break
_HEAD: Final = 128  # bytes of the longest head of a line
_FIRST: Final = re.compile(
    _MARKS
    + rb"(?P<open>\[?)(?P<date>[0-9]{1,4}(?P<sep>[-/.])[0-9]{1,2}(?P=sep)[0-9]{2,4})(?P<comma>,?) "
    + rb"[0-9]{1,2}(?P<colon>[:.])[0-9]{2}(?P<seconds>(?P=colon)[0-9]{2})?"
    + rb"(?P<half>" + _SPACE + rb"?[AaPp]\.?" + _SPACE + rb"?[Mm]\.?)?(?P<close>\] | - )"
)  # fmt: skip


class WhatsAppReader(OpaqueReader):
    """Text in the export's grammar is cut by day, zips by member; media is opaque."""

    kind: ClassVar[str] = "whatsapp-export"

    def incomplete(self, path: bytes, view: View) -> str | None:
        """Return ``zip-open`` or ``line-open`` for a file that was not written to its end."""
        if is_zip(path):
            return None if members_of(view) else "zip-open"
        if _grammar(path, view) and view.read(view.size - 1, view.size) != b"\n":
            return "line-open"
        return None

    def cut(self, path: bytes, view: View) -> Iterator[int]:
        """Yield the end of each day, or of each member."""
        if is_zip(path):
            members = members_of(view)
            return bounded(members, view.size) if members else opaque(view.size)
        grammar = _grammar(path, view)
        return bounded(_days(view, grammar), view.size) if grammar else opaque(view.size)


def _grammar(path: bytes, view: View) -> re.Pattern[bytes] | None:
    """Return what begins a message in this file, after a newline; None when it is no chat."""
    if not path.lower().endswith(b".txt"):
        return None
    first = _FIRST.match(view.read(0, _HEAD))
    if first is None or bool(first["open"]) != first["close"].startswith(b"]"):
        return None
    clock = rb"[0-9]{1,2}" + re.escape(first["colon"]) + rb"[0-9]{2}"
    if first["seconds"]:
        clock += re.escape(first["colon"]) + rb"[0-9]{2}"
    if first["half"]:
        clock += _SPACE + rb"?[AaPp]\.?" + _SPACE + rb"?[Mm]\.?"
    return re.compile(
        rb"\n" + _MARKS + re.escape(first["open"]) + rb"(?P<date>" + _date(first) + rb")"
        + first["comma"] + rb" " + clock + re.escape(first["close"])
    )  # fmt: skip


def _date(first: re.Match[bytes]) -> bytes:
    """Return the pattern of a date like the first one: its separator, and where its year stands."""
    separator = re.escape(first["sep"])
    numbers = first["date"].split(first["sep"])
    shapes = (rb"[0-9]{4}" if len(number) > 2 else rb"[0-9]{1,2}" for number in numbers)  # noqa: PLR2004
    return separator.join(shapes)


def _days(view: View, grammar: re.Pattern[bytes]) -> Iterator[int]:
    """Yield where the date of a message is another than that of the one before."""
    first = _FIRST.match(view.read(0, _HEAD))
    day = first["date"] if first else b""
    for window in view.windows(before=1, after=_HEAD):
        # A line belongs to the window in which it begins; its newline may lie before that.
        for head in grammar.finditer(window.data):
            if window.first + head.start() + 1 >= window.end:
                break
            if head["date"] != day:
                day = head["date"]
                yield window.first + head.start() + 1


READER: Final[Reader] = WhatsAppReader()
