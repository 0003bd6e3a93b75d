# SPDX-License-Identifier: EUPL-1.2
"""A mail of Apple Mail: a count of bytes, the mail, a property list with its flags.

The seam between mail and list lets a flag cost the list alone. docs/spec/sources.md §5
"""

import re
from collections.abc import Iterator
from typing import ClassVar, Final

from lakzegel_agent.readers.base import OpaqueReader, Reader, bounded, opaque
from lakzegel_agent.view import View

_LINE: Final = 64  # bytes in which the line with the count ends
_COUNT: Final = re.compile(rb"([0-9]{1,15})[ \t]{0,32}\r?\n")
_CLOSING: Final = b"</plist>"
_TAIL: Final = 64  # bytes of the closing, and white space behind it


class EmlxReader(OpaqueReader):
    """Files named as Apple's mails are cut before their property list; others are opaque."""

    kind: ClassVar[str] = "emlx"

    def incomplete(self, path: bytes, view: View) -> str | None:
        """Return ``mail-open`` for a mail without all of its bytes, or of its property list."""
        if not _is_mail(path):
            return None
        end = _end_of_mail(view)
        tail = view.read(view.size - _TAIL, view.size).rstrip()
        complete = end + len(_CLOSING) <= view.size and tail.endswith(_CLOSING)
        return None if end and complete else "mail-open"

    def cut(self, path: bytes, view: View) -> Iterator[int]:
        """Yield the end of the mail, and of the property list."""
        end = _end_of_mail(view) if _is_mail(path) else 0
        return bounded((end,), view.size) if end else opaque(view.size)


def _is_mail(path: bytes) -> bool:
    return path.lower().endswith(b".emlx")


def _end_of_mail(view: View) -> int:
    """Return where the mail ends by its first line, perhaps beyond the file; 0 without one."""
    count = _COUNT.match(view.read(0, _LINE))
    return count.end() + int(count[1]) if count else 0


READER: Final[Reader] = EmlxReader()
