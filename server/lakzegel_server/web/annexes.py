# SPDX-License-Identifier: EUPL-1.2
"""Annexes: age files that entries name by their digest; nobody here can read them."""

from __future__ import annotations

import hashlib

from starlette.requests import Request
from starlette.responses import Response

from lakzegel_core.errors import DigestMismatchError
from lakzegel_core.limits import MAX_ANNEX
from lakzegel_server.desk import Desk
from lakzegel_server.errors import MissingError
from lakzegel_server.stores import names
from lakzegel_server.web.requests import BINARY, id_to_find, id_to_store, read_body


async def put_annex(desk: Desk, request: Request) -> Response:
    """Nothing, once the annex is durable."""
    name = id_to_store(request)
    data = await read_body(request, MAX_ANNEX)
    await desk.workers.run(_store, desk, name, data)
    return Response(status_code=204)


async def get_annex(desk: Desk, request: Request) -> Response:
    """An annex."""
    place = names.annex(id_to_find(request))
    try:
        data = await desk.workers.run(desk.layout.stores.objects.read, place, MAX_ANNEX)
    except FileNotFoundError:
        raise MissingError("no annex has this name") from None
    return Response(data, media_type=BINARY)


def _store(desk: Desk, name: str, data: bytes) -> None:
    if hashlib.sha256(data).hexdigest() != name:
        raise DigestMismatchError("annex: its SHA-256 is not its name")
    with desk.log.turn():
        desk.layout.stores.objects.supersede(names.annex(name), data)
        desk.register.keep_annex(name)
