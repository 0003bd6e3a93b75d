# SPDX-License-Identifier: EUPL-1.2
"""The fleet at a glance: how many are in which condition, and the devices, the worst first."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from lakzegel_server.accounts import AccountRole
from lakzegel_server.desk import Desk
from lakzegel_server.fleet.absence import absent_until
from lakzegel_server.fleet.causes import cause_of
from lakzegel_server.fleet.model import Condition, DeviceHealth
from lakzegel_server.fleet.rings import Ring
from lakzegel_server.pages import sources
from lakzegel_server.pages.conditions import ACTION, CONDITIONS, Said, Tone, code_of, since
from lakzegel_server.pages.csvfile import header
from lakzegel_server.pages.fleetquery import SORTS, Query, Selection
from lakzegel_server.pages.language import text
from lakzegel_server.pages.menu import menu
from lakzegel_server.pages.rendering import timed_page

COLUMNS: Final = (  # by what each can be sorted, and what it is called
    ("device", text("Device")),
    ("worst", text("Condition")),
    ("", text("What to do")),
    ("sealed", text("Last sealed")),
    ("spool", text("Waiting on the device")),
    ("version", text("Version")),
)
LARGEST: Final = "spool"  # that is sorted by with the largest first
RINGS: Final = 50  # groups that are listed
BAR: Final = 1000  # units of the width of the whole bar


@dataclass(frozen=True, slots=True)
class Tile:
    """How many devices are in one condition, and where they are listed."""

    condition: Condition
    said: Said
    count: int
    address: str
    current: bool


@dataclass(frozen=True, slots=True)
class Share:
    """A part of the bar over the whole fleet."""

    tone: Tone
    at: float
    width: float


@dataclass(frozen=True, slots=True)
class Column:
    """A column's head: where it leads, and how the list is sorted by it now."""

    label: str
    address: str
    sorted: str  # ascending, descending or none


async def fleet(desk: Desk, request: Request) -> Response:
    """The page of the whole fleet; whoever has no business with it, to a page of his own."""
    role = request.state.account.role
    if role is not AccountRole.IT:
        return RedirectResponse(menu(role)[0].path, HTTPStatus.SEE_OTHER)
    query, now = Query.read(request.query_params), desk.fleet.now()
    selection, total = await desk.workers.run(sources.selection_of, desk, query, now)
    rings: list[Ring] = []
    left_out = 0
    if not query.filtered:
        rings, left_out = await desk.workers.run(sources.rings_of, desk, RINGS)
    return timed_page(
        desk,
        request,
        "fleet.html",
        now,
        query=query,
        selection=selection,
        total=total,
        behind=desk.fleet.tending.is_behind,
        action=_acting(selection),
        tiles=list(_tiles(selection, query)),
        shares=list(_shares(selection)),
        columns=list(_columns(query)),
        sorts=[(name, label) for name, label in COLUMNS if name in SORTS],
        conditions=CONDITIONS,
        code_of=code_of,
        cause_of=cause_of,
        since=since,
        full_of=full,
        absent_until=absent_until,
        rings=rings,
        rings_left_out=left_out,
    )


async def fleet_csv(desk: Desk, request: Request) -> Response:
    """The same devices, all of them, as a table for programs; sent as it is read."""
    query, now = Query.read(request.query_params), desk.fleet.now()
    names = await desk.workers.run(sources.names_of, desk, query, now)
    name = f"lakzegel-{now:%Y%m%d-%H%M}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(_rows(desk, names, now), media_type="text/csv", headers=headers)


async def _rows(desk: Desk, names: list[str], now: datetime) -> AsyncIterator[str]:
    yield header()
    for some in sources.chunks(names):
        yield await desk.workers.run(sources.table, desk, some, now)


def _acting(selection: Selection) -> int:
    """How many devices somebody has to do something about."""
    counts = selection.counts.items()
    return sum(count for condition, count in counts if CONDITIONS[condition].tone in ACTION)


def _tiles(selection: Selection, query: Query) -> Iterator[Tile]:
    for condition, count in selection.counts.items():
        current = query.condition == condition
        address = query.address(condition="" if current else condition.value)
        yield Tile(condition, CONDITIONS[condition], count, address, current)


def _shares(selection: Selection) -> Iterator[Share]:
    total = sum(selection.counts.values()) or 1
    at = 0.0
    for tone in Tone:
        count = sum(n for c, n in selection.counts.items() if CONDITIONS[c].tone is tone)
        width = BAR * count / total
        yield Share(tone, round(at, 1), round(width, 1))
        at += width


def _columns(query: Query) -> Iterator[Column]:
    now = query.sort.removeprefix("-")
    for name, label in COLUMNS:
        if not name:
            yield Column(label, "", "")
            continue
        forwards = query.sort == name
        address = query.address(sort=f"-{name}" if forwards else name)
        state = "ascending" if forwards is (name != LARGEST) else "descending"
        yield Column(label, address, state if now == name else "none")


def full(device: DeviceHealth) -> int | None:
    """How full the spool is, in hundredths; None where nobody knows its limit."""
    if device.spool_limit <= 0:
        return None
    return min(100, -(-device.spool_bytes * 100 // device.spool_limit))
