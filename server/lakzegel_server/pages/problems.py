# SPDX-License-Identifier: EUPL-1.2
"""Problems by their cause over the whole fleet, and the runbook of every code."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from lakzegel_core.encoding import format_time, parse_time
from lakzegel_server.accounts import AccountRole
from lakzegel_server.alerting.observed import BY_TOKEN
from lakzegel_server.desk import Desk
from lakzegel_server.fleet.assess import OWN
from lakzegel_server.fleet.cause import OWNERS, Severity
from lakzegel_server.fleet.causes import CAUSES, STATED
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


REFUSALS: Final = {  # of enrolments and of who asks before one
    "exhausted": text(
        "The leave was used up: another machine, or this one made anew, has the token."
    ),
    "expired": text("The leave is past its last day."),
    "withdrawn": text("The records office took the leave back."),
    "not-admitted": text("No admission names the token: not on the roster, or not published yet."),
}
REFUSED_FOR: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Refused:
    """Enrolments that were refused with one code: how often of late, and when last."""

    code: str
    said: str
    tone: Tone
    count: int
    last: datetime


async def problems(desk: Desk, request: Request) -> Response:
    """The page of problems by cause."""
    now = desk.fleet.now()
    found = await desk.workers.run(sources.shared_of, desk, now)
    refused = await desk.workers.run(refused_enrolments, desk, now)
    return timed_page(
        desk,
        request,
        "problems.html",
        now,
        found=found,
        refused=refused,
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


def refused_enrolments(desk: Desk, now: datetime) -> list[Refused]:
    """What enrolments were refused with in the last week, what needs somebody first."""
    since = format_time((now - REFUSED_FOR).replace(microsecond=0))
    rows = desk.register.refused_since(frozenset(REFUSALS), since)
    found = [
        Refused(
            code,
            REFUSALS[code],
            Tone.WARN if code in BY_TOKEN else Tone.CALM,
            count,
            parse_time(last, what="refusal"),
        )
        for code, count, last in rows
    ]
    return sorted(found, key=lambda one: list(REFUSALS).index(one.code))
