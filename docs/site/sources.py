# SPDX-License-Identifier: EUPL-1.2
"""One digest of all that the site is made of: whether a site that lies there is of these pages."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

DOCS: Final = Path(__file__).resolve().parents[1]
MADE_OF: Final = {".md", ".py", ".html", ".css", ".toml", ".svg"}


def stamp() -> str:
    """SHA-256 over the names and bytes of all pages and of what dresses them."""
    whole = hashlib.sha256()
    files = (path for path in DOCS.rglob("*") if path.suffix in MADE_OF and path.is_file())
    for path in sorted(files):
        data = path.read_bytes()
        whole.update(f"{path.relative_to(DOCS).as_posix()}\n{len(data)}\n".encode() + data)
    return whole.hexdigest()
