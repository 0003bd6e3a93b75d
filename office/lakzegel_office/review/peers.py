# SPDX-License-Identifier: EUPL-1.2
"""Whose program is at the other end of a connection on this machine: Linux tells by its tables.

docs/spec/review.md §7. Another user who had the cookie could do nothing with it.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from pathlib import Path
from typing import Final

_TABLES: Final = {4: Path("/proc/net/tcp"), 6: Path("/proc/net/tcp6")}
_FIELDS: Final = 8  # up to the user


def is_own(peer: tuple[str, int], own: tuple[str, int]) -> bool:
    """Whether this user's program sits at `peer` of the connection to `own`.

    Where the system has no such table nobody can tell, and it is not asked.
    """
    version = 6 if ":" in peer[0] else 4
    if not sys.platform.startswith("linux") or not _TABLES[version].exists():
        return True
    wanted = (_hex(*peer), _hex(*own))
    with _TABLES[version].open(encoding="ascii") as table:
        for line in table:
            row = line.split(None, _FIELDS)
            if len(row) >= _FIELDS and (row[1], row[2]) == wanted:
                return int(row[7]) in {os.getuid(), 0}
    return False


def _hex(address: str, port: int) -> str:
    """Return an address as the table writes it: words in the machine's order, in hex."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    packed = socket.inet_pton(family, address)
    words = struct.unpack(f"={len(packed) // 4}I", packed)
    text = "".join(f"{word:08X}" for word in words)
    return f"{text}:{port:04X}"
