# SPDX-License-Identifier: EUPL-1.2
"""One time in the summary of a package for Windows, in place of the minute that it was made in.

A property set as [MS-OLEPS] has it: a table of identifiers and offsets, then a type and a value
each. 12 is when it was made, 13 when it was saved last; both are FILETIMEs.
"""

from __future__ import annotations

import io
import struct
from typing import Final

import olefile

from lakzegel_frozen.errors import FrozenError

SUMMARY: Final = "\x05SummaryInformation"
SECTION: Final = 44  # where the offset of the first section stands
TIMES: Final = (12, 13)
FILETIME: Final = 0x40
BEFORE_1970: Final = 11_644_473_600  # seconds from 1601


def at_one_time(package: bytes, seconds: int) -> bytes:
    """The package, made and saved at a time that is given.

    Raises:
        FrozenError: it has no summary.
    """
    memory = io.BytesIO(package)
    file = olefile.OleFileIO(memory, write_mode=True)
    if not file.exists(SUMMARY):
        raise FrozenError("the package has no summary; msitools made something else")
    data = bytearray(file.openstream(SUMMARY).read())
    (section,) = struct.unpack_from("<I", data, SECTION)
    _, count = struct.unpack_from("<II", data, section)
    for place in range(section + 8, section + 8 + 8 * count, 8):
        identifier, offset = struct.unpack_from("<II", data, place)
        (kind,) = struct.unpack_from("<I", data, section + offset)
        if identifier in TIMES and kind == FILETIME:
            struct.pack_into("<Q", data, section + offset + 4, (seconds + BEFORE_1970) * 10**7)
    file.write_stream(SUMMARY, bytes(data))
    return memory.getvalue()
