# SPDX-License-Identifier: EUPL-1.2
"""Entries of the log that are no batches: admissions, enrolments, policies, findings."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from dataclasses import replace
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from lakzegel_core import enrolment, finding
from lakzegel_core.errors import LakzegelError
from lakzegel_core.limits import MAX_NOTE
from lakzegel_server.accounts import AccountRole
from lakzegel_server.desk import Desk
from lakzegel_server.people.records import NOTHING, Action, Event
from lakzegel_server.sealable import note_kind, require_enrolment_seen
from lakzegel_server.upload import UNKNOWN
from lakzegel_server.web.identity import identify, require_role
from lakzegel_server.web.receipts import receipt
from lakzegel_server.web.requests import TEXT, old_size, read_body
from lakzegel_server.web.telling import who

NOTE_ROLES: Final[dict[str, tuple[AccountRole, ...]]] = {
    enrolment.KIND: (),  # the device's and the token's signatures are the credential
    finding.KIND: (AccountRole.RECORDS, AccountRole.ADMIN),
}
_ADMIN: Final = (AccountRole.ADMIN,)
_log: Final = logging.getLogger(__name__)


async def post_note(desk: Desk, request: Request) -> Response:
    """The receipt of an entry that others signed."""
    old = old_size(request) or 0
    data = await read_body(request, MAX_NOTE)
    kind = note_kind(data)
    if roles_of(kind):
        await identify(desk, request)
    index = await publish(desk, request, data, kind)
    return Response(await desk.workers.run(receipt, desk.log, index, old), media_type=TEXT)


async def publish(desk: Desk, request: Request, data: bytes, kind: str) -> int:
    """The index of an entry that others signed and that this account may bring.

    Raises:
        DeniedError: it may not.
        LakzegelError: the log refuses it.
    """
    roles = roles_of(kind)
    account = require_role(request, roles) if roles else None
    await desk.workers.run(desk.log.refresh)
    device, name = UNKNOWN, hashlib.sha256(data).hexdigest()
    event = Event(who(desk, request), Action.PUBLISH, kind, id=name)
    try:
        if kind == enrolment.KIND:
            device = await desk.workers.run(_check_enrolment, desk, data)
        index = await asyncio.wrap_future(desk.sequencer.submit(data))
    except LakzegelError as refusal:
        if kind == enrolment.KIND and device == UNKNOWN:
            device = _claimed(data)
        desk.register.refuse(device=device, code=refusal.code, entry_id=name, proven=False)
        if kind == enrolment.KIND:
            desk.trail.count(replace(event, id=NOTHING).refused(refusal.code))
        if account:
            _log.info("note %s refused: %s", name, refusal.code)
            await desk.workers.run(desk.trail.note, event.refused(refusal.code))
        raise
    if account:
        await desk.workers.run(desk.trail.note, event)
    return index


def roles_of(kind: str) -> tuple[AccountRole, ...]:
    """Who may bring a note of this kind; nobody in particular where its signatures are enough."""
    return NOTE_ROLES.get(kind, _ADMIN)


def _claimed(data: bytes) -> str:
    """The device that an enrolment says it is of."""
    try:
        return enrolment.peek_enrolment(data).device
    except LakzegelError:
        return UNKNOWN


def _check_enrolment(desk: Desk, data: bytes) -> str:
    """The device that enrols; what it saw must have been this log, unless it is sealed already."""
    if desk.register.index_of(hashlib.sha256(data).digest()) is not None:
        return UNKNOWN
    return require_enrolment_seen(desk.log, data)
