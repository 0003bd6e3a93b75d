# SPDX-License-Identifier: EUPL-1.2
"""The tiled log as C2SP tlog-tiles serves it: checkpoint, hash tiles, entry bundles."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from lakzegel_core.encoding import parse_decimal
from lakzegel_core.errors import FormatError, LimitError
from lakzegel_core.tiles import ENTRIES, HEIGHT, WIDTH, TileId, parse_tile_path
from lakzegel_server.desk import Desk
from lakzegel_server.errors import DamageError, MissingError
from lakzegel_server.web.requests import BINARY, TEXT

_FOR_EVER: Final = {"Cache-Control": "public, max-age=31536000, immutable"}
_NEVER: Final = {"Cache-Control": "no-store"}
_WAIT: Final = 30  # seconds, by default
MAX_WAIT: Final = 60  # shorter than the patience of proxies


async def health(desk: Desk, _request: Request) -> Response:
    """That this receiver answers, for which log, and whether it seals."""
    standing = desk.log.standing
    status = "ok" if standing.sealing else "read-only"
    answer = {"status": status, "phase": standing.phase.value, "origin": desk.log.origin}
    return JSONResponse(answer, headers=_NEVER)


async def checkpoint(desk: Desk, _request: Request) -> Response:
    """The newest signed checkpoint."""
    await desk.workers.run(desk.log.refresh)
    return Response(desk.log.shown.data, media_type=TEXT, headers=_NEVER)


async def wait(desk: Desk, request: Request) -> Response:
    """The newest checkpoint as soon as it has more entries than were known; 204 when it has not."""
    size = parse_decimal(request.query_params.get("size", "0"), what="size")
    seconds = parse_decimal(request.query_params.get("seconds", str(_WAIT)), what="seconds")
    if seconds > MAX_WAIT:
        raise LimitError("seconds", f"{seconds}, at most {MAX_WAIT}")
    await request.body()  # after it nothing comes but that the sender goes away
    await desk.workers.run(desk.log.refresh)
    request.state.waiting = True  # a receiver that is told to stop need not wait for this one
    if await desk.waiting.beyond(size, seconds, request.receive):
        return Response(desk.log.shown.data, media_type=TEXT, headers=_NEVER)
    return Response(status_code=204, headers=_NEVER)


async def hash_tile(desk: Desk, request: Request) -> Response:
    """A tile of hashes; anybody may see those."""
    tile = _tile(f"tile/{request.path_params['tile']}")
    if tile.level == ENTRIES:
        raise MissingError("no such tile")
    return await _answer(desk, tile, _FOR_EVER)


async def entry_bundle(desk: Desk, request: Request) -> Response:
    """A bundle of entries."""
    return await _answer(desk, _tile(f"tile/entries/{request.path_params['tile']}"), _NEVER)


def _tile(path: str) -> TileId:
    try:
        return parse_tile_path(path)
    except FormatError:
        raise MissingError("no such tile") from None


async def _answer(desk: Desk, tile: TileId, headers: dict[str, str]) -> Response:
    count = desk.log.shown.checkpoint.size >> (HEIGHT * max(tile.level, 0))
    if tile.index * WIDTH + tile.width > count:
        raise MissingError("no such tile in a log of this size")
    try:
        data = await desk.workers.run(desk.log.store.read, tile.path)
    except (FileNotFoundError, FormatError):
        raise DamageError(f"log/{tile.path}: missing or damaged; run 'check'") from None
    return Response(data, media_type=BINARY, headers=headers)
