# SPDX-License-Identifier: EUPL-1.2
"""Whose request it is: a token's, a session's or nobody's (docs/spec/people.md §1, §5)."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Collection
from typing import Final, ParamSpec, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from lakzegel_server.accounts import ASKS_LOGIN, Account, AccountRole, authenticate
from lakzegel_server.desk import Desk
from lakzegel_server.errors import DeniedError, ForgeryError
from lakzegel_server.pages.language import text
from lakzegel_server.people.sessions import TOUCH_SECONDS, Session
from lakzegel_server.web.forms import read_form
from lakzegel_server.web.origin import is_secure, require_same_origin

COOKIE: Final = "__Host-lakzegel"
LOOPBACK_COOKIE: Final = "lakzegel-loopback"
TOKEN: Final = "csrf"  # noqa: S105 - a field's name
P = ParamSpec("P")
T = TypeVar("T")
_SAFE: Final = frozenset({"GET", "HEAD"})


async def identify(desk: Desk, request: Request, *, form: bool = False) -> None:
    """Put ``account``, ``session`` and, where one is expected, ``form`` into ``request.state``.

    Raises:
        DeniedError: an ``Authorization`` that is nobody's.
        ForgeryError: a session's browser was led here by another site.
    """
    state, authorization = request.state, request.headers.get("authorization")
    state.account, state.session = None, None
    if authorization is not None:
        state.account = await asked(desk, authenticate, desk.accounts, authorization)
    else:
        session = await find_session(desk, request)
        if session is not None:
            state.account, state.session = session.account, session
    if form:
        state.form = await read_form(request)
    if state.session is not None and request.method not in _SAFE:
        _require_own_form(desk, request, form=form)


async def asked(desk: Desk, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What a question to the index gives: in a file it waits for nobody, elsewhere it may."""
    if desk.layout.shared:
        return await desk.workers.run(work, *args, **kwargs)
    return work(*args, **kwargs)


def require_role(request: Request, roles: Collection[AccountRole]) -> Account:
    """The account whose request it is, when it has one of the roles.

    Raises:
        DeniedError: it has not, or nobody is logged in.
    """
    account: Account | None = request.state.account
    if account is None:
        raise DeniedError(ASKS_LOGIN, known=False)
    if account.role not in roles:
        raise DeniedError(text("role {role} may not do this").format(role=account.role), known=True)
    return account


async def find_session(desk: Desk, request: Request) -> Session | None:
    """The session of the request's cookie, used now."""
    value = request.cookies.get(cookie_name(desk, request))
    if value is None:
        return None
    found = await asked(desk, desk.people.find, desk.accounts, value)
    if found is not None and desk.people.now() >= found.seen + TOUCH_SECONDS:
        await desk.workers.run(desk.people.touch, found)
    return found


def cookie_name(desk: Desk, request: Request) -> str:
    """The cookie that counts on this connection, and no other."""
    return COOKIE if is_secure(desk.settings.web, request.scope) else LOOPBACK_COOKIE


def give_cookie(desk: Desk, request: Request, answer: Response, session: Session) -> None:
    """Have the browser keep the session until it closes."""
    answer.set_cookie(
        cookie_name(desk, request),
        session.cookie,
        secure=is_secure(desk.settings.web, request.scope),
        httponly=True,
        samesite="lax",
    )


def take_cookie(desk: Desk, request: Request, answer: Response) -> None:
    """Have the browser forget the session."""
    secure = is_secure(desk.settings.web, request.scope)
    answer.delete_cookie(cookie_name(desk, request), secure=secure, httponly=True, samesite="lax")


def _require_own_form(desk: Desk, request: Request, *, form: bool) -> None:
    require_same_origin(desk.settings.web, request)
    state = request.state
    given = state.form[TOKEN] if form else request.headers.get("x-csrf-token", "")
    if not hmac.compare_digest(given.encode(), state.session.csrf.encode()):
        raise ForgeryError(text("this form is not of this login; open the page again"))
