# SPDX-License-Identifier: EUPL-1.2
"""A template and what it shows, made into a page in the reader's language."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from lakzegel_core.words import DUTCH
from lakzegel_office.collection.model import Party
from lakzegel_office.review import visible
from lakzegel_office.review.sessions import Session
from lakzegel_office.review.standing import DISPUTED
from lakzegel_office.words import read_words, text
from lakzegel_web.assets import assets_of
from lakzegel_web.templating import environment_of
from lakzegel_web.words import LANGUAGES, Said

ROOM: Final = "lakzegel_office.review"
MENU: Final = {
    "/": text("Overview"),
    "/units": text("Units"),
    "/conversations": text("Conversations"),
}
CLASSES: Final = {  # key, and what it is called
    "zakelijk": ("z", text("business")),
    "prive": ("p", text("private")),
    "partij": ("t", text("party-political")),
    "onbeslist": ("o", text("undecided")),
}
STATES: Final = {
    "": text("everything"),
    "open": text("still to decide"),
    "overdue": text("overdue"),
    "proposed": text("with a proposal"),
    **{name: words for name, (_, words) in CLASSES.items()},
    DISPUTED: text("in dispute"),
    "mixed": text("mixed parties"),
}
KINDS_OF: Final = {
    "mail": text("mail"),
    "message": text("message"),
    "system": text("from the app itself"),
    "file": text("file"),
}
APPS: Final = {  # what people call an app; another is shown by its own name
    "facebook": "Facebook",
    "imessage": "iMessage",
    "instagram": "Instagram",
    "linkedin": "LinkedIn",
    "mail": text("mail"),
    "file": text("file"),
    "mastodon": "Mastodon",
    "signal": "Signal",
    "telegram": "Telegram",
    "threema": "Threema",
    "whatsapp": "WhatsApp",
    "x": "X",
}
ORIGINS: Final = {
    "claim": text("claimed by moving it to an agreed folder"),
    "contact": text("by the list of agreed contacts"),
}
ACTS: Final = {
    "Decide": text("decided"),
    "Dispute": text("contested"),
    "Destroyed": text("destroyed"),
    "Anew": text("captured anew"),
}
NONE: Final = "\N{EN DASH}"
_ZONE: Final = ZoneInfo("Europe/Amsterdam")
_MONTHS: Final = [
    "Jan",
    "Feb",
    "Mar",
    "Apr",
    "May",
    "Jun",
    "Jul",
    "Aug",
    "Sep",
    "Oct",
    "Nov",
    "Dec",
]
_STEPS: Final = ("B", "kB", "MB", "GB")
_STEP: Final = 1000


@cache
def environment() -> jinja2.Environment:
    """Return where templates come from; everything that they are given is escaped."""
    made = environment_of(ROOM)
    made.filters.update(
        seen=visible.name,
        prose=visible.prose,
        plain=visible.plain,
        address=lambda address: visible.name(visible.address(address)),
        query=urlencode,
    )
    made.tests["mixed"] = visible.is_mixed
    made.globals.update(
        CLASSES=CLASSES,
        STATES=STATES,
        KINDS_OF=KINDS_OF,
        APPS=APPS,
        ORIGINS=ORIGINS,
        ACTS=ACTS,
        who=who,
    )
    return made


def page(request: Request, template: str, status: int = 200, **values: object) -> Response:
    """Return the page of a template, in the language of its session."""
    session: Session = request.state.session
    said = Said(read_words(session.language))
    flash, session.flash = session.flash, None
    here = f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path
    body = (
        environment()
        .get_template(template)
        .render(
            _=said,
            lang=session.language,
            languages=LANGUAGES,
            menu=[(place, said(name), place == request.url.path) for place, name in MENU.items()]
            if session.reason
            else [],
            session=session,
            flash=flash,
            path=request.url.path,
            here=here,
            asset=assets_of(ROOM).address,
            when=lambda moment: when(moment, session.language),
            day=lambda moment: day(moment, session.language),
            size=size,
            **values,
        )
    )
    return HTMLResponse(body, status, {"Content-Language": session.language})


def when(moment: datetime | None, language: str) -> str:
    """Return a time as people here write it, on their own clock."""
    if moment is None:
        return NONE
    local = moment.astimezone(_ZONE)
    return f"{day(moment, language)} {local:%H:%M}"


def day(moment: datetime | None, language: str) -> str:
    """Return a day as people here write it."""
    if moment is None:
        return NONE
    local = moment.astimezone(_ZONE)
    if language == DUTCH:
        return f"{local:%d-%m-}{local.year:04}"
    return f"{local.day} {_MONTHS[local.month - 1]} {local.year}"


def size(count: int) -> str:
    """Return a number of bytes as people say it."""
    if count < 0:
        return NONE
    value, step = float(count), 0
    while value >= _STEP and step < len(_STEPS) - 1:
        value, step = value / _STEP, step + 1
    return f"{value:.0f} {_STEPS[step]}" if step == 0 else f"{value:.1f} {_STEPS[step]}"


def who(party: Party | None) -> str:
    """Return what a party is called in a list."""
    if party is None:
        return ""
    return party.name or visible.address(party.address)


async def static(request: Request) -> Response:
    """Answer with a file of the package."""
    found = assets_of(ROOM).find(str(request.path_params["name"]))
    if found is None:
        return PlainTextResponse("nothing here\n", 404)
    data, kind = found
    headers = {"Cache-Control": "private, max-age=86400, immutable"}
    return Response(data, media_type=kind, headers=headers)
