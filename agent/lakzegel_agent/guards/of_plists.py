# SPDX-License-Identifier: EUPL-1.2
"""Property lists of macOS, binary and XML, as what they are: untrusted bytes."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, Final

from lakzegel_agent.guards.base import NOT_UNDERSTOOD, PlaceError, Surroundings
from lakzegel_agent.guards.places import read_settings
from lakzegel_agent.platforms import system

MANAGED: Final = Path("Library/Managed Preferences")
VERSION: Final = Path("System/Library/CoreServices/SystemVersion.plist")
MAX_VERSION: Final = 32  # characters
_FAULTS: Final = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RecursionError,
    MemoryError,
    struct.error,
)


def read_plist(data: bytes) -> dict[str, Any]:
    """Return the keys and values of a property list.

    Raises:
        PlaceError: it is none, half a one, or no table of keys and values.
    """
    found = read_any_plist(data)
    if not isinstance(found, dict):
        raise PlaceError(NOT_UNDERSTOOD)
    return found


def read_any_plist(data: bytes) -> object:
    """Return what a property list holds, whatever it is.

    Raises:
        PlaceError: it is none, or half a one.
    """
    import plistlib  # noqa: PLC0415 - only macOS has them
    from xml.parsers.expat import ExpatError  # noqa: PLC0415 - only macOS has them

    try:
        found: object = plistlib.loads(data)
    except (*_FAULTS, ExpatError):
        raise PlaceError(NOT_UNDERSTOOD) from None
    return found


def read_plist_file(path: Path) -> dict[str, Any]:
    """Return the keys and values of a file, none where there is no such file.

    Raises:
        PlaceError: it cannot be read, or is not understood.
    """
    data = read_settings(path)
    return {} if data is None else read_plist(data)


def managed_preferences(surroundings: Surroundings, domain: str) -> dict[str, Any]:
    """Return what MDM says of a domain: for this user, and behind it for the device.

    Raises:
        PlaceError: it cannot be read.
    """
    folder = surroundings.system / MANAGED
    name = f"{domain}.plist"
    device = read_plist_file(folder / name)
    return {**device, **read_plist_file(folder / _owner(surroundings.home) / name)}


def macos_version(system: Path) -> str | None:
    """Return which macOS it is, None where that is not told."""
    try:
        version = read_plist_file(system / VERSION).get("ProductVersion")
    except PlaceError:
        return None
    return version[:MAX_VERSION] if isinstance(version, str) else None


def _owner(home: Path) -> str:
    """Return the name of the user whose home it is, as the system has it."""
    try:
        return system.name_of(home.stat().st_uid) or home.name
    except OSError:
        return home.name
