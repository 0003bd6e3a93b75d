# SPDX-License-Identifier: EUPL-1.2
"""Heartbeats: what devices say of themselves; a signature by the header key is the credential."""

from __future__ import annotations

from contextlib import suppress

from starlette.requests import Request
from starlette.responses import Response

from lakzegel_core.errors import EpochError, NotAdmittedError
from lakzegel_core.limits import MAX_HEARTBEAT
from lakzegel_server.desk import Desk
from lakzegel_server.errors import BusyError
from lakzegel_server.web.requests import read_body


async def post_heartbeat(desk: Desk, request: Request) -> Response:
    """Nothing, once the heartbeat is kept."""
    data = await read_body(request, MAX_HEARTBEAT)
    if desk.fleet.freshness.is_owed():
        await desk.workers.run(_refresh, desk)
    try:
        await _take(desk, data)
    except (NotAdmittedError, EpochError):
        desk.log.standing.require_sealing()  # else a newer log may know the device, or its epoch
        raise
    return Response(status_code=204)


async def _take(desk: Desk, data: bytes) -> None:
    try:
        await desk.hearing.take(data)
    except (NotAdmittedError, EpochError):
        await desk.workers.run(_refresh, desk)  # another receiver may have enrolled it just now
        await desk.hearing.take(data)


def _refresh(desk: Desk) -> None:
    with suppress(BusyError):  # what cannot be shown at present tells of the device all the same
        desk.log.refresh()
