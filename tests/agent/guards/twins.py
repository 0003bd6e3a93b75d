# SPDX-License-Identifier: EUPL-1.2
"""A Mac's preferences and Windows' registry, in memory: what stands behind the seams in tests.

Both answer as the documentation of those systems says; neither was compared with a real device.
"""

from __future__ import annotations

import os
import plistlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from lakzegel_agent.guards.base import PlaceError
from lakzegel_agent.guards.placesdefaults import DEFAULTS, LAUNCHCTL, NOTIFYUTIL, Ran
from lakzegel_agent.guards.placesregistry import (
    DWORD,
    EXPAND_SZ,
    MACHINE,
    PROFILE,
    PROFILES,
    SZ,
    USERS,
)

SID = "S-1-5-21-1004336348-1177238915-682003330-1001"
OTHER = "S-1-5-21-1004336348-1177238915-682003330-1002"
MULTI_SZ = 7
BINARY = 3


class Mac:
    """The programs of a Mac, for the one user whose home it is."""

    def __init__(self, **domains: dict[str, Any]) -> None:
        self.domains: dict[str, dict[str, Any]] = {
            name.replace("_", "."): dict(held) for name, held in domains.items()
        }
        self.signed_in = True
        self.refuses = False
        self.posted: list[str] = []
        self.run_as: list[tuple[str, ...]] = []

    def run(self, arguments: Sequence[str]) -> Ran:
        program, *rest = arguments
        if program == LAUNCHCTL and rest[0] == "print":
            return Ran(0 if self.signed_in else 113, b"Bad request.\n")
        if program == LAUNCHCTL:
            cut = list(arguments).index("--")
            self.run_as.append(tuple(arguments[:cut]))
            return self.run(arguments[cut + 1 :])
        if program == NOTIFYUTIL:
            self.posted.append(rest[1])
            return Ran(0)
        assert program == DEFAULTS
        return getattr(self, f"_{rest[0]}")(*rest[1:])

    def _export(self, domain: str, where: str) -> Ran:
        assert where == "-"
        if domain not in self.domains:
            said = f"2026-11-30 09:00:00.000 defaults[7:7] \nDomain {domain} does not exist\n"
            return Ran(1, said.encode())
        return Ran(0, plistlib.dumps(self.domains[domain]))

    def _write(self, domain: str, key: str, kind: str, value: str) -> Ran:
        if self.refuses:
            return Ran(1, f"Could not write domain {domain}; exiting\n".encode())
        typed: Any = {"-int": int, "-bool": lambda text: text == "true", "-string": str}[kind]
        self.domains.setdefault(domain, {})[key] = typed(value)
        return Ran(0)

    def _delete(self, domain: str, key: str) -> Ran:
        if self.refuses or key not in self.domains.get(domain, {}):
            return Ran(
                1, f"Domain ({domain}) not found.\nDefaults have not been changed.\n".encode()
            )
        del self.domains[domain][key]
        return Ran(0)


class Gone:
    """Programs that are not there, as on any other system."""

    def run(self, arguments: Sequence[str]) -> Ran:
        raise PlaceError("unreadable")


def fold(text: str) -> str:
    return text.lower()


class Windows:
    """Hives: values by hive, key and name, without case; keys are there once something is below."""

    def __init__(self, home: Path) -> None:
        self.keys: dict[tuple[str, str], dict[str, tuple[str, object, int]]] = {}
        self.refuses = False
        self.system = {"%SystemDrive%": "C:"}
        self.profile(SID, str(home))
        self.profile(OTHER, r"%SystemDrive%\Users\other")
        self.key(USERS, SID)

    def profile(self, sid: str, folder: str) -> None:
        self.hold(MACHINE, rf"{PROFILES}\{sid}", PROFILE, folder, EXPAND_SZ)

    def key(self, hive: str, key: str) -> dict[str, tuple[str, object, int]]:
        parts = key.split("\\")
        for depth in range(1, len(parts)):
            self.keys.setdefault((hive, fold("\\".join(parts[:depth]))), {})
        return self.keys.setdefault((hive, fold(key)), {})

    def hold(self, hive: str, key: str, name: str, value: object, kind: int = DWORD) -> None:
        self.key(hive, key)[fold(name)] = (name, value, kind)

    def mine(self, key: str, **values: object) -> None:
        """Values of the user whose home it is; whole numbers are REG_DWORD, texts REG_SZ."""
        self.key(USERS, rf"{SID}\{key}")
        for name, value in values.items():
            kind = DWORD if isinstance(value, int) else SZ
            self.hold(USERS, rf"{SID}\{key}", name, value, kind)

    def sign_out(self) -> None:
        self.keys = {at: held for at, held in self.keys.items() if not at[1].startswith(fold(SID))}

    def names(self, hive: str, key: str) -> tuple[list[str], list[str]]:
        held = self._at(hive, key)
        above = fold(key) + "\\"
        below = {at[len(above) :] for h, at in self.keys if h == hive and at.startswith(above)}
        keys = sorted({at.split("\\")[0] for at in below})
        spelled = {fold(sid): sid for sid in (SID, OTHER)}
        return [spelled.get(one, one) for one in keys], [name for name, _, _ in held.values()]

    def get(self, hive: str, key: str, name: str) -> tuple[object, int]:
        held = self._at(hive, key)
        if fold(name) not in held:
            raise FileNotFoundError(2, "The system cannot find the file specified")
        return held[fold(name)][1:]

    def put(self, hive: str, key: str, name: str, value: int | str) -> None:
        self._may()
        self.hold(hive, key, name, value, DWORD if isinstance(value, int) else SZ)

    def remove(self, hive: str, key: str, name: str) -> None:
        self._may()
        if fold(name) not in self._at(hive, key):
            raise FileNotFoundError(2, "The system cannot find the file specified")
        del self.keys[hive, fold(key)][fold(name)]

    def expand(self, text: str) -> str:
        for name, value in self.system.items():
            text = text.replace(name, value)
        return text

    def _at(self, hive: str, key: str) -> dict[str, tuple[str, object, int]]:
        if (hive, fold(key)) not in self.keys:
            raise FileNotFoundError(2, "The system cannot find the file specified")
        return self.keys[hive, fold(key)]

    def _may(self) -> None:
        if self.refuses:
            raise PermissionError(13, "Access is denied")


