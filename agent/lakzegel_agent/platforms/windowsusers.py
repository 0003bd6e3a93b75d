# SPDX-License-Identifier: EUPL-1.2
"""Users of Windows as numbers: the first 48 bits of the SHA-256 of a security identifier.

So that what compares owners does so on every system. Python's own number of every owner there is 0,
which none of these is. What the administrators own is the system's: a service makes such files, and
whoever is one of them can act as the system.
"""

from __future__ import annotations

import hashlib
from typing import Final

SYSTEM: Final = "S-1-5-18"
_ONE_OF_ITS: Final = frozenset({"SY", "BA", "S-1-5-32-544"})
_BYTES: Final = 6


def number_of(identifier: str) -> int:
    """The number of a user by his identifier, or by its abbreviation in SDDL."""
    meant = SYSTEM if identifier in _ONE_OF_ITS else identifier
    return int.from_bytes(hashlib.sha256(meant.encode("ascii")).digest()[:_BYTES], "big")
