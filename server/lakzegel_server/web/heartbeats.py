# SPDX-License-Identifier: EUPL-1.2
"""Heartbeats: what devices say of themselves; a signature by the header key is the credential."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from contextlib import suppress

from starlette.requests import Request
from starlette.responses import Response

from lakzegel_core.custody import Custody
from lakzegel_core.custody_state import DeviceState
from lakzegel_core.errors import EpochError, FormatError, NotAdmittedError, RevokedError
from lakzegel_core.heartbeat import Heartbeat, open_heartbeat_of
from lakzegel_core.keys import VerifierKey
from lakzegel_core.limits import MAX_HEARTBEAT
from lakzegel_server.desk import Desk
from lakzegel_server.errors import BusyError
from lakzegel_server.web.requests import read_body


async def post_heartbeat(desk: Desk, request: Request) -> Response:
    """Nothing, once the heartbeat is kept."""
    data = await read_body(request, MAX_HEARTBEAT)
    try:
        kept = await desk.workers.run(take, desk, data)
    except (NotAdmittedError, EpochError):
        desk.log.standing.require_sealing()  # else a newer log may know the device, or its epoch
        raise
    await asyncio.wrap_future(kept)
    return Response(status_code=204)


def take(desk: Desk, data: bytes) -> Future[None]:
    """docs/spec/heartbeat.md §4: of this log and an enrolled device, by its key, not revoked.

    By what is committed, whether it is shown or not: the answer says nothing of the log. Whether it
    is new is found when it is written, together with others.

    Raises:
        FormatError, NotAdmittedError, EpochError, SignatureError, RevokedError, BusyError.
    """
    if desk.fleet.freshness.is_owed():
        _refresh(desk)
    try:
        return _verified(desk, data)
    except (NotAdmittedError, EpochError):
        _refresh(desk)  # another receiver may have enrolled it a moment ago
        return _verified(desk, data)


def _verified(desk: Desk, data: bytes) -> Future[None]:
    revoked = False

    def key_of(claimed: Heartbeat) -> VerifierKey:
        nonlocal revoked
        with desk.log.looking() as custody:
            device = _device(custody, claimed)
            revoked = device.revoked
            return device.header_key

    heartbeat = open_heartbeat_of(data, key_of)
    desk.limits.heartbeat(heartbeat.device)
    if revoked:
        raise RevokedError(f"device {heartbeat.device}: was revoked")
    return desk.fleet.put(heartbeat, data)


def _refresh(desk: Desk) -> None:
    with suppress(BusyError):  # what cannot be shown at present tells of the device all the same
        desk.log.refresh()


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
