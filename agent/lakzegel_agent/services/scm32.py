# SPDX-License-Identifier: EUPL-1.2
"""`Scm` through ctypes, from the documentation of Windows; not run on a real device."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from ctypes import wintypes
from typing import TYPE_CHECKING, Final

from lakzegel_agent.services.scm import SPECIFIC, Handler, NotAServiceError, State, Status

# mypy reads what follows as on Windows alone; to import it does no harm anywhere
assert sys.platform == "win32" or not TYPE_CHECKING  # noqa: S101

_OWN_PROCESS: Final = 0x10  # SERVICE_WIN32_OWN_PROCESS
_NOT_CONNECTED: Final = 1063  # ERROR_FAILED_SERVICE_CONTROLLER_CONNECT


class _Status(ctypes.Structure):
    """SERVICE_STATUS."""

    _fields_ = [
        (name, wintypes.DWORD)
        for name in ("type", "state", "accepts", "code", "specific", "checkpoint", "hint")
    ]


class Scm32:
    """The system's own."""

    def __init__(self) -> None:
        self._calls = ctypes.WinDLL("advapi32", use_last_error=True)
        self._calls.RegisterServiceCtrlHandlerExW.restype = wintypes.HANDLE
        self._main_type = ctypes.WINFUNCTYPE(None, wintypes.DWORD, ctypes.POINTER(wintypes.LPWSTR))
        self._handler_type = ctypes.WINFUNCTYPE(
            wintypes.DWORD, wintypes.DWORD, wintypes.DWORD, ctypes.c_void_p, ctypes.c_void_p
        )
        self._held: list[object] = []  # what the system calls must stay as long as it may
        self._handle: int | None = None

    def dispatch(self, name: str, main: Callable[[], None]) -> None:
        """StartServiceCtrlDispatcherW."""

        class Entry(ctypes.Structure):
            """SERVICE_TABLE_ENTRYW."""

            _fields_ = [("name", wintypes.LPWSTR), ("main", self._main_type)]

        def called(count: int, words: object) -> None:
            del count, words  # what somebody gave to `sc start`
            main()

        entry = self._main_type(called)
        table = (Entry * 2)(Entry(name, entry), Entry(None, self._main_type()))
        self._held += [entry, table]
        if not self._calls.StartServiceCtrlDispatcherW(table):
            error = ctypes.get_last_error()
            if error == _NOT_CONNECTED:
                raise NotAServiceError
            raise ctypes.WinError(error)

    def register(self, name: str, handler: Handler) -> None:
        """RegisterServiceCtrlHandlerExW."""

        def called(control: int, event: int, data: object, context: object) -> int:
            del data, context
            return handler(control, event)

        made = self._handler_type(called)
        self._held.append(made)
        self._handle = self._calls.RegisterServiceCtrlHandlerExW(name, made, None)
        if not self._handle:
            raise ctypes.WinError(ctypes.get_last_error())

    def tell(self, status: Status) -> None:
        """SetServiceStatus; what it refuses nobody could be told."""
        failed = status.state == State.STOPPED and status.code != 0
        told = _Status(
            type=_OWN_PROCESS,
            state=status.state,
            accepts=status.accepts,
            code=SPECIFIC if failed else 0,
            specific=status.code,
            checkpoint=status.checkpoint,
            hint=status.hint,
        )
        self._calls.SetServiceStatus(wintypes.HANDLE(self._handle), ctypes.byref(told))
