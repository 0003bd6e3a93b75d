# SPDX-License-Identifier: EUPL-1.2
"""Where Apple's systems keep a store, its media and its time.

A store lies in its own folder, or in a backup that iTunes or Finder made, where every file is named
by the SHA-1 of its domain and path: ``3d/3d0d7e5f…``. docs/spec/conversations-imessage.md §2
"""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha1
from typing import Final

from lakzegel_agent.stores.base import Value

_START: Final = datetime(2001, 1, 1, tzinfo=UTC)
MAX_PATH: Final = 4_095  # bytes
_NANO: Final = 10**9
NANOSECONDS: Final = 10**12  # a time from here on counts nanoseconds; as seconds it is beyond 33000


@dataclass(frozen=True, slots=True)
class Places:
    """Where the files lie that belong to the store at ``path``."""

    path: bytes  # of the store, below the source's root
    domain: str  # of its media, in a backup
    folder: str  # of the store's folder, in a backup
    inside: bytes = b""  # the folder beside the store that its media's names begin in

    def find(self, name: str) -> bytes | None:
        """Return where a file lies, below the root; None for a name that leads elsewhere.

        ``name`` is relative to the folder of the store.
        """
        parts = name.encode(errors="surrogateescape").lstrip(b"/").split(b"/")
        if any(part in {b"", b".", b".."} or b"\0" in part for part in parts):
            return None
        relative = self.inside + b"/".join(parts)
        above = self.path.rpartition(b"/")[0]
        if is_hashed(self.path):
            above = above.rpartition(b"/")[0]
            named = sha1(self._named(relative), usedforsecurity=False).hexdigest().encode()
            relative = named[:2] + b"/" + named
        found = above + b"/" + relative if above else relative
        return found if len(found) <= MAX_PATH else None

    def _named(self, relative: bytes) -> bytes:
        return f"{self.domain}-{self.folder}".encode() + relative


def is_hashed(path: bytes) -> bool:
    """Return whether a path is one of a backup's: two digits, a name that begins with them."""
    above, _, file = path.rpartition(b"/")
    return len(file) == 40 and above.rpartition(b"/")[2] == file[:2]  # noqa: PLR2004  # SHA-1


def hashed(domain: str, path: str) -> bytes:
    """Return the path of a file in a backup."""
    name = sha1(f"{domain}-{path}".encode(), usedforsecurity=False).hexdigest()
    return f"{name[:2]}/{name}".encode()


def day_since_2001(value: Value) -> str:
    """Return the day, in UTC, of a time in seconds or nanoseconds since 2001; "" for none."""
    if not isinstance(value, int | float) or not value or not math.isfinite(value):
        return ""
    seconds = value // _NANO if abs(value) >= NANOSECONDS else value // 1
    try:
        return (_START + timedelta(seconds=seconds)).date().isoformat()
    except OverflowError:
        return ""
