# SPDX-License-Identifier: EUPL-1.2
"""A refusal as a person sees it: what it comes down to, and the code that a program would get."""

from __future__ import annotations

import json
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from lakzegel_core.words import Words
from lakzegel_server.pages.language import language_of, text
from lakzegel_server.pages.rendering import page
from lakzegel_server.problems import BASE
from lakzegel_server.words import read_words

TITLES: Final = {
    400: text("This form could not be read"),
    401: text("You are not logged in"),
    403: text("You may not do this"),
    404: text("There is no such page"),
    413: text("This is too large"),
    429: text("Too many requests"),
    503: text("Not now; try again"),
    507: text("The receiver has no room left"),
}
OTHER: Final = text("It did not work")


def refusal_page(request: Request, answer: Response) -> Response:
    """The page that says what a problem document says."""
    told = json.loads(bytes(answer.body))
    shown = page(
        request,
        "error.html",
        answer.status_code,
        title=TITLES.get(answer.status_code, OTHER),
        detail=_detail(told["detail"], read_words(language_of(request))),
        code=told["type"].removeprefix(BASE),
    )
    if "retry-after" in answer.headers:
        shown.headers["Retry-After"] = answer.headers["retry-after"]
    return shown


def _detail(told: str, words: Words) -> str:
    """Why, in the reader's words; nothing where it is not all known in his language."""
    return words.said(told) if not words.messages or not words.unknown(told) else ""
