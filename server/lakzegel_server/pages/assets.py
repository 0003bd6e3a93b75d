# SPDX-License-Identifier: EUPL-1.2
"""What pages are dressed in, handed out to be kept for ever."""

from __future__ import annotations

from functools import partial
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from lakzegel_server.desk import Desk
from lakzegel_server.errors import MissingError
from lakzegel_web.assets import assets_of

_FOR_EVER: Final = {"Cache-Control": "public, max-age=31536000, immutable"}
assets: Final = partial(assets_of, "lakzegel_server.pages")


def address(name: str) -> str:
    """Where a file is served."""
    return assets().address(name)


async def static(_desk: Desk, request: Request) -> Response:
    """A file, to be kept for ever.

    Raises:
        MissingError: there is none, or it is another by now.
    """
    found = assets().find(str(request.path_params["name"]))
    if found is None:
        raise MissingError("no such file")
    data, kind = found
    return Response(data, media_type=kind, headers=_FOR_EVER)
