# SPDX-License-Identifier: EUPL-1.2
r"""What MDM says, where each system keeps it (docs/spec/settings.md §3).

| system | place |
| --- | --- |
| Linux | ``/etc/lakzegel/agent.toml`` |
| macOS | ``/Library/Managed Preferences/nl.lakzegel.agent.plist`` |
| Windows | ``HKLM\Software\Policies\Lakzegel\Agent`` |

macOS and Windows: from the documentation of those systems; not run on a real device.
"""

from __future__ import annotations

import os
import plistlib
import stat
import sys
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol
from xml.parsers.expat import ExpatError

from lakzegel_agent.errors import UsageError
from lakzegel_agent.managedregistry import KEY, Registry, WindowsRegistry, read_key
from lakzegel_agent.platforms import system
from lakzegel_agent.settingslayers import Layer

MAX_CONFIG: Final = 65_536  # bytes
LINUX: Final = Path("/etc/lakzegel/agent.toml")
MACOS: Final = Path("/Library/Managed Preferences/nl.lakzegel.agent.plist")
ROOT: Final = 0
_FAULTS: Final = (plistlib.InvalidFileException, ExpatError, ValueError, LookupError, TypeError)


class Managed(Protocol):
    """Where MDM's settings stand on this system."""

    def read(self) -> Layer | None:
        """What MDM says; None when it says nothing.

        Raises:
            UsageError: it stands where others could have written it, or cannot be read.
        """
        ...


class ManagedFile:
    """A file that only root can have written."""

    def __init__(
        self, path: Path, parse: Callable[[bytes], dict[str, Any]], *, owner: int = ROOT
    ) -> None:
        self.path = path
        self._parse = parse
        self._owner = owner

    def read(self) -> Layer | None:
        """What the file says."""
        data = owned_bytes(self.path, owner=self._owner)
        if data is None:
            return None
        try:
            return Layer("mdm", str(self.path), self._parse(data))
        except (*_FAULTS, RecursionError) as error:
            raise UsageError(f"{self.path}: cannot be read: {_one_line(error)}") from None


class ManagedRegistry:
    """The registry's key for policies."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def read(self) -> Layer | None:
        """What the key says."""
        values = read_key(self._registry, KEY)
        return None if values is None else Layer("mdm", f"HKLM\\{KEY}", _filled(values))


def managed() -> Managed:
    """The place of this system."""
    if sys.platform == "win32":
        return ManagedRegistry(WindowsRegistry())
    if sys.platform == "darwin":
        return ManagedFile(MACOS, plist_values)
    return ManagedFile(LINUX, toml_values)


def toml_values(data: bytes) -> dict[str, Any]:
    """The values of a TOML file.

    Raises:
        ValueError: it is none.
    """
    return tomllib.loads(data.decode("utf-8"))


def plist_values(data: bytes) -> dict[str, Any]:
    """The values of a property list, without MDM's own (``Payload…``).

    Raises:
        ValueError: it is none, or not a dictionary.
    """
    found = plistlib.loads(data)
    if not isinstance(found, Mapping):
        raise ValueError("not a dictionary")  # noqa: TRY004 - a file of the wrong content
    return _filled({n: value for n, value in found.items() if not n.startswith("Payload")})


def _filled(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values without what a form left empty: texts, and lines of a list; not a whole list.

    A list of nothing stays, so that whoever takes all keys out of it trusts nobody, and not whom a
    lower source names.
    """
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found[name] = _filled(value)
        elif isinstance(value, list):
            found[name] = [one for one in value if one != ""]
        elif value != "":
            found[name] = value
    return found


def owned_bytes(path: Path, *, owner: int) -> bytes | None:
    """What a file holds that only its owner could have written; None when it is not there.

    Raises:
        UsageError: it is no plain file, another owns it or its folder, or others may write there.
    """
    try:
        descriptor = system.open_to_read(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"{path}: cannot read it: {error.strerror}") from None
    try:
        _require_owner(path, os.fstat(descriptor), owner)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(MAX_CONFIG + 1)
    finally:
        os.close(descriptor)
    if len(data) > MAX_CONFIG:
        raise UsageError(f"{path}: more than {MAX_CONFIG} bytes")
    return data


def _require_owner(path: Path, found: os.stat_result, owner: int) -> None:
    """Return when only this owner could have written what was opened at this path."""
    if not stat.S_ISREG(found.st_mode):
        raise UsageError(f"{path}: not a plain file")
    for what, state in ((path, found), (path.parent, path.parent.lstat())):
        if state.st_uid != owner or state.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise UsageError(
                f"{what}: others than root may have written it, so it is not what MDM says;"
                f" run: chown root {what} && chmod go-w {what}"
            )


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
