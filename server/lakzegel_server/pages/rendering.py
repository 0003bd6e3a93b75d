# SPDX-License-Identifier: EUPL-1.2
"""A template and what it shows, made into a page in the reader's language."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse

from lakzegel_server.accounts import Account
from lakzegel_server.desk import Desk
from lakzegel_server.pages.assets import address
from lakzegel_server.pages.language import language_of
from lakzegel_server.pages.menu import ROLES, menu
from lakzegel_server.pages.moments import Moments
from lakzegel_server.settings_pages import zone_of
from lakzegel_server.words import read_words
from lakzegel_web.templating import environment_of
from lakzegel_web.words import LANGUAGES, Said

environment: Final = partial(environment_of, "lakzegel_server.pages")


def page(
    request: Request, template: str, status: int = HTTPStatus.OK, **values: object
) -> HTMLResponse:
    """The page of a template, which knows who is logged in and reads in his language."""
    language = language_of(request)
    account: Account | None = getattr(request.state, "account", None)
    session = getattr(request.state, "session", None)
    said, path = Said(read_words(language)), request.url.path
    places = menu(account.role if account else None)
    text = (
        environment()
        .get_template(template)
        .render(
            _=said,
            lang=language,
            languages=LANGUAGES,
            account=account,
            role=ROLES[account.role] if account else None,
            menu=[(place.path, said(place.label), place.leads_to(path)) for place in places],
            csrf=session.csrf if session else "",
            path=path,
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
