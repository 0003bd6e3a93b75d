# SPDX-License-Identifier: EUPL-1.2
r"""Windows' registry, as the user whose home is guarded has it.

    HKCU\Software\key\name   a value of that user
    HKLM\Software\key\name   a value of the machine
    HKCU\Software\key\       with nothing behind: which keys and values a key has, to be read only

A service of SYSTEM has a HKEY_CURRENT_USER of its own, so that HKCU is looked for: the SID whose
profile is that home, below HKEY_USERS. A hive that is not loaded is of a user who is not signed
in. Not run on a real device. docs/spec/guards.md §5
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PureWindowsPath
from typing import Any, Final, Protocol

from lakzegel_agent.guards.base import (
    NOT_PERMITTED,
    NOT_SIGNED_IN,
    NOT_UNDERSTOOD,
    TOO_MANY,
    UNREADABLE,
    PlaceError,
)
from lakzegel_agent.guards.placesvalues import decode, encode

MACHINE: Final = "HKEY_LOCAL_MACHINE"
USERS: Final = "HKEY_USERS"
PROFILES: Final = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList"
PROFILE: Final = "ProfileImagePath"
SZ: Final = 1
EXPAND_SZ: Final = 2
DWORD: Final = 4
NO_MORE_ITEMS: Final = 259  # ERROR_NO_MORE_ITEMS
MAX_NAMES: Final = 1_000  # keys, and values, of one key
_MOST: Final = 2**32 - 1
_OF: Final = {SZ: str, DWORD: int}
_SHORT: Final = {"HKLM": MACHINE, "HKU": USERS}

Names = tuple[list[str], list[str]]  # keys, values


class Hives(Protocol):
    """The registry, 64-bit view. Every method may raise what the system does: an OSError."""

    def names(self, hive: str, key: str) -> Names:
        """Return the names of the keys and of the values of a key, one more than the limit."""
        ...

    def get(self, hive: str, key: str, name: str) -> tuple[object, int]:
        """Return a value and its type."""
        ...

    def put(self, hive: str, key: str, name: str, value: int | str) -> None:
        """Leave a REG_DWORD or a REG_SZ, durably; the key too where there is none."""
        ...

    def remove(self, hive: str, key: str, name: str) -> None:
        """Take a value away; the key stays."""
        ...

    def expand(self, text: str) -> str:
        """Return a text with the variables of the system in it."""
        ...


class WindowsHives:
    """This machine's own."""

    def __init__(self) -> None:
        self._winreg: Any = importlib.import_module("winreg")

    def names(self, hive: str, key: str) -> Names:
        """Return the names of the keys and of the values of a key."""
        with self._open(hive, key, self._winreg.KEY_READ) as opened:
            keys: list[str] = []
            values: list[str] = []
            with _until_no_more():
                while len(keys) <= MAX_NAMES:
                    keys.append(self._winreg.EnumKey(opened, len(keys)))
            with _until_no_more():
                while len(values) <= MAX_NAMES:
                    values.append(self._winreg.EnumValue(opened, len(values))[0])
        return keys, values

    def get(self, hive: str, key: str, name: str) -> tuple[object, int]:
        """Return a value and its type."""
        with self._open(hive, key, self._winreg.KEY_READ) as opened:
            value, kind = self._winreg.QueryValueEx(opened, name)
        return value, int(kind)

    def put(self, hive: str, key: str, name: str, value: int | str) -> None:
        """Leave a REG_DWORD or a REG_SZ."""
        above, access = getattr(self._winreg, hive), self._writing() | self._winreg.KEY_WOW64_64KEY
        with self._winreg.CreateKeyEx(above, key, 0, access) as opened:
            kind = DWORD if isinstance(value, int) else SZ
            self._winreg.SetValueEx(opened, name, 0, kind, value)
            self._winreg.FlushKey(opened)

    def remove(self, hive: str, key: str, name: str) -> None:
        """Take a value away."""
        with self._open(hive, key, self._writing()) as opened:
            self._winreg.DeleteValue(opened, name)
            self._winreg.FlushKey(opened)

    def expand(self, text: str) -> str:
        """Return a text with the variables of the system in it."""
        return str(self._winreg.ExpandEnvironmentStrings(text))

    def _writing(self) -> int:
        """Return the access to write: a key is flushed only where it may be read too."""
        return int(self._winreg.KEY_READ | self._winreg.KEY_WRITE)

    def _open(self, hive: str, key: str, access: int) -> Any:  # noqa: ANN401 - a handle of winreg
        above = getattr(self._winreg, hive)
        return self._winreg.OpenKey(above, key, 0, access | self._winreg.KEY_WOW64_64KEY)


