# SPDX-License-Identifier: EUPL-1.2
"""`/login/sso` and `/login/callback`: single sign-on (docs/spec/people.md §9)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from lakzegel_server.desk import Desk
from lakzegel_server.errors import MissingError, SignOnError
from lakzegel_server.people.begunlogins import LASTS
from lakzegel_server.people.signon import Answer, SignOn
from lakzegel_server.web.identity import cookie_name, give_cookie
from lakzegel_server.web.origin import HOME, is_secure, safe_next, sender
from lakzegel_server.words import text

MAX_ANSWER: Final = 4096  # characters of each of the provider's parameters
_SUFFIX: Final = "-sso"


async def get_sso(desk: Desk, request: Request) -> Response:
    """The way to the provider."""
    sign_on = _require(desk)
    wanted = safe_next(request.query_params.get("next", HOME))
    address = sender(desk.settings.web, request)
    try:
        where, begun = await desk.workers.run(sign_on.begin)
    except SignOnError as error:
        await desk.workers.run(desk.people.refuse, error, address=address)
        raise
    answer = RedirectResponse(where, HTTPStatus.SEE_OTHER)
    answer.set_cookie(
        cookie_name(desk, request) + _SUFFIX,
        desk.people.begun.seal(begun, wanted),
        max_age=LASTS,
        secure=is_secure(desk.settings.web, request.scope),
        httponly=True,
        samesite="lax",
    )
    return answer


async def get_callback(desk: Desk, request: Request) -> Response:
    """A session, for whoever the provider says it is."""
    _require(desk)
    address = sender(desk.settings.web, request)
    try:
        return await _come_back(desk, request, address)
    except SignOnError as error:
        await desk.workers.run(desk.people.refuse, error, address=address)
        raise


def _require(desk: Desk) -> SignOn:
    """The provider.

    Raises:
        MissingError: the settings name none.
    """
    if desk.people.sign_on is None:
        raise MissingError(text("there is no single sign-on here"))
    return desk.people.sign_on


async def _come_back(desk: Desk, request: Request, address: str) -> Response:
    asked = {name: value[:MAX_ANSWER] for name, value in request.query_params.items()}
    name = cookie_name(desk, request)
    sealed = request.cookies.get(name + _SUFFIX)
    if sealed is None:
        raise SignOnError("sso-state")
    begun, wanted = await desk.workers.run(desk.people.begun.open, sealed, asked.get("state", ""))
    if "error" in asked or "code" not in asked:
        raise SignOnError("sso-provider")
    session = await desk.workers.run(
        desk.people.come_back,
        Answer(asked["code"], asked.get("iss")),
        begun,
        address=address,
        old=request.cookies.get(name),
    )
    answer = RedirectResponse(wanted, HTTPStatus.SEE_OTHER)
    give_cookie(desk, request, answer, session)
    answer.delete_cookie(
        name + _SUFFIX,
        secure=is_secure(desk.settings.web, request.scope),
        httponly=True,
        samesite="lax",
    )
    return answer
