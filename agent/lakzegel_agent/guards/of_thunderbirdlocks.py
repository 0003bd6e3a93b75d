# SPDX-License-Identifier: EUPL-1.2
"""The lines by which this agent locks Thunderbird's preferences, in a file of defaults.

    // Lakzegel locks: begin
    pref("mail.server.server1.retainBy", 1, sticky, locked);
    // Lakzegel locks: end

``sticky``: without it Thunderbird forgets what a profile says as soon as it equals the default.
docs/spec/settings-guarded.md, thunderbird-retention §4
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from lakzegel_agent.guards.base import NOT_UNDERSTOOD, PlaceError
from lakzegel_agent.guards.of_thunderbird import Value, said

BEGIN: Final = b"// Lakzegel locks: begin\n"
END: Final = b"// Lakzegel locks: end\n"


def merged(held: bytes | None, locks: Mapping[str, Value]) -> bytes | None:
    """Return a file with exactly these locks, and all else as it was; None where nothing is left.

    Raises:
        PlaceError: half of our lines are there.
    """
    before, _, after = _parted(held or b"")
    if not locks:
        return before + after or None
    if before and not before.endswith(b"\n"):
        before += b"\n"
    lines = [_line(name, value).encode() for name, value in sorted(locks.items())]
    return b"".join([before, BEGIN, *lines, END, after])


def locks_in(held: bytes) -> dict[str, Value]:
    """Return the locks that a file has of ours.

    Raises:
        PlaceError: they are not understood.
    """
    _, ours, _ = _parted(held)
    return {one.name: one.value for one in said(ours, {"pref"}) if one.value is not None}


def _parted(held: bytes) -> tuple[bytes, bytes, bytes]:
    """Return what is before our lines, our lines, and what is behind them."""
    before, begin, rest = held.partition(BEGIN)
    ours, end, after = rest.partition(END)
    if bool(begin) != bool(end) or BEGIN in rest or END in before + after:
        raise PlaceError(NOT_UNDERSTOOD)
    return before, ours, after


def _line(name: str, value: Value) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f'pref("{name}", {text}, sticky, locked);\n'
