# SPDX-License-Identifier: EUPL-1.2
"""One member of an archive, as a device cuts it: from its local header to the next.

Layout: PKWARE's APPNOTE, 4.3.7. Sizes in it are believed only as far as the bytes go; what is
deflated is unpacked up to a limit and never further.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Final

MAX_UNPACKED: Final = 64 << 20  # bytes
_LOCAL: Final = struct.Struct("<4s5H3I2H")
_MARK: Final = b"PK\x03\x04"
_STORED: Final = 0
_DEFLATED: Final = 8
_ENCRYPTED: Final = 1
_AFTER: Final = 8  # flag: sizes stand behind the data


@dataclass(frozen=True, slots=True)
class Member:
    """A member's name and its bytes; None where they cannot be had."""

    name: str
    data: bytes | None


def member_of(data: bytes, limit: int = MAX_UNPACKED) -> Member | None:
    """Return the member that these bytes begin with, None where they begin with none."""
    if len(data) < _LOCAL.size or not data.startswith(_MARK):
        return None
    fields = _LOCAL.unpack_from(data)
    flags, method, packed = fields[2], fields[3], fields[7]
    names = _LOCAL.size + fields[9]
    name = data[_LOCAL.size : names].decode("utf-8", "replace")
    body = data[names + fields[10] :]
    if flags & _ENCRYPTED:
        return Member(name, None)
    if method == _DEFLATED:
        return Member(name, _inflated(body, limit))
    if method == _STORED and not flags & _AFTER:
        return Member(name, body[:packed][:limit])
    return Member(name, None)


def _inflated(data: bytes, limit: int) -> bytes | None:
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, limit)
    except zlib.error:
        return None
