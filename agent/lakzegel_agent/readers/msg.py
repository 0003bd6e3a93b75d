# SPDX-License-Identifier: EUPL-1.2
"""A folder of Outlook's single mails: one compound file, one mail, one segment.

The format is [MS-CFB]. Only its header and one sector of its FAT are looked at, to see whether the
file was written to its end. docs/spec/sources.md §5
"""

import struct
from collections.abc import Iterator
from typing import ClassVar, Final

from lakzegel_agent.readers.base import OpaqueReader, Reader, bounded, opaque
from lakzegel_agent.view import View

_SIGNATURE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# From byte 30, [MS-CFB] §2.2: shift of a sector; FAT sectors; first sectors of the directory, of
# the small FAT and of the list of FAT sectors; the first 109 FAT sectors.
_HEADER: Final = struct.Struct("<30xH12xII8xI4xI4x109I")
_SHIFTS: Final = (9, 12)  # sectors of 512 and of 4,096 bytes
_LAST_SECTOR: Final = 0xFFFFFFFA  # MAXREGSECT; higher numbers name no sector
_FREE: Final = 0xFFFFFFFF


class MsgReader(OpaqueReader):
    """Compound files named as Outlook's mails are one segment; others are opaque."""

    kind: ClassVar[str] = "msg"

    def incomplete(self, path: bytes, view: View) -> str | None:
        """Return ``msg-open`` for a mail that its own tables say goes on beyond its end."""
        if not _is_mail(path, view):
            return None
        return None if _is_whole(view) else "msg-open"

    def cut(self, path: bytes, view: View) -> Iterator[int]:
        """Yield the end of the mail."""
        return bounded((), view.size) if _is_mail(path, view) else opaque(view.size)


def _is_mail(path: bytes, view: View) -> bool:
    return path.lower().endswith(b".msg") and view.read(0, len(_SIGNATURE)) == _SIGNATURE


def _is_whole(view: View) -> bool:
    """Return whether the sectors that the header and its last FAT sector name lie in the file."""
    header = view.read(0, _HEADER.size)
    if len(header) < _HEADER.size:
        return False
    shift, count, directory, small, more, *places = _HEADER.unpack(header)
    if shift not in _SHIFTS:
        return True
    sectors = (view.size >> shift) - 1  # the header takes the place of one
    tables = places[:count]
    named = [place for place in (directory, small, more, *tables) if place <= _LAST_SECTOR]
    if max(named, default=0) >= sectors:
        return False
    return not tables or _last_used(view, tables, shift) < sectors


def _last_used(view: View, tables: list[int], shift: int) -> int:
    """Return the highest sector that the last of these FAT sectors marks as in use, or -1."""
    at = (tables[-1] + 1) << shift
    marks = view.read(at, at + (1 << shift))
    entries = struct.unpack(f"<{len(marks) // 4}I", marks[: len(marks) // 4 * 4])
    used = [number for number, entry in enumerate(entries) if entry != _FREE]
    return ((len(tables) - 1) << (shift - 2)) + used[-1] if used else -1


READER: Final[Reader] = MsgReader()
