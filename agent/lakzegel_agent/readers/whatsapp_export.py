# SPDX-License-Identifier: EUPL-1.2
"""A WhatsApp export: one day of a conversation, one segment; in a zip, one member, one segment.

Nothing is sorted: a phone without a network leaves lines out of order. How a line begins is told in
`whatsapp_heads.py`.
"""

import re
from collections.abc import Iterator
from typing import ClassVar, Final

from lakzegel_agent.readers.base import OpaqueReader, Reader, bounded, opaque
from lakzegel_agent.readers.whatsapp_heads import FIRST, LONGEST, layout_of
from lakzegel_agent.readers.zipseams import is_zip, members_of
from lakzegel_agent.view import View


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
    layout = layout_of(view.read(0, LONGEST))
    return re.compile(rb"\n" + layout) if layout else None


def _days(view: View, grammar: re.Pattern[bytes]) -> Iterator[int]:
    """Yield where the date of a message is another than that of the one before."""
    first = FIRST.match(view.read(0, LONGEST))
    day = first["date"] if first else b""
    for window in view.windows(before=1, after=LONGEST):
        # A line belongs to the window in which it begins; its newline may lie before that.
        for head in grammar.finditer(window.data):
            if window.first + head.start() + 1 >= window.end:
                break
            if head["date"] != day:
                day = head["date"]
                yield window.first + head.start() + 1


READER: Final[Reader] = WhatsAppReader()
