# SPDX-License-Identifier: EUPL-1.2
"""Windows' Data Protection API, as far as Signal's key needs it. Not run on a real device."""

import ctypes
import sys
from typing import ClassVar, Final

_UI_FORBIDDEN: Final = 1  # CRYPTPROTECT_UI_FORBIDDEN


class _Blob(ctypes.Structure):
    """DATA_BLOB."""

    _fields_: ClassVar = [("size", ctypes.c_uint32), ("data", ctypes.POINTER(ctypes.c_char))]


def unprotected(blob: bytes) -> bytes | None:
    """Return what was protected for this user; None on another system, or where it is refused."""
    if sys.platform != "win32":
        return None
    held = ctypes.create_string_buffer(blob, len(blob))
    given = _Blob(len(blob), ctypes.cast(held, ctypes.POINTER(ctypes.c_char)))
    taken = _Blob()
    done = ctypes.windll.crypt32.CryptUnprotectData(
        ctypes.byref(given), None, None, None, None, _UI_FORBIDDEN, ctypes.byref(taken)
    )
    if not done:
        return None
    try:
        return ctypes.string_at(taken.data, taken.size)
    finally:
        ctypes.windll.kernel32.LocalFree(taken.data)
