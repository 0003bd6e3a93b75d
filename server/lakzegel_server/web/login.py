# SPDX-License-Identifier: EUPL-1.2
"""`/login` and `/logout` (docs/spec/people.md §2 to §5)."""

from __future__ import annotations

import math
from http import HTTPStatus
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from lakzegel_server.desk import Desk
from lakzegel_server.errors import DeniedError, TooManyError
from lakzegel_server.pages.rendering import page
from lakzegel_server.people.breakglass import MAX_TYPED
from lakzegel_server.people.people import Attempt
from lakzegel_server.web.forms import Form
from lakzegel_server.web.identity import cookie_name, give_cookie, take_cookie
from lakzegel_server.web.origin import HOME, require_same_origin, safe_next, sender


def to_login(request: Request) -> Response:
    """The way to the login, and back to where somebody wanted to be."""
    query = f"?{request.url.query}" if request.url.query else ""
    wanted = quote(safe_next(request.url.path + query), safe="/")
    return RedirectResponse(f"/login?next={wanted}", HTTPStatus.SEE_OTHER)


async def get_login(desk: Desk, request: Request) -> Response:
    """The page to log in on."""
    return _login_page(desk, request, safe_next(request.query_params.get("next", HOME)))


async def post_login(desk: Desk, request: Request) -> Response:
    """A session, for whoever knows what a break-glass account is opened with."""
    require_same_origin(desk.settings.web, request)
    form: Form = request.state.form
    wanted = safe_next(form["next"])
    attempt = Attempt(
        form["name"][:MAX_TYPED],
        form["password"][:MAX_TYPED],
        form["code"][:MAX_TYPED],
        sender(desk.settings.web, request),
    )
    old = request.cookies.get(cookie_name(desk, request))
    try:
        session = await desk.workers.run(desk.people.break_glass, attempt, old)
    except DeniedError:
        return _login_page(desk, request, wanted, HTTPStatus.UNAUTHORIZED, problem="refused")
    except TooManyError as error:
        answer = _login_page(
            desk, request, wanted, HTTPStatus.TOO_MANY_REQUESTS, problem="too-many"
        )
        answer.headers["Retry-After"] = str(math.ceil(error.seconds))
        return answer
    await desk.workers.run(desk.alerts.happened, "break-glass")
    answer = RedirectResponse(wanted, HTTPStatus.SEE_OTHER)
    give_cookie(desk, request, answer, session)
    return answer


async def post_logout(desk: Desk, request: Request) -> Response:
    """The end of the session, in the browser and here."""
    if request.state.session is not None:
        await desk.workers.run(
            desk.people.end,
            request.state.session,
            address=sender(desk.settings.web, request),
        )
    answer = RedirectResponse("/login", HTTPStatus.SEE_OTHER)
    take_cookie(desk, request, answer)
    return answer


def _login_page(
    desk: Desk, request: Request, wanted: str, status: int = HTTPStatus.OK, problem: str = ""
) -> Response:
    sso = f"/login/sso?next={quote(wanted, safe='/')}" if desk.settings.login else ""
    return page(request, "login.html", status, next=wanted, problem=problem, sso=sso)