@contextmanager
def _until_no_more() -> Iterator[None]:
    """Names are asked for until the system says that there are no more; all else is a failure."""
    try:
        yield
    except OSError as error:
        if getattr(error, "winerror", None) != NO_MORE_ITEMS:
            raise


class Registry:
    r"""Values by ``HIVE\key\name``; HKCU is of the user whose home it is."""

    def __init__(self, home: Path, hives: Hives | None = None) -> None:
        self._home = home
        self._given = hives

    def read(self, place: str) -> bytes | None:
        """Return a value, or what a key has; None where nothing is there.

        Raises:
            PlaceError: the user is not signed in, or it is not understood.
        """
        try:
            hive, key, name = self._parts(place)
            if not name:
                return self._has(hive, key)
            value, kind = self._hives().get(hive, key, name)
        except FileNotFoundError:
            return None
        except OSError:
            raise PlaceError(UNREADABLE) from None
        if not isinstance(value, _OF.get(kind, ())):
            raise PlaceError(NOT_UNDERSTOOD)
        return encode(value)

    def write(self, place: str, value: bytes | None) -> None:
        """Leave this value, or none.

        Raises:
            PlaceError: what was there is there still.
        """
        wanted = None if value is None else decode(value)
        if isinstance(wanted, bool) or (isinstance(wanted, int) and not 0 <= wanted <= _MOST):
            raise PlaceError(NOT_UNDERSTOOD)
        try:
            hive, key, name = self._parts(place)
            if not name:
                raise PlaceError(NOT_PERMITTED)  # a key is only told of
            if wanted is None:
                self._hives().remove(hive, key, name)
            else:
                self._hives().put(hive, key, name, wanted)
        except FileNotFoundError:
            if wanted is not None:
                raise PlaceError(UNREADABLE) from None
        except PermissionError:
            raise PlaceError(NOT_PERMITTED) from None
        except OSError:
            raise PlaceError(UNREADABLE) from None

    def _has(self, hive: str, key: str) -> bytes:
        keys, values = self._hives().names(hive, key)
        if max(len(keys), len(values)) > MAX_NAMES:
            raise PlaceError(TOO_MANY)
        return json.dumps({"keys": sorted(keys), "values": sorted(values)}).encode()

    def _parts(self, place: str) -> tuple[str, str, str]:
        hive, _, rest = place.partition("\\")
        key, _, name = rest.rpartition("\\")
        if not key:
            raise PlaceError(NOT_UNDERSTOOD)
        if hive == "HKCU":
            return USERS, f"{self._user()}\\{key}", name
        if hive not in _SHORT:
            raise PlaceError(NOT_UNDERSTOOD)
        return _SHORT[hive], key, name

    def _user(self) -> str:
        """Return the SID of the user whose home it is; his hive is loaded."""
        hives = self._hives()
        wanted = PureWindowsPath(self._home)
        for sid in hives.names(MACHINE, PROFILES)[0]:
            try:
                folder, kind = hives.get(MACHINE, f"{PROFILES}\\{sid}", PROFILE)
            except FileNotFoundError:
                continue
            if kind in {SZ, EXPAND_SZ} and PureWindowsPath(hives.expand(str(folder))) == wanted:
                self._require_loaded(sid)
                return sid
        raise PlaceError(UNREADABLE)

    def _require_loaded(self, sid: str) -> None:
        try:
            self._hives().names(USERS, sid)
        except FileNotFoundError:
            raise PlaceError(NOT_SIGNED_IN) from None

    def _hives(self) -> Hives:
        if self._given is None:
            try:
                self._given = WindowsHives()
            except ImportError:
                raise PlaceError(UNREADABLE) from None
        return self._given
