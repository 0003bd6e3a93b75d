# SPDX-License-Identifier: EUPL-1.2
"""A folder of single mails: one file, one mail, one segment."""

from collections.abc import Iterator
from typing import ClassVar, Final

from lakzegel_agent.readers.base import OpaqueReader, Reader, bounded, opaque
from lakzegel_agent.view import View

_SUFFIXES: Final = (b".eml", b".mht", b".mime")


class EmlReader(OpaqueReader):
    """Files named as mail are one segment; others are opaque."""

    kind: ClassVar[str] = "eml"

    def cut(self, path: bytes, view: View) -> Iterator[int]:
        """Yield the end of the mail."""
        if path.lower().endswith(_SUFFIXES):
            return bounded((), view.size)
        return opaque(view.size)


READER: Final[Reader] = EmlReader()
