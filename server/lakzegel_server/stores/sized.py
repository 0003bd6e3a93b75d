# SPDX-License-Identifier: EUPL-1.2
"""The size that a checkpoint states, for stores that must never keep a smaller one."""

from __future__ import annotations

from lakzegel_core.encoding import parse_decimal
from lakzegel_core.errors import LakzegelError


def size_of(checkpoint: bytes) -> int:
    """The number on its second line, unverified; 0 where there is none, as in what is torn."""
    lines = checkpoint.split(b"\n", 2)
    try:
        return parse_decimal(lines[1].decode(), what="size")
    except (IndexError, UnicodeDecodeError, LakzegelError):
        return 0
