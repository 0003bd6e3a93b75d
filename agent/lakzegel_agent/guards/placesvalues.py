# SPDX-License-Identifier: EUPL-1.2
"""Values that have a type, as the bytes of a place: JSON, one whole number, truth value or text.

    30        a whole number: REG_DWORD; an integer of macOS' preferences
    true      a truth value of macOS' preferences; Windows' registry has none
    "Forever" a text: REG_SZ; a string of macOS' preferences

Everything else that such a place may hold is not understood. docs/spec/guards.md §5
"""

from __future__ import annotations

import json
from typing import Final

from lakzegel_agent.guards.base import NOT_UNDERSTOOD, TOO_LARGE, PlaceError

MAX_VALUE: Final = 64 * 1024  # bytes
Value = bool | int | str


def encode(value: object) -> bytes:
    """Return the bytes that stand for a value.

    Raises:
        PlaceError: it is of another type, or too large.
    """
    if not isinstance(value, Value):
        raise PlaceError(NOT_UNDERSTOOD)
    try:
        data = json.dumps(value, ensure_ascii=False).encode()
    except ValueError:  # half a surrogate pair, or more digits than Python writes
        raise PlaceError(NOT_UNDERSTOOD) from None
    if len(data) > MAX_VALUE:
        raise PlaceError(TOO_LARGE)
    return data


def decode(data: bytes) -> Value:
    """Return the value that bytes stand for.

    Raises:
        PlaceError: they stand for none.
    """
    try:
        value = json.loads(data) if len(data) <= MAX_VALUE else None
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, Value) or encode(value) != data:
        raise PlaceError(NOT_UNDERSTOOD)
    return value
