# SPDX-License-Identifier: EUPL-1.2
"""Property lists of macOS, binary and XML, as what they are: untrusted bytes."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, Final

from lakzegel_agent.guards.base import NOT_UNDERSTOOD, PlaceError
from lakzegel_agent.guards.places import read_settings

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
    import plistlib  # noqa: PLC0415 - only macOS has them
    from xml.parsers.expat import ExpatError  # noqa: PLC0415 - only macOS has them

    try:
        found = plistlib.loads(data)
    except (*_FAULTS, ExpatError):
        raise PlaceError(NOT_UNDERSTOOD) from None
    if not isinstance(found, dict):
        raise PlaceError(NOT_UNDERSTOOD)
    return found


def read_plist_file(path: Path) -> dict[str, Any]:
    """Return the keys and values of a file, none where there is no such file.

    Raises:
        PlaceError: it cannot be read, or is not understood.
    """
    data = read_settings(path)
    return {} if data is None else read_plist(data)
