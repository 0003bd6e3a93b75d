# SPDX-License-Identifier: EUPL-1.2
"""Tokens over checkpoints, handed to whoever mirrors or audits (docs/spec/timestamps.md §5)."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from lakzegel_core.encoding import parse_decimal
from lakzegel_core.errors import FormatError
from lakzegel_core.timenames import Name, place_of
from lakzegel_core.timerenewal import MAX_LIST
from lakzegel_server.desk import Desk
from lakzegel_server.errors import LostError, MissingError
from lakzegel_server.stores import names
from lakzegel_server.timestamping.kept import Row
from lakzegel_server.web.requests import BINARY

PAGE: Final = 1000  # tokens an answer


async def list_timestamps(desk: Desk, request: Request) -> Response:
    """Which tokens there are, in the order of what they speak of."""
    after, since = _after(request), _since(request)
    rows = await desk.workers.run(desk.timestamps.kept.rows)
    found = [row for row in rows if row.at >= since and (after is None or row.named > after)]
    body = {"timestamps": [_entry(row) for row in found[:PAGE]], "more": len(found) > PAGE}
    return JSONResponse(body, headers={"Cache-Control": "no-store"})


async def get_timestamp(desk: Desk, request: Request) -> Response:
    """A token, what it is over, or a root."""
    name = str(request.path_params["name"])
    place = place_of(name)
    if place is None or not await desk.workers.run(desk.timestamps.kept.has, name):
        raise MissingError("no timestamp has this name")
    try:
        read = desk.layout.stores.objects.read
        data = await desk.workers.run(read, names.timestamp(place), MAX_LIST)
    except FileNotFoundError:
        raise LostError(f"timestamps/{place}: lost here; run 'check'") from None
    return Response(data, media_type=BINARY)


def _after(request: Request) -> Name | None:
    text = request.query_params.get("after")
    try:
        return None if text is None else Name.parse(text)
    except ValueError:
        raise FormatError("after", "not the name of a timestamp") from None


def _since(request: Request) -> int:
    text = request.query_params.get("since")
    return 0 if text is None else parse_decimal(text, what="since")


def _entry(row: Row) -> dict[str, str | int | None]:
    name = row.named
    return {
        "name": row.name,
        "size": None if name.renewal else name.number,
        "authority": name.authority,
        "time": row.at,
        "expires": row.expires,
        "root": row.root,
    }
