# SPDX-License-Identifier: EUPL-1.2
"""What pages are dressed in: files of the package, under a name that changes when they do."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from lakzegel_server.desk import Desk
from lakzegel_server.errors import MissingError

KINDS: Final = {".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
_FOR_EVER: Final = {"Cache-Control": "public, max-age=31536000, immutable"}
_DIGITS: Final = 16


@dataclass(frozen=True, slots=True)
class Assets:
    """The files by name, and the one name of all of them together."""

    version: str
    files: dict[str, bytes]


@cache
def assets() -> Assets:
    """What the package holds."""
    folder = files("lakzegel_server.pages") / "static"
    found = {one.name: one.read_bytes() for one in folder.iterdir() if _kind(one.name)}
    hashed = hashlib.sha256()
    for name in sorted(found):
        hashed.update(name.encode() + hashlib.sha256(found[name]).digest())
    return Assets(hashed.hexdigest()[:_DIGITS], found)


def address(name: str) -> str:
    """Where a file is served."""
    return f"/static/{assets().version}/{name}"


async def static(_desk: Desk, request: Request) -> Response:
    """A file, to be kept for ever.

    Raises:
        MissingError: there is none, or it is another by now.
    """
    version, _, name = str(request.path_params["name"]).partition("/")
    data = assets().files.get(name)
    if data is None or version != assets().version:
        raise MissingError("no such file")
    return Response(data, media_type=_kind(name), headers=_FOR_EVER)


def _kind(name: str) -> str | None:
    return next((kind for end, kind in KINDS.items() if name.endswith(end)), None)
