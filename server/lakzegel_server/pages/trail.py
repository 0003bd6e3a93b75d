# SPDX-License-Identifier: EUPL-1.2
"""The audit trail for an auditor: a list, a table, one record (docs/spec/dashboard.md §10)."""

from __future__ import annotations

import csv
import io
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from lakzegel_core.encoding import parse_time
from lakzegel_core.errors import FormatError
from lakzegel_server.desk import Desk
from lakzegel_server.errors import MissingError
from lakzegel_server.pages.csvfile import cell
from lakzegel_server.pages.rendering import timed_page
from lakzegel_server.pages.trailquery import RESULTS, TrailQuery
from lakzegel_server.pages.trailwords import ACTIONS, OUTCOMES, ROLE_WORDS, THINGS, WAYS
from lakzegel_server.people.trailreading import Found, Place, Record, TrailReader
from lakzegel_server.settings_pages import zone_of

PAGE: Final = 50  # records
MOST_ROWS: Final = 50_000  # of a file
WORDS: Final = {
    "actions": ACTIONS,
    "outcomes": OUTCOMES,
    "things": THINGS,
    "ways": WAYS,
    "roles": ROLE_WORDS,
}
COLUMNS: Final = (
    *("segment", "number", "at", "who", "role", "way", "address"),
    *("action", "object", "id", "result", "code", "count", "entry"),
)


async def trail(desk: Desk, request: Request) -> Response:
    """The records that are asked for, the newest first."""
    query = TrailQuery.read(request.query_params)
    found = await desk.workers.run(_find, desk, query, PAGE)
    return timed_page(
        desk,
        request,
        "trail.html",
        desk.fleet.now(),
        query=query,
        found=found,
        results=RESULTS,
        moment=_moment,
        **WORDS,
    )


async def trail_csv(desk: Desk, request: Request) -> Response:
    """The same for a spreadsheet."""
    query = TrailQuery.read(request.query_params)
    found = await desk.workers.run(_find, desk, query, MOST_ROWS)
    headers = {"Content-Disposition": 'attachment; filename="trail.csv"'}
    return Response(_table(found.records), media_type="text/csv; charset=utf-8", headers=headers)


async def trail_record(desk: Desk, request: Request) -> Response:
    """One record, whole, and where the log has it.

    Raises:
        MissingError: there is none at that place.
    """
    try:
        place = Place.parse(request.path_params["name"])
    except FormatError:
        raise MissingError("no record has this number") from None
    record = await desk.workers.run(_reader(desk).record, place)
    if record is None:
        raise MissingError("no record has this number")
    return timed_page(
        desk, request, "trailrecord.html", desk.fleet.now(), one=record, moment=_moment, **WORDS
    )


def _reader(desk: Desk) -> TrailReader:
    return TrailReader(desk.layout, desk.register, desk.trail)


def _find(desk: Desk, query: TrailQuery, limit: int) -> Found:
    wanted = query.wanted(zone_of(desk.settings.pages.time_zone))
    return _reader(desk).find(wanted, before=query.place, limit=limit)


def _moment(at: str) -> object:
    return parse_time(at, what="trail record")


def _table(records: list[Record]) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for record in records:
        values = [record.place.segment, record.place.number]
        named = [getattr(record, name) for name in COLUMNS[2:]]
        writer.writerow([cell(value) for value in (*values, *named)])
    return file.getvalue()
