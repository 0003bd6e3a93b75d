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

_FLAGS: Final = re.compile(rb"[:;!]2,")  # where they begin in a mail's name
_MAILS: Final = (b"new", b"cur")
_BELOW: Final = (b"/new", b"/cur")


class MaildirReader(OpaqueReader):
    """Mail by its folder and unique name; all else in the folder is opaque."""

    kind: ClassVar[str] = "maildir"

    def exclude(self, path: bytes) -> str | None:
        """Return ``in-delivery`` for what lies in ``tmp/``."""
        return "in-delivery" if b"tmp/" in path and _folder(path) == b"tmp" else None

    def history(self, path: bytes) -> bytes:
        """Return where the mail would lie without flags."""
        folder, _, name = path.rpartition(b"/")
        if not name or (folder not in _MAILS and not folder.endswith(_BELOW)):
            return path
        flags = _FLAGS.search(name, 1)
        return folder[:-3] + b"cur/" + (name if flags is None else name[: flags.start()])

    def cut(self, path: bytes, view: View) -> Iterator[int]:
        """Yield the end of the mail, or the blocks of what is none."""
        # what is small is one segment whatever its name, and a mail nearly always is
        mail = view.size > SMALL and _folder(path) in _MAILS
        return bounded((), view.size) if mail else opaque(view.size)


def _folder(path: bytes) -> bytes:
    """Return the name of the folder that a file lies in, none where it has no name itself."""
    above, _, name = path.rpartition(b"/")
    return above[above.rfind(b"/") + 1 :] if name else b""


READER: Final[Reader] = MaildirReader()
