# SPDX-License-Identifier: EUPL-1.2
"""Annexes that were sealed here, kept until the receiver has them."""

import hashlib
from pathlib import Path

from lakzegel_core import limits
from lakzegel_office import durable
from lakzegel_office.home import Home
from lakzegel_office.mirror import read_limited


def keep_annex(home: Home, data: bytes) -> Path:
    """Keep a sealed annex below `notes/annexes/` under its SHA-256 and return where."""
    path = home.notes / "annexes" / hashlib.sha256(data).hexdigest()
    durable.write_file(path, data)
    return path


def own_annex(home: Home, digest: str) -> bytes | None:
    """Return an annex that was sealed here, or None; what is not that annex is none."""
    try:
        data = read_limited(home.notes / "annexes" / digest, limits.MAX_ANNEX)
    except FileNotFoundError:
        return None
    return data if hashlib.sha256(data).hexdigest() == digest else None
