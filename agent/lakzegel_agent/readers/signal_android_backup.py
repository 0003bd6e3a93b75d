# SPDX-License-Identifier: EUPL-1.2
"""A backup of Signal on Android: one encrypted file, new at each backup.

    length of the header (4 bytes, big-endian) || BackupFrame with iv, salt, version || frames

Nothing behind the header can be read without the owner's passphrase. docs/spec/sources.md §5
"""

import re
from collections.abc import Iterator
from typing import ClassVar, Final

from lakzegel_agent.readers.base import OpaqueReader, Reader, bounded, opaque
from lakzegel_agent.view import View

NAME: Final = re.compile(
    rb"(?s)(?:.*/)?signal-[0-9]{4}(?:-[0-9]{2}){5}[^/]{0,32}\.backup", re.IGNORECASE
)
_HEADER: Final = re.compile(
    rb"\x00\x00\x00.\x0a.\x0a\x10.{16}\x12\x20.{32}(?:\x18(?P<version>[\x00-\x7f]))?", re.DOTALL
)
_MOST: Final = 64  # bytes of the longest such header
_LAST_FRAME: Final = (12).to_bytes(4, "big")  # the length of two bytes and ten of MAC
_END: Final = 16  # bytes of the last frame with its length


class SignalBackupReader(OpaqueReader):
    """Backups are one stretch, for nothing in them can be reused; other files are opaque."""

    kind: ClassVar[str] = "signal-android-backup"

    def incomplete(self, path: bytes, view: View) -> str | None:
        """Return ``backup-open`` for a backup whose last frame, where it shows, is not the last."""
        header = _header(path, view)
        if header is None or header["version"] not in {None, b"\x00"}:
            return None
        last = view.read(max(view.size - _END, header.end()), view.size)
        return None if len(last) == _END and last.startswith(_LAST_FRAME) else "backup-open"

    def cut(self, path: bytes, view: View) -> Iterator[int]:
        """Yield the end of the backup, or of pieces of it where it is long."""
        return opaque(view.size) if _header(path, view) is None else bounded((), view.size)


def _header(path: bytes, view: View) -> re.Match[bytes] | None:
    return _HEADER.match(view.read(0, _MOST)) if NAME.fullmatch(path) else None


READER: Final[Reader] = SignalBackupReader()
