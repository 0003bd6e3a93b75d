# SPDX-License-Identifier: EUPL-1.2
"""What pages are dressed in: the house's files and a room's, by a name that changes as they do."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

HOUSE: Final = "lakzegel_web"
KINDS: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_DIGITS: Final = 16


@dataclass(frozen=True, slots=True)
class Assets:
    """The files by name, and the one name of all of them together."""

    version: str
    files: dict[str, bytes]

    def address(self, name: str) -> str:
        """Return where a file is served."""
        return f"/static/{self.version}/{name}"

    def find(self, asked: str) -> tuple[bytes, str] | None:
        """Return a file and its media type; None where there is none, or it is another by now."""
        version, _, name = asked.partition("/")
        data = self.files.get(name)
        return None if data is None or version != self.version else (data, _kind(name))


@cache
def assets_of(package: str) -> Assets:
    """Return what the house and a room's package hold in `static`."""
    folders = [files(one) / "static" for one in (HOUSE, package)]
    found = {one.name: one.read_bytes() for folder in folders for one in folder.iterdir()}
    found = {name: data for name, data in found.items() if _kind(name)}
    hashed = hashlib.sha256()
    for name in sorted(found):
        hashed.update(name.encode() + hashlib.sha256(found[name]).digest())
    return Assets(hashed.hexdigest()[:_DIGITS], found)


def _kind(name: str) -> str:
    return next((kind for end, kind in KINDS.items() if name.endswith(end)), "")
