# SPDX-License-Identifier: EUPL-1.2
"""A secret under the Data Protection API of Windows; not run on a real device.

CryptProtectData and CryptUnprotectData of crypt32.dll, for the account that the agent runs as.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, Final

from lakzegel_agent.keywraps import ENROL, GONE, MAX_BLOB, SECRET, LostError, UnusableError

Call = Callable[[bytes], bytes]
_PURPOSE: Final = b"nl.lakzegel.agent/keystore/v1"  # the "optional entropy": other programs' differ
_NO_QUESTIONS: Final = 0x1  # CRYPTPROTECT_UI_FORBIDDEN
_NEVER: Final = frozenset(
    {
        13,  # ERROR_INVALID_DATA: changed, or another account's
        0x8009000B,  # NTE_BAD_KEY_STATE: the account's master key does not open it
    }
)


class _Blob(ctypes.Structure):
    _fields_ = (("size", ctypes.c_uint32), ("data", ctypes.POINTER(ctypes.c_char)))


class Dpapi:
    """The account's own protection; ``protect`` and ``unprotect`` raise OSError with `winerror`."""

    def __init__(self, protect: Call | None = None, unprotect: Call | None = None) -> None:
        self._protect = protect or _called("CryptProtectData")
        self._unprotect = unprotect or _called("CryptUnprotectData")

    def wrap(self, secret: bytes) -> bytes:
        """Return what this account alone opens."""
        try:
            return self._protect(secret)
        except OSError as error:
            raise UnusableError(f"DPAPI: CryptProtectData: error {_number(error)}") from None

    def unwrap(self, blob: bytes) -> bytes:
        """Return what was protected."""
        if len(blob) > MAX_BLOB:
            raise LostError(f"DPAPI: {GONE}: what lies here is too large; {ENROL}")
        try:
            secret = self._unprotect(blob)
        except OSError as error:
            number = _number(error)
            if number in _NEVER:
                raise LostError(f"DPAPI: {GONE}: error {number}; {ENROL}") from None
            raise UnusableError(f"DPAPI: CryptUnprotectData: error {number}") from None
        if len(secret) != SECRET:
            raise LostError(f"DPAPI: {GONE}: it holds no secret of ours; {ENROL}")
        return secret


def _number(error: OSError) -> int:
    number: int = getattr(error, "winerror", None) or error.errno or 0
    return number & 0xFFFFFFFF


def _called(name: str) -> Call:
    """A function of crypt32.dll over bytes."""
    libraries: Any = getattr(ctypes, "windll", None)
    if libraries is None:
        raise UnusableError("DPAPI: is a part of Windows")

    def call(data: bytes) -> bytes:
        given, purpose, found = _blob(data), _blob(_PURPOSE), _Blob()
        well = getattr(libraries.crypt32, name)(
            ctypes.byref(given),
            None,
            ctypes.byref(purpose),
            None,
            None,
            _NO_QUESTIONS,
            ctypes.byref(found),
        )
        if not well:
            raise OSError(None, name, None, libraries.kernel32.GetLastError())
        try:
            return ctypes.string_at(found.data, found.size)
        finally:
            libraries.kernel32.LocalFree(found.data)

    return call


def _blob(data: bytes) -> _Blob:
    buffer = ctypes.create_string_buffer(data, len(data))
    return _Blob(len(data), ctypes.cast(buffer, ctypes.POINTER(ctypes.c_char)))
