# SPDX-License-Identifier: EUPL-1.2
"""A refusal as a person sees it: what it comes down to, and the code that a program would get."""

from __future__ import annotations

import json
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from lakzegel_server.pages.language import text
from lakzegel_server.pages.rendering import page
from lakzegel_server.problems import BASE

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
        detail=told["detail"],
        code=told["type"].removeprefix(BASE),
    )
    if "retry-after" in answer.headers:
        shown.headers["Retry-After"] = answer.headers["retry-after"]
    return shown
