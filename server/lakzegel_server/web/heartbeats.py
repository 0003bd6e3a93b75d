# SPDX-License-Identifier: EUPL-1.2
"""Heartbeats: what devices say of themselves; a signature by the header key is the credential."""

from __future__ import annotations

from contextlib import suppress

from starlette.requests import Request
from starlette.responses import Response

from lakzegel_core.custody import Custody
from lakzegel_core.custody_state import DeviceState
from lakzegel_core.errors import EpochError, FormatError, NotAdmittedError, RevokedError
from lakzegel_core.heartbeat import Heartbeat, open_heartbeat, peek_heartbeat
from lakzegel_core.limits import MAX_HEARTBEAT
from lakzegel_server.desk import Desk
from lakzegel_server.errors import BusyError
from lakzegel_server.web.requests import read_body


async def post_heartbeat(desk: Desk, request: Request) -> Response:
    """Nothing, once the heartbeat is kept."""
    data = await read_body(request, MAX_HEARTBEAT)
    with suppress(BusyError):  # what cannot be shown at present tells of the device all the same
        await desk.workers.run(desk.log.refresh)
    try:
        await desk.workers.run(_take, desk, data)
    except (NotAdmittedError, EpochError):
        desk.log.standing.require_sealing()  # else a newer log may know the device, or its epoch
        raise
    return Response(status_code=204)


def _take(desk: Desk, data: bytes) -> None:
    """docs/spec/heartbeat.md §4: of this log and an enrolled device, by its key, not revoked, new.

    By what is committed, whether it is shown or not: the answer says nothing of the log.

    Raises:
        FormatError, NotAdmittedError, EpochError, SignatureError, RevokedError, ReplayError.
    """
    peeked = peek_heartbeat(data)
    with desk.log.looking() as custody:
        device = _device(custody, peeked)
        key, revoked = device.header_key, device.revoked
    heartbeat = open_heartbeat(data, key)
    desk.limits.device(heartbeat.device)
    if revoked:
        raise RevokedError(f"device {heartbeat.device}: was revoked")
    desk.fleet.keep(heartbeat, data)


def _device(custody: Custody, peeked: Heartbeat) -> DeviceState:
    """The device that it claims to be of, in the epoch that it is in."""
    if peeked.origin != custody.origin:
        raise FormatError("heartbeat", f"is for log {peeked.origin}, not {custody.origin}")
    device = custody.devices.get(peeked.device)
    if device is None:
        raise NotAdmittedError(f"device {peeked.device}: has no enrolment in the log")
    if peeked.epoch != device.epoch:
        raise EpochError(f"device {peeked.device}: epoch {device.epoch} is the current one")
    return device
