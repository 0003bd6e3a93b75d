# SPDX-License-Identifier: EUPL-1.2
"""Maildir: one file, one mail, one segment.

Mail lies in ``new/`` and ``cur/``; what lies in ``tmp/`` is still being delivered. A flag renames
the file behind ``:2,`` and reading it moves it from ``new/`` to ``cur/``: the same mail.
"""

import re
from collections.abc import Iterator
from typing import ClassVar, Final

from lakzegel_agent.readers.base import SMALL, OpaqueReader, Reader, bounded, opaque
from lakzegel_agent.view import View

_MAIL: Final = re.compile(rb"(?s)((?:.*/)?)(?:new|cur)/([^/]+?)(?:[:;!]2,[^/]*)?")
_IN_DELIVERY: Final = re.compile(rb"(?s)(?:.*/)?tmp/[^/]+")


class MaildirReader(OpaqueReader):
    """Mail by its folder and unique name; all else in the folder is opaque."""

    kind: ClassVar[str] = "maildir"

    def exclude(self, path: bytes) -> str | None:
        """Return ``in-delivery`` for what lies in ``tmp/``."""
        return "in-delivery" if _IN_DELIVERY.fullmatch(path) else None

    def history(self, path: bytes) -> bytes:
        """Return where the mail would lie without flags."""
        mail = _MAIL.fullmatch(path)
        return mail[1] + b"cur/" + mail[2] if mail else path

    def cut(self, path: bytes, view: View) -> Iterator[int]:
        """Yield the end of the mail, or the blocks of what is none."""
        # what is small is one segment whatever its name, and a mail nearly always is
        mail = view.size > SMALL and _MAIL.fullmatch(path)
        return bounded((), view.size) if mail else opaque(view.size)


READER: Final[Reader] = MaildirReader()