class Handle:
    """An open key, as far as it was asked for."""

    def __init__(self, hive: str, key: str, access: int) -> None:
        self.hive, self.key, self.access = hive, key, access

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.access = 0


class Winreg:
    """The module `winreg` over such hives, with what its documentation says of each call."""

    HKEY_LOCAL_MACHINE, HKEY_USERS = MACHINE, USERS
    KEY_READ, KEY_WRITE, KEY_WOW64_64KEY = 0x20019, 0x20006, 0x100
    QUERY, SET = 0x1, 0x2

    def __init__(self, windows: Windows) -> None:
        self.windows = windows
        self.flushed = 0

    def OpenKey(self, key: str, sub_key: str, reserved: int = 0, access: int = 0x20019) -> Handle:  # noqa: N802
        assert reserved == 0
        assert access & self.KEY_WOW64_64KEY
        self.windows.names(key, sub_key)
        return Handle(key, sub_key, access)

    def CreateKeyEx(self, key: str, sub_key: str, reserved: int, access: int) -> Handle:  # noqa: N802
        self._may(access, self.SET)
        self.windows._may()
        self.windows.key(key, sub_key)
        return self.OpenKey(key, sub_key, reserved, access)

    def QueryValueEx(self, key: Handle, value_name: str) -> tuple[object, int]:  # noqa: N802
        self._may(key.access, self.QUERY)
        return self.windows.get(key.hive, key.key, value_name)

    def SetValueEx(  # noqa: N802
        self, key: Handle, value_name: str, reserved: int, kind: int, value: Any
    ) -> None:
        self._may(key.access, self.SET)
        assert reserved == 0
        assert isinstance(value, {SZ: str, DWORD: int}[kind])
        self.windows.put(key.hive, key.key, value_name, value)

    def DeleteValue(self, key: Handle, value: str) -> None:  # noqa: N802
        self._may(key.access, self.SET)
        self.windows.remove(key.hive, key.key, value)

    def FlushKey(self, key: Handle) -> None:  # noqa: N802
        self._may(key.access, self.QUERY)
        self.flushed += 1

    def EnumKey(self, key: Handle, index: int) -> str:  # noqa: N802
        self._may(key.access, self.QUERY)
        return self._at(self.windows.names(key.hive, key.key)[0], index)

    def EnumValue(self, key: Handle, index: int) -> tuple[str, object, int]:  # noqa: N802
        self._may(key.access, self.QUERY)
        name = self._at(self.windows.names(key.hive, key.key)[1], index)
        return (name, *self.windows.get(key.hive, key.key, name))

    def ExpandEnvironmentStrings(self, text: str) -> str:  # noqa: N802
        return self.windows.expand(text)

    @staticmethod
    def _at(names: list[str], index: int) -> str:
        if index >= len(names):
            error = OSError(22, "No more data is available")
            error.winerror = 259  # type: ignore[attr-defined]  # ERROR_NO_MORE_ITEMS, on Windows
            raise error
        return names[index]

    @staticmethod
    def _may(access: int, needs: int) -> None:
        if not access & needs:
            raise PermissionError(13, "Access is denied")


def me() -> int:
    """Who owns what tests make."""
    return os.geteuid()
