# SPDX-License-Identifier: EUPL-1.2
"""Settings in the registry of Windows, through a seam that a recording can stand behind.

``REG_SZ`` is a text, ``REG_MULTI_SZ`` a list of texts, ``REG_DWORD`` a number; a key below is a
table. Names are compared without case there, so that they are taken in lower case. Not run on a
real device. docs/spec/settings.md §3
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any, Final, Protocol

from lakzegel_agent.errors import UsageError

KEY: Final = r"Software\Policies\Lakzegel\Agent"
MAX_NAMES: Final = 256  # values and keys of one key
MAX_DEPTH: Final = 2
SZ: Final = 1
DWORD: Final = 4
MULTI_SZ: Final = 7
_KINDS: Final = {SZ: str, DWORD: int, MULTI_SZ: list}


class Registry(Protocol):
    """Keys below HKEY_LOCAL_MACHINE, in the 64-bit view."""

    def values(self, key: str) -> list[tuple[str, object, int]] | None:
        """Name, value and type of each value of a key; None when there is no such key."""
        ...

    def keys(self, key: str) -> list[str]:
        """The names of the keys below a key."""
        ...


class WindowsRegistry:
    """The machine's own."""

    def __init__(self) -> None:
        self._winreg: Any = importlib.import_module("winreg")

    def values(self, key: str) -> list[tuple[str, object, int]] | None:
        """Name, value and type of each value."""
        try:
            with self._open(key) as opened:
                return list(self._each(self._winreg.EnumValue, opened))
        except FileNotFoundError:
            return None

    def keys(self, key: str) -> list[str]:
        """The names of the keys below."""
        with self._open(key) as opened:
            return list(self._each(self._winreg.EnumKey, opened))

    def _open(self, key: str) -> Any:  # noqa: ANN401 - a handle of winreg
        access = self._winreg.KEY_READ | self._winreg.KEY_WOW64_64KEY
        return self._winreg.OpenKey(self._winreg.HKEY_LOCAL_MACHINE, key, 0, access)

    def _each(self, ask: Any, opened: Any) -> Iterator[Any]:  # noqa: ANN401 - winreg's own
        for index in range(MAX_NAMES):
            try:
                yield ask(opened, index)
            except OSError:  # no more of them
                return


def read_key(registry: Registry, key: str, depth: int = MAX_DEPTH) -> dict[str, Any] | None:
    """The values of a key and, as tables, of the keys below; None when there is no such key.

    Raises:
        UsageError: a value of a type that no setting has.
    """
    rows = registry.values(key)
    if rows is None:
        return None
    found: dict[str, Any] = {}
    for name, value, kind in rows[:MAX_NAMES]:
        wanted = _KINDS.get(kind)
        if wanted is None or not isinstance(value, wanted):
            raise UsageError(f"HKLM\\{key}: value '{name}': not REG_SZ, REG_MULTI_SZ or REG_DWORD")
        found[name.lower()] = value
    if depth > 1:
        for name in registry.keys(key)[:MAX_NAMES]:
            found[name.lower()] = read_key(registry, f"{key}\\{name}", depth - 1) or {}
    return found
