# SPDX-License-Identifier: EUPL-1.2
"""A device asks what the log says of it; it proves who it is by a signed query."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from lakzegel_core import enrolment, note
from lakzegel_core.custody import Custody
from lakzegel_core.custody_state import AdmissionState, DeviceState
from lakzegel_core.encoding import b64
from lakzegel_core.errors import EpochError, FormatError, NotAdmittedError
from lakzegel_core.limits import MAX_ANNEX, MAX_HEADER
from lakzegel_core.query import Query, open_query, peek_query
from lakzegel_server.desk import Desk
from lakzegel_server.housekeeping import read_held
from lakzegel_server.people.records import Action, Event
from lakzegel_server.showing import Shown
from lakzegel_server.stores import names
from lakzegel_server.web.receipts import consistency
from lakzegel_server.web.requests import old_size, read_body
from lakzegel_server.web.telling import who


@dataclass(frozen=True, slots=True)
class _Asker:
    """Who asks: a device, or one that holds an admission's token."""

    query: Query
    device: DeviceState | None
    admission: AdmissionState | None


async def post_device(desk: Desk, request: Request) -> Response:
    """Everything of the log that concerns the device, each entry with its proof."""
    old = old_size(request) or 0
    data = await read_body(request, MAX_HEADER)
    await desk.workers.run(desk.log.refresh)
    try:
        answer = await desk.workers.run(_answer, desk, data, old)
    except NotAdmittedError as refusal:
        _tell_stranger(desk, request, data, refusal)
        raise
    return JSONResponse(answer, headers={"Cache-Control": "no-store"})


def _tell_stranger(desk: Desk, request: Request, data: bytes, refusal: NotAdmittedError) -> None:
    """Record that a token, or a device, asked that the log has no leave for."""
    name, device = hashlib.sha256(data).hexdigest(), peek_query(data).device
    desk.register.refuse(device=device, code=refusal.code, entry_id=name, proven=False)
    desk.trail.count(
        Event(who(desk, request), Action.PUBLISH, enrolment.KIND).refused(refusal.code)
    )


def _answer(desk: Desk, data: bytes, old: int) -> dict[str, object]:
    with desk.log.reading() as (custody, shown):
        asker = _identify(custody, data)
        desk.limits.device(asker.query.device)
        places = _places(custody, asker)
        policy = custody.policy_for(asker.query.device) if asker.device else None
    annex = policy.policy.annexes.get(asker.query.device) if policy else None
    return {
        "checkpoint": b64(shown.data),
        "consistency": [b64(h) for h in consistency(shown.reader, old)],
        "entries": [
            {
                "role": role,
                "index": index,
                "note": b64(desk.log.store.entry(index, shown.checkpoint.size)),
                "path": [b64(h) for h in shown.reader.inclusion(index)],
            }
            for index, role in sorted(places)
        ],
        "annex": _annex(desk, annex),
        "held": _held(desk, shown),
    }


def _identify(custody: Custody, data: bytes) -> _Asker:
    """Who signed the query.

    Raises:
        NotAdmittedError: neither an enrolled device nor the token of a logged admission.
        EpochError: an epoch that is not the device's current one.
    """
    query = peek_query(data)
    if query.origin != custody.origin:
        raise FormatError("query", f"is for log {query.origin}, not {custody.origin}")
    device = custody.devices.get(query.device)
    signer = note.parse(data).signatures[0]
    found = custody.admissions_of(signer.name, signer.key_id)
    if found:
        state = next((one for one in reversed(found) if one.has_leave), found[-1])
        open_query(data, state.admission.token)
        _require_covers(state, query, device)
        return _Asker(query, device, state)
    if signer.name.startswith(f"{custody.origin}/token/"):
        raise NotAdmittedError(f"device {query.device}: the log has no admission of this token")
    if device is None:
        raise NotAdmittedError(f"device {query.device}: has no enrolment in the log")
    open_query(data, device.header_key)
    if query.epoch != device.epoch:
        raise EpochError(f"device {query.device}: epoch {device.epoch} is the current one")
    return _Asker(query, device, None)


def _require_covers(state: AdmissionState, query: Query, device: DeviceState | None) -> None:
    admission, name = state.admission, f"device {query.device}"
    if admission.device not in {None, query.device}:
        raise NotAdmittedError(f"{name}: the token is another device's")
    if device is not None and device.group != admission.group:
        raise NotAdmittedError(f"{name}: the token is not for its group")


def _places(custody: Custody, asker: _Asker) -> list[tuple[int, str]]:
    """Where in the log the entries lie that concern the asker."""
    found: dict[str, int | None] = {
        "delegation": custody.delegation.index if custody.delegation else None,
        "admission": asker.admission.index if asker.admission else None,
    }
    device = asker.device
    if device is not None:
        policy = custody.policy_for(device.name)
        epochs = (device.current, *reversed(device.closed_epochs))
        heads = [epoch.head.index for epoch in epochs if epoch.head]
        found |= {
            "enrolment": device.current.index,
            "header": heads[0] if heads else None,
            "policy": policy.index if policy else None,
            "revocation": device.revocation_index,
        }
    return [(index, role) for role, index in found.items() if index is not None]


def _annex(desk: Desk, digest: bytes | None) -> str | None:
    if digest is None:
        return None
    try:
        place = names.annex(digest.hex())
        return b64(desk.layout.stores.objects.read(place, MAX_ANNEX))
    except FileNotFoundError:
        return None


def _held(desk: Desk, shown: Shown) -> dict[str, object] | None:
    found = read_held(desk.layout, desk.log)
    if found is None or found[0].size > shown.checkpoint.size:
        return None
    held, data = found
    proof = consistency(shown.reader, held.size)
    return {"note": b64(data), "consistency": [b64(h) for h in proof]}
