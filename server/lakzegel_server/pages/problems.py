# SPDX-License-Identifier: EUPL-1.2
"""Problems by their cause over the whole fleet, and the runbook of every code."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from lakzegel_server.accounts import AccountRole
from lakzegel_server.desk import Desk
from lakzegel_server.fleet.assess import OWN
from lakzegel_server.fleet.cause import OWNERS, Cause, Severity
from lakzegel_server.fleet.causes import CAUSES, STATED, cause_of
from lakzegel_server.fleet.model import Fleet, Trouble
from lakzegel_server.pages import sources
from lakzegel_server.pages.conditions import Tone
from lakzegel_server.pages.language import text
from lakzegel_server.pages.rendering import page, timed_page

TONES: Final = {
    Severity.CRITICAL: Tone.BAD,
    Severity.WARNING: Tone.WARN,
    Severity.NOTICE: Tone.CALM,
}
URGENCY: Final = {
    Severity.CRITICAL: text("today"),
    Severity.WARNING: text("this week"),
    Severity.NOTICE: text("nothing urgent"),
}
OF_DEVICES: Final = frozenset({*(cause.code for cause in STATED), *OWN})  # the rest: a receiver's


@dataclass(frozen=True, slots=True)
class Shared:
    """One cause, and the devices that have it."""

    cause: Cause
    devices: int
    count: int  # of whatever the problem counts, on all of them
    since: datetime  # the oldest


async def problems(desk: Desk, request: Request) -> Response:
    """The page of problems by cause."""
    fleet = await desk.workers.run(sources.fleet_of, desk)
    found = grouped(fleet)
    return timed_page(
        desk,
        request,
        "problems.html",
        fleet.at,
        found=found,
        tones=TONES,
        urgency=URGENCY,
        owners=OWNERS,
    )


async def runbooks(_desk: Desk, request: Request) -> Response:
    """The page of every code, by name."""
    causes = sorted(CAUSES.values(), key=lambda cause: cause.code)
    return page(
        request,
        "runbooks.html",
        causes=causes,
        tones=TONES,
        urgency=URGENCY,
        owners=OWNERS,
        listed=OF_DEVICES if request.state.account.role is AccountRole.IT else frozenset(),
    )


def grouped(fleet: Fleet) -> list[Shared]:
    """Causes that some device has, the gravest first, then by how many devices have them."""
    found: defaultdict[str, list[Trouble]] = defaultdict(list)
    for device in fleet.devices:
        for trouble in device.troubles:
            found[trouble.code].append(trouble)
    shared = [
        Shared(
            cause_of(code),
            len(troubles),
            sum(one.count for one in troubles),
            min(one.since for one in troubles),
        )
        for code, troubles in found.items()
    ]
    order = list(Severity)
    return sorted(
        shared, key=lambda one: (order.index(one.cause.severity), -one.devices, one.cause.code)
    )
