# SPDX-License-Identifier: EUPL-1.2
"""`Kernel` through ctypes, from the documentation of Windows; not run on a real device."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from ctypes import wintypes
from typing import TYPE_CHECKING, Any, Final

from lakzegel_agent.platforms.kernel import END, About

if sys.platform == "win32":
    import msvcrt

# mypy reads what follows as on Windows alone; to import it does no harm anywhere
assert sys.platform == "win32" or not TYPE_CHECKING  # noqa: S101

_READ: Final = 0x80000000  # GENERIC_READ
_SHARED: Final = 0x7  # read, write, delete
_EXISTING: Final = 3  # OPEN_EXISTING
_THE_POINT: Final = 0x00200000  # FILE_FLAG_OPEN_REPARSE_POINT
_IN_ORDER: Final = 0x08000000  # FILE_FLAG_SEQUENTIAL_SCAN
# A name may lead to another's pipe: who is at its other end must not act in our name.
_NAMELESS: Final = 0x00100000 | 0x00010000  # SECURITY_SQOS_PRESENT, SECURITY_IDENTIFICATION
_MOVE: Final = 0x1 | 0x8  # MOVEFILE_REPLACE_EXISTING, MOVEFILE_WRITE_THROUGH
_TAG_INFO: Final = 9  # FileAttributeTagInfo
_ID_INFO: Final = 18  # FileIdInfo
_OWNER: Final = 0x1  # OWNER_SECURITY_INFORMATION
_DACL: Final = 0x4  # DACL_SECURITY_INFORMATION
_PROTECTED: Final = 0x80000000  # PROTECTED_DACL_SECURITY_INFORMATION
_REVISION: Final = 1  # SDDL_REVISION_1
_QUERY: Final = 0x8  # TOKEN_QUERY
_TOKEN_USER: Final = 1  # TokenUser
_BELOW_NORMAL: Final = 0x00004000  # BELOW_NORMAL_PRIORITY_CLASS
_INVALID: Final = ctypes.c_void_p(-1).value


class _Tag(ctypes.Structure):
    _fields_ = [("attributes", wintypes.DWORD), ("tag", wintypes.DWORD)]


class _Id(ctypes.Structure):
    _fields_ = [("volume", ctypes.c_uint64), ("file", ctypes.c_ubyte * 16)]


class _Overlapped(ctypes.Structure):
    _fields_ = [
        ("internal", ctypes.c_void_p),
        ("internal_high", ctypes.c_void_p),
        ("offset", wintypes.DWORD),
        ("offset_high", wintypes.DWORD),
        ("event", wintypes.HANDLE),
    ]


class Win32:
    """The system's own."""

    def __init__(self) -> None:
        self._kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        self._kernel.CreateFileW.restype = wintypes.HANDLE
        self._kernel.GetTickCount64.restype = ctypes.c_uint64
        self._kernel.GetCurrentProcess.restype = wintypes.HANDLE
        self._kernel.LocalFree.argtypes = (ctypes.c_void_p,)
        self._security = ctypes.WinDLL("advapi32", use_last_error=True)

    def open(self, path: str, *, follow: bool) -> int:
        """CreateFileW."""
        flags = _IN_ORDER | _NAMELESS | (0 if follow else _THE_POINT)
        made = self._kernel.CreateFileW(path, _READ, _SHARED, None, _EXISTING, flags, None)
        if made is None or made == _INVALID:
            raise _error(path)
        return int(made)

    def about(self, handle: int) -> About:
        """GetFileType, GetFileInformationByHandleEx."""
        kind = int(self._kernel.GetFileType(wintypes.HANDLE(handle)))
        tag, id_ = _Tag(), _Id()
        self._info(handle, _TAG_INFO, tag)
        self._info(handle, _ID_INFO, id_)
        file = int.from_bytes(bytes(id_.file), "little")
        return About(kind, tag.attributes, tag.tag, (id_.volume, file))

    def close(self, handle: int) -> None:
        """CloseHandle."""
        self._kernel.CloseHandle(wintypes.HANDLE(handle))

    def adopt(self, handle: int) -> int:
        """_open_osfhandle: bytes as they are, not for children."""
        return msvcrt.open_osfhandle(handle, os.O_RDONLY | os.O_BINARY | os.O_NOINHERIT)

    def lstat(self, path: str) -> os.stat_result:
        """By Python's own, which looks at the reparse point."""
        return os.lstat(path)

    def listing(self, path: str) -> AbstractContextManager[Iterator[os.DirEntry[bytes]]]:
        """By Python's own."""
        return os.scandir(os.fsencode(path))

    def create(self, path: str, flags: int, mode: int) -> int:
        """By Python's own."""
        return os.open(path, flags | os.O_BINARY | os.O_NOINHERIT, mode)

    def move(self, source: str, target: str) -> None:
        """MoveFileExW."""
        if not self._kernel.MoveFileExW(source, target, _MOVE):
            raise _error(target)

    def remove(self, path: str) -> None:
        """DeleteFileW."""
        if not self._kernel.DeleteFileW(path):
            raise _error(path)

    def read_at(self, descriptor: int, count: int, at: int) -> bytes:
        """ReadFile of a synchronous handle, which takes its place from OVERLAPPED."""
        place = _Overlapped(offset=at & 0xFFFFFFFF, offset_high=at >> 32)
        buffer, found = ctypes.create_string_buffer(count), wintypes.DWORD()
        handle = wintypes.HANDLE(msvcrt.get_osfhandle(descriptor))
        well = self._kernel.ReadFile(
            handle, buffer, count, ctypes.byref(found), ctypes.byref(place)
        )
        if not well:
            if ctypes.get_last_error() == END:
                return b""
            raise _error(None)
        return buffer.raw[: found.value]

    def lock(self, descriptor: int) -> None:
        """_locking."""
        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

    def unlock(self, descriptor: int) -> None:
        """_locking."""
        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

    def security(self, path: str) -> str:
        """GetFileSecurityW, as text."""
        what, size = _OWNER | _DACL, wintypes.DWORD()
        self._security.GetFileSecurityW(path, what, None, 0, ctypes.byref(size))
        found = ctypes.create_string_buffer(size.value)
        if not self._security.GetFileSecurityW(path, what, found, size, ctypes.byref(size)):
            raise _error(path)
        return self._text(found, what)

    def owner(self, descriptor: int) -> str:
        """GetKernelObjectSecurity."""
        handle = wintypes.HANDLE(msvcrt.get_osfhandle(descriptor))
        return self.owner_of_handle(handle)

    def owner_of_handle(self, handle: wintypes.HANDLE) -> str:
        """Of whatever kernel object it is of."""
        size = wintypes.DWORD()
        ask = self._security.GetKernelObjectSecurity
        ask(handle, _OWNER, None, 0, ctypes.byref(size))
        found = ctypes.create_string_buffer(size.value)
        if not ask(handle, _OWNER, found, size, ctypes.byref(size)):
            raise _error(None)
        return self._text(found, _OWNER)

    def user(self) -> str:
        """Of this process's token."""
        return self.user_of(wintypes.HANDLE(self._kernel.GetCurrentProcess()))

    def user_of(self, process: wintypes.HANDLE) -> str:
        """OpenProcessToken."""
        token = wintypes.HANDLE()
        if not self._security.OpenProcessToken(process, _QUERY, ctypes.byref(token)):
            raise _error(None)
        return self.user_in(token)

    def user_in(self, token: wintypes.HANDLE) -> str:
        """GetTokenInformation, ConvertSidToStringSidW; the token is closed."""
        size = wintypes.DWORD()
        try:
            ask = self._security.GetTokenInformation
            ask(token, _TOKEN_USER, None, 0, ctypes.byref(size))
            found = ctypes.create_string_buffer(size.value)
            if not ask(token, _TOKEN_USER, found, size, ctypes.byref(size)):
                raise _error(None)
            sid = ctypes.cast(found, ctypes.POINTER(ctypes.c_void_p))[0]
            text = wintypes.LPWSTR()
            if not self._security.ConvertSidToStringSidW(ctypes.c_void_p(sid), ctypes.byref(text)):
                raise _error(None)
            return self._taken(text)
        finally:
            self._kernel.CloseHandle(token)

    def secure(self, path: str, sddl: str) -> None:
        """SetFileSecurityW."""
        with self.descriptor(sddl) as made:
            if not self._security.SetFileSecurityW(path, _DACL | _PROTECTED, made):
                raise _error(path)

    def ticks(self) -> tuple[float, float]:
        """GetTickCount64, QueryUnbiasedInterruptTime."""
        awake = ctypes.c_uint64()
        self._kernel.QueryUnbiasedInterruptTime(ctypes.byref(awake))
        return int(self._kernel.GetTickCount64()) / 1e3, awake.value / 1e7

    def background(self) -> None:
        """SetPriorityClass."""
        if not self._kernel.SetPriorityClass(
            wintypes.HANDLE(self._kernel.GetCurrentProcess()), _BELOW_NORMAL
        ):
            raise _error(None)

    def _text(self, descriptor: Any, what: int) -> str:  # noqa: ANN401 - a buffer
        text = wintypes.LPWSTR()
        if not self._security.ConvertSecurityDescriptorToStringSecurityDescriptorW(
            descriptor, _REVISION, what, ctypes.byref(text), None
        ):
            raise _error(None)
        return self._taken(text)

    def _taken(self, text: wintypes.LPWSTR) -> str:
        try:
            return str(text.value)
        finally:
            self._kernel.LocalFree(ctypes.cast(text, ctypes.c_void_p))

    @contextmanager
    def descriptor(self, sddl: str) -> Iterator[ctypes.c_void_p]:
        """A security descriptor, as long as this lasts."""
        made = ctypes.c_void_p()
        convert = self._security.ConvertStringSecurityDescriptorToSecurityDescriptorW
        if not convert(sddl, _REVISION, ctypes.byref(made), None):
            raise _error(None)
        try:
            yield made
        finally:
            self._kernel.LocalFree(made)

    def _info(self, handle: int, kind: int, found: Any) -> None:  # noqa: ANN401 - a structure
        if not self._kernel.GetFileInformationByHandleEx(
            wintypes.HANDLE(handle), kind, ctypes.byref(found), ctypes.sizeof(found)
        ):
            raise _error(None)


def _error(path: str | None) -> OSError:
    made = ctypes.WinError(ctypes.get_last_error())
    made.filename = path
    return made
