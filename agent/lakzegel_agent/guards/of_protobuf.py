# SPDX-License-Identifier: EUPL-1.2
"""One number out of a protocol buffer, of which the other fields are passed over.

field || wire type, as a varint; then 0: varint, 1: 8 bytes, 2: length and bytes, 5: 4 bytes
"""

from __future__ import annotations

from typing import Final

MAX_BUFFER: Final = 2**16  # bytes
_VARINT: Final = 10  # bytes of the longest
_FIXED: Final = {1: 8, 5: 4}


def number_of_field(data: bytes, wanted: int) -> int | None:
    """Return the last varint of this field; None where there is none, or data is no buffer."""
    if len(data) > MAX_BUFFER:
        return None
    at, found = 0, None
    try:
        while at < len(data):
            tag, at = _varint(data, at)
            field, wire = tag >> 3, tag & 7
            if wire == 0:
                value, at = _varint(data, at)
                found = value if field == wanted else found
            elif wire in _FIXED:
                at += _FIXED[wire]
            elif wire == 2:  # noqa: PLR2004  # length-delimited
                length, at = _varint(data, at)
                at += length
            else:
                return None
    except IndexError:
        return None
    return found if at == len(data) else None


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a number and where it ends.

    Raises:
        IndexError: it does not end.
    """
    value = 0
    for place in range(_VARINT):
        byte = data[at + place]
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:  # noqa: PLR2004  # the last byte
            return value, at + place + 1
    raise IndexError
