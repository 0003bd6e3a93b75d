# SPDX-License-Identifier: EUPL-1.2
"""A template and what it shows, made into a page in the reader's language."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from http import HTTPStatus
from typing import Final

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse

from lakzegel_core.words import Words
from lakzegel_server.accounts import Account
from lakzegel_server.desk import Desk
from lakzegel_server.pages.assets import address
from lakzegel_server.pages.language import LANGUAGES, language_of
from lakzegel_server.pages.menu import ROLES, menu
from lakzegel_server.pages.moments import Moments
from lakzegel_server.settings_pages import zone_of
from lakzegel_server.words import read_words

NAMES: Final = {"nl": "Nederlands", "en": "English"}


class Said:
    """Looks text up in one language, and fills its holes."""

    def __init__(self, words: Words) -> None:
        self._words = words

    def __call__(self, english: str, **holes: object) -> str:
        """The text; what fills its holes is as it is."""
        found = self._words.one(english)
        return found.format(**holes) if holes else found


@cache
def environment() -> jinja2.Environment:
    """Where templates come from; everything that they are given is escaped."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("lakzegel_server.pages"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


def page(
    request: Request, template: str, status: int = HTTPStatus.OK, **values: object
) -> HTMLResponse:
    """The page of a template, which knows who is logged in and reads in his language."""
    language = language_of(request)
    account: Account | None = getattr(request.state, "account", None)
    session = getattr(request.state, "session", None)
    text = (
        environment()
        .get_template(template)
        .render(
            _=Said(read_words(language)),
            lang=language,
            languages=[(code, NAMES[code]) for code in LANGUAGES],
            account=account,
            role=ROLES[account.role] if account else None,
            menu=menu(account.role if account else None),
            csrf=session.csrf if session else "",
            path=request.url.path,
            here=_here(request),
            asset=address,
            **values,
        )
    )
    return HTMLResponse(text, status, {"Content-Language": language, "Vary": "Accept-Language"})


def timed_page(
    desk: Desk, request: Request, template: str, at: datetime, **values: object
) -> HTMLResponse:
    """A page that tells times, as they are at ``at``."""
    language = language_of(request)
    said = Said(read_words(language))
    show = Moments(said, language, zone_of(desk.settings.pages.time_zone), at)
    return page(request, template, HTTPStatus.OK, at=at, show=show, **values)


def _here(request: Request) -> str:
    """The page's own address, for the way back to it."""
    query = request.url.query
    return f"{request.url.path}?{query}" if query else request.url.path
