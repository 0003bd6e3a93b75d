# SPDX-License-Identifier: EUPL-1.2
"""The text of a message of Messages whose `text` is empty: in an archived attributed string.

    … NSString … 0x2B <length> <UTF-8> 0x86 …

The length is one byte, or 0x81 and two bytes, or 0x82 and four, little-endian. Nothing else of the
archive is read: what is not found so is no text, and the raw bytes stay the record.
"""

from __future__ import annotations

from typing import Final

_CLASS: Final = b"NSString"
_STRING: Final = 0x2B
_SHORT: Final = 0x81  # two bytes of length follow
_LONG: Final = 0x82  # four
_NEAR: Final = 32  # bytes behind the name of the class in which the string begins
_MOST: Final = 1 << 20  # bytes


def text_of_stream(data: bytes) -> str:
    """Return the string, or nothing."""
    at = data.find(_CLASS)
    if at < 0:
        return ""
    begin = data.find(_STRING.to_bytes(1, "big"), at, at + len(_CLASS) + _NEAR)
    if begin < 0 or begin + 1 >= len(data):
        return ""
    mark = data[begin + 1]
    width = {_SHORT: 2, _LONG: 4}.get(mark, 0)
    start = begin + 2 + width
    length = int.from_bytes(data[begin + 2 : start], "little") if width else mark
    return data[start : start + min(length, _MOST)].decode("utf-8", "replace")
