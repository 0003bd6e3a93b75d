# SPDX-License-Identifier: EUPL-1.2
"""`POST /v1/keyrings/<id>`: a keyring replaced, as two approvers signed (docs/spec/http.md §12)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from lakzegel_core.errors import LakzegelError
from lakzegel_server.desk import Desk
from lakzegel_server.people.records import Action, Event, Thing
from lakzegel_server.rekeying import MAX_BODY, Replacement, replace_keyring
from lakzegel_server.upload import UNKNOWN
from lakzegel_server.web.receipts import receipt
from lakzegel_server.web.requests import TEXT, id_to_store, old_size, read_body
from lakzegel_server.web.telling import who


async def post_keyring(desk: Desk, request: Request) -> Response:
    """The receipt of the entry; the old keyring is deleted by then."""
    name, old = id_to_store(request), old_size(request) or 0
    new = Replacement.of_body(name, await read_body(request, MAX_BODY))
    await desk.workers.run(desk.log.refresh)
    event = Event(who(desk, request), Action.CHANGE, Thing.KEYRING, id=name)
    try:  # in a thread, that a client who goes away does not stop
        index = await desk.workers.run(
            replace_keyring, desk.layout, desk.log, desk.register, desk.sequencer, new
        )
    except LakzegelError as refusal:
        desk.register.refuse(device=UNKNOWN, code=refusal.code, entry_id=name, proven=False)
        await desk.workers.run(desk.trail.note, event.refused(refusal.code))
        raise
    await desk.workers.run(desk.trail.note, event)
    return Response(await desk.workers.run(receipt, desk.log, index, old), media_type=TEXT)
