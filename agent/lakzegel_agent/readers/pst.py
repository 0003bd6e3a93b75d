# SPDX-License-Identifier: EUPL-1.2
"""An Outlook store, .pst or .ost: blocks, so that a change in place costs what it touches.

The format is [MS-PST]; only its header is looked at. docs/spec/sources.md §5, docs/adr/0013
"""

import struct
from collections.abc import Iterator
from itertools import chain
from typing import ClassVar, Final

from lakzegel_agent.readers.base import OpaqueReader, Reader, bounded, opaque
from lakzegel_agent.view import View

FINE: Final = 64 * 2**10  # bytes of a block in the first part
COARSE: Final = 512 * 2**10  # bytes of a block beyond it
FIRST_PART: Final = 2**30  # bytes that are cut in fine blocks
_MAGIC: Final = b"!BDN"
_CLIENTS: Final = (b"SM", b"SO")  # personal store, copy of a server's
_ANSI: Final = (14, 15)  # versions with numbers of 4 bytes
_UNICODE: Final = 20  # and those from here on, with 8
_ANSI_END: Final = struct.Struct("<168xI")  # ibFileEof in the root, [MS-PST] §2.2.2.5
_UNICODE_END: Final = struct.Struct("<184xQ")


class PstReader(OpaqueReader):
    """Files that begin as an Outlook store are cut in its blocks; others are opaque."""

    kind: ClassVar[str] = "pst"

    def incomplete(self, path: bytes, view: View) -> str | None:  # noqa: ARG002  # any name
        """Return ``pst-open`` for a store that is shorter than its header says."""
        return "pst-open" if _is_store(view) and view.size < _stated_size(view) else None

    def cut(self, path: bytes, view: View) -> Iterator[int]:  # noqa: ARG002  # any name
        """Yield the end of each block."""
        if not _is_store(view):
            return opaque(view.size)
        fine = range(FINE, min(view.size, FIRST_PART), FINE)
        coarse = range(FIRST_PART, view.size, COARSE)
        return bounded(chain(fine, coarse), view.size)


def _is_store(view: View) -> bool:
    header = view.read(0, 10)
    return header.startswith(_MAGIC) and header[8:] in _CLIENTS


def _stated_size(view: View) -> int:
    """Return the size that the header states; that of the header where it is cut off; or 0."""
    version = int.from_bytes(view.read(10, 12), "little")
    if version in _ANSI:
        end = _ANSI_END
    elif version >= _UNICODE:
        end = _UNICODE_END
    else:
        return 0
    header = view.read(0, end.size)
    stated: int = end.unpack(header)[0] if len(header) == end.size else end.size
    return stated


READER: Final[Reader] = PstReader()
