# SPDX-License-Identifier: EUPL-1.2
"""Property lists that lie beside a backup, read as what they are: untrusted bytes."""

import plistlib
import struct
from collections.abc import Mapping
from typing import Final
from xml.parsers.expat import ExpatError

from lakzegel_agent.stores.phone import read_small

_FAULTS: Final = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RecursionError,
    MemoryError,
    ExpatError,
    struct.error,
)


def read_plist(path: bytes, most: int) -> Mapping[str, object]:
    """Return the keys and values of a property list; none where it is not one within ``most``."""
    data = read_small(path, most)
    return {} if data is None else parse_plist(data)


def parse_plist(data: bytes) -> Mapping[str, object]:
    """Return the keys and values of a property list; none where it is no table of them."""
    try:
        found = plistlib.loads(data)
    except _FAULTS:
        return {}
    return found if isinstance(found, dict) else {}
