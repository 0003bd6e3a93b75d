# SPDX-License-Identifier: EUPL-1.2
"""Which language a page is in: what was chosen, what the browser asks for, or else Dutch."""

from __future__ import annotations

import re
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from lakzegel_core.words import DUTCH, ENGLISH
from lakzegel_server.desk import Desk
from lakzegel_server.errors import MissingError
from lakzegel_server.web.origin import is_secure, safe_next
from lakzegel_server.words import text as text  # noqa: PLC0414 - pages take it from here
from lakzegel_web.words import LANGUAGES

COOKIE: Final = "lakzegel-language"
YEAR: Final = 31_536_000  # seconds
_MAX_ASKED: Final = 16  # languages that are looked at
_QUALITY: Final = re.compile(r"(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\Z")


def language_of(request: Request) -> str:
    """The language of a page for this browser."""
    chosen = request.cookies.get(COOKIE)
    if chosen in LANGUAGES:
        return str(chosen)
    return asked_for(request.headers.get("accept-language", ""))


def asked_for(header: str) -> str:
    """Dutch or English, whichever ``Accept-Language`` likes better; English for others' sake.

    Nobody asked for anything: then it is Dutch.
    """
    found: dict[str, float] = {}
    for part in header.lower().split(",")[:_MAX_ASKED]:
        tag, _, more = part.partition(";")
        code, quality = tag.strip().partition("-")[0], more.strip().removeprefix("q=").strip()
        liked = float(quality) if _QUALITY.match(quality) else float(not more)
        if code and code != "*" and liked > 0:
            found[code] = max(liked, found.get(code, 0.0))
    if not found:
        return DUTCH
    return DUTCH if found.get(DUTCH, 0.0) > found.get(ENGLISH, 0.0) else ENGLISH


async def choose(desk: Desk, request: Request) -> Response:
    """Back to where the switch stood, in the other language from now on.

    Raises:
        MissingError: a language that there is not.
    """
    wanted = str(request.path_params["name"])
    if wanted not in LANGUAGES:
        raise MissingError("no such language; nl or en")
    back = request.query_params.get("next", "/")
    answer = RedirectResponse(safe_next(back), 303)
    answer.set_cookie(
        COOKIE,
        wanted,
        max_age=YEAR,
        secure=is_secure(desk.settings.web, request.scope),
        httponly=True,
        samesite="lax",
    )
    return answer
