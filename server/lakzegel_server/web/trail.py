# SPDX-License-Identifier: EUPL-1.2
"""The audit trail, for auditors (docs/spec/people.md §8)."""

from __future__ import annotations

import hashlib
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from lakzegel_core.encoding import b64, format_time, parse_decimal
from lakzegel_core.errors import FormatError
from lakzegel_core.trail import peek_trail
from lakzegel_server.desk import Desk
from lakzegel_server.errors import DamageError, LostError, MissingError
from lakzegel_server.people.segmentfile import MAX_SEGMENT
from lakzegel_server.people.trailrows import Segment, State
from lakzegel_server.stores import names

LINES: Final = "application/x-ndjson"


async def list_segments(desk: Desk, _request: Request) -> Response:
    """What the log says of each segment, and how many records wait for theirs."""
    found = await desk.workers.run(desk.trail.segments)
    waiting = await desk.workers.run(desk.trail.waiting)
    told = await desk.workers.run(lambda: [_told(desk, one) for one in found])
    return JSONResponse({"segments": told, "waiting": waiting})


async def get_segment(desk: Desk, request: Request) -> Response:
    """A segment, when it is the one that the log tells of."""
    try:
        number = parse_decimal(request.path_params["name"], what="segment")
    except FormatError:
        raise MissingError("no segment has this number") from None
    return Response(await desk.workers.run(_read, desk, number), media_type=LINES)


def _told(desk: Desk, segment: Segment) -> dict[str, object]:
    entry, name = peek_trail(segment.note), hashlib.sha256(segment.note)
    return {
        "number": segment.number,
        "entry": name.hexdigest(),
        "index": desk.register.index_of(name.digest()),
        "count": entry.count,
        "records": b64(entry.records),
        "from": format_time(entry.since),
        "to": format_time(entry.until),
        "lost": segment.state is State.LOST,
    }


def _read(desk: Desk, number: int) -> bytes:
    """The bytes whose hash is in the log.

    Raises:
        MissingError: the log tells of no such segment.
        LostError, DamageError: it is not here any more, or not as it was.
    """
    with desk.log.reading() as (custody, _):
        newest = custody.trail.trail.number if custody.trail else -1
    if number > newest:
        raise MissingError("no segment has this number")
    known = next((one for one in desk.trail.segments() if one.number == number), None)
    place = names.segment(number)
    try:
        data = desk.layout.stores.objects.read(place, MAX_SEGMENT)
    except FileNotFoundError:
        data = b""
    if known is None or not data:
        raise LostError(f"{place}: lost here; run 'check'")
    if desk.register.index_of(hashlib.sha256(known.note).digest()) is None:
        raise DamageError(f"{place}: its entry is not in the log; run 'check'")
    if hashlib.sha256(data).digest() != peek_trail(known.note).records:
        raise DamageError(f"{place}: is not what the log says; run 'check'")
    return data
