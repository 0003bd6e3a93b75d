# SPDX-License-Identifier: EUPL-1.2
"""`Pipes` through ctypes, from the documentation of Windows; not run on a real device."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from contextlib import suppress
from ctypes import wintypes
from typing import TYPE_CHECKING, Any, ClassVar, Final

from lakzegel_agent.helper.roads import LISTENING
from lakzegel_agent.platforms.windowsusers import number_of

if sys.platform == "win32" or not TYPE_CHECKING:
    from lakzegel_agent.platforms.win32api import Win32

# mypy reads what follows as on Windows alone; to import it does no harm anywhere
assert sys.platform == "win32" or not TYPE_CHECKING  # noqa: S101

_DUPLEX: Final = 0x3  # PIPE_ACCESS_DUPLEX
_FIRST: Final = 0x00080000  # FILE_FLAG_FIRST_PIPE_INSTANCE: nobody has a pipe of this name
_OVERLAPPED: Final = 0x40000000  # FILE_FLAG_OVERLAPPED
_LOCAL: Final = 0x8  # PIPE_REJECT_REMOTE_CLIENTS; bytes, and not messages
_BUFFER: Final = 65_536
_READ_WRITE: Final = 0xC0000000  # GENERIC_READ, GENERIC_WRITE
_EXISTING: Final = 3  # OPEN_EXISTING
# who listens may learn who asks, and nothing more
_IDENTIFIED: Final = 0x00100000 | 0x00010000  # SECURITY_SQOS_PRESENT, SECURITY_IDENTIFICATION
_PENDING, _CONNECTED, _BUSY = 997, 535, 231
_ENDS: Final = frozenset({109, 232, 233})  # broken, being closed, not connected
_TIMEOUT: Final = 0x102  # WAIT_TIMEOUT
_QUERY: Final = 0x8  # TOKEN_QUERY
_INVALID: Final = ctypes.c_void_p(-1).value


class _Overlapped(ctypes.Structure):
    _fields_: ClassVar = [
        ("internal", ctypes.c_void_p),
        ("internal_high", ctypes.c_void_p),
        ("offset", ctypes.c_uint64),
        ("event", wintypes.HANDLE),
    ]


class _Attributes(ctypes.Structure):
    _fields_: ClassVar = [
        ("size", wintypes.DWORD),
        ("descriptor", ctypes.c_void_p),
        ("inherit", wintypes.BOOL),
    ]


class Pipes32:
    """The system's own."""

    def __init__(self) -> None:
        self._system = Win32()
        self._calls = ctypes.WinDLL("kernel32", use_last_error=True)
        for name in ("CreateNamedPipeW", "CreateFileW", "CreateEventW", "GetCurrentThread"):
            getattr(self._calls, name).restype = wintypes.HANDLE
        self._security = ctypes.WinDLL("advapi32", use_last_error=True)

    def listen(self, name: str) -> int:
        """CreateNamedPipeW, for the system and this user, not over the network."""
        me = self._system.user()
        sddl = f"O:{me}D:P(D;;GA;;;NU)(A;;GRGW;;;SY)(A;;GA;;;{me})"
        with self._system.descriptor(sddl) as made:
            attributes = _Attributes(ctypes.sizeof(_Attributes), made, False)
            flags = _DUPLEX | _FIRST | _OVERLAPPED
            pipe = self._calls.CreateNamedPipeW(
                name, flags, _LOCAL, 1, _BUFFER, _BUFFER, 0, ctypes.byref(attributes)
            )
        return _handle(pipe)

    def accept(self, pipe: int, seconds: float) -> bool:
        """ConnectNamedPipe."""
        try:
            self._run(pipe, seconds, lambda at: self._calls.ConnectNamedPipe(_of(pipe), at))
        except TimeoutError:
            return False
        except OSError as error:
            if error.winerror not in _ENDS:  # who came is gone again: `dismiss` makes room
                raise
        return True

    def dismiss(self, pipe: int) -> None:
        """Wait for the end, for DisconnectNamedPipe throws away what was not read."""
        with suppress(OSError):
            self.read(pipe, 1, LISTENING)
        self._calls.DisconnectNamedPipe(_of(pipe))

    def connect(self, name: str, seconds: float) -> int:
        """CreateFileW, once more where another is being answered."""
        flags = _OVERLAPPED | _IDENTIFIED
        for _ in range(2):
            pipe = self._calls.CreateFileW(name, _READ_WRITE, 0, None, _EXISTING, flags, None)
            if pipe != _INVALID or ctypes.get_last_error() != _BUSY:
                break
            self._calls.WaitNamedPipeW(name, int(seconds * 1000))
        return _handle(pipe)

    def owner(self, pipe: int) -> int:
        """By the pipe's security descriptor: nobody can make one in another's name."""
        return number_of(self._system.owner_of_handle(_of(pipe)).removeprefix("O:"))

    def client(self, pipe: int) -> int:
        """ImpersonateNamedPipeClient: a user may not look at the system's processes."""
        if not self._security.ImpersonateNamedPipeClient(_of(pipe)):
            raise ctypes.WinError(ctypes.get_last_error())
        token = wintypes.HANDLE()
        try:
            thread = wintypes.HANDLE(self._calls.GetCurrentThread())
            if not self._security.OpenThreadToken(thread, _QUERY, True, ctypes.byref(token)):
                raise ctypes.WinError(ctypes.get_last_error())
        finally:
            self._security.RevertToSelf()
        return number_of(self._system.user_in(token))

    def write(self, pipe: int, data: bytes, seconds: float) -> None:
        """WriteFile."""
        while data:
            data = data[self._write(pipe, data, seconds) :]

    def _write(self, pipe: int, data: bytes, seconds: float) -> int:
        call = self._calls.WriteFile
        return self._run(pipe, seconds, lambda at: call(_of(pipe), data, len(data), None, at))

    def read(self, pipe: int, most: int, seconds: float) -> bytes:
        """ReadFile."""
        buffer = ctypes.create_string_buffer(most)
        try:
            done = self._run(
                pipe, seconds, lambda at: self._calls.ReadFile(_of(pipe), buffer, most, None, at)
            )
        except OSError as error:
            if error.winerror in _ENDS:
                return b""
            raise
        return buffer.raw[:done]

    def close(self, pipe: int) -> None:
        """CloseHandle."""
        self._calls.CloseHandle(_of(pipe))

    def _run(self, pipe: int, seconds: float, begin: Callable[[Any], int]) -> int:
        """Begin, wait, and return how many bytes; what is not done in time is taken back.

        Raises:
            TimeoutError: so it is.
        """
        done = wintypes.DWORD()
        place = _Overlapped(event=self._calls.CreateEventW(None, True, False, None))
        at = ctypes.byref(place)
        try:
            late = False
            if not begin(at):
                error = ctypes.get_last_error()
                if error == _CONNECTED:  # before it was waited for
                    return 0
                if error != _PENDING:
                    raise ctypes.WinError(error)
                wait = self._calls.WaitForSingleObject
                late = wait(wintypes.HANDLE(place.event), int(seconds * 1000)) == _TIMEOUT
            if late:
                self._calls.CancelIoEx(_of(pipe), at)
            well = self._calls.GetOverlappedResult(_of(pipe), at, ctypes.byref(done), True)
            if well:
                return done.value
            if late:
                raise TimeoutError
            raise ctypes.WinError(ctypes.get_last_error())
        finally:
            self._calls.CloseHandle(wintypes.HANDLE(place.event))


def _of(pipe: int) -> wintypes.HANDLE:
    return wintypes.HANDLE(pipe)


def _handle(found: int | None) -> int:
    if found is None or found == _INVALID:
        raise ctypes.WinError(ctypes.get_last_error())
    return found
