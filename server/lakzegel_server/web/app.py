# SPDX-License-Identifier: EUPL-1.2
"""The ASGI application: routes, logins, and one place where errors become answers."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from lakzegel_core.errors import ConsistencyError, LakzegelError
from lakzegel_server.desk import Desk
from lakzegel_server.errors import DeniedError, ServerError
from lakzegel_server.index.engine import FAILURES
from lakzegel_server.problems import document, problem
from lakzegel_server.web.counted import counted, counted_refusal
from lakzegel_server.web.headers import Headers
from lakzegel_server.web.identity import identify, require_role
from lakzegel_server.web.login import to_login
from lakzegel_server.web.often import Often
from lakzegel_server.web.origin import is_secure, sender
from lakzegel_server.web.refusals import refusal_page
from lakzegel_server.web.routes import RULES, Rule
from lakzegel_server.web.telling import tell_denial, tell_success

_EXPECTED: Final = (LakzegelError, ServerError, OSError, *FAILURES)
OFTEN: Final = {("PUT", "/v1/batches/{name}"), ("POST", "/v1/heartbeats")}
_NAMES: Final = {404: "missing", 405: "method"}
_log: Final = logging.getLogger(__name__)
Endpoint = Callable[[Request], Awaitable[Response]]


def build(desk: Desk) -> ASGIApp:
    """The application of one receiver."""
    endpoints = {
        (rule.method, rule.path): counted(desk, rule, _endpoint(desk, rule)) for rule in RULES
    }
    refuse = counted_refusal(desk, _refuse)
    app = Starlette(
        routes=[
            Route(path, found, methods=[method]) for (method, path), found in endpoints.items()
        ],
        exception_handlers={HTTPException: refuse},
    )
    app.router.redirect_slashes = False  # it would lead to whatever host the request names
    often = Often(app, {which: endpoints[which] for which in OFTEN})
    return Headers(often, secure=lambda scope: is_secure(desk.settings.web, scope))


def _endpoint(desk: Desk, rule: Rule) -> Endpoint:
    """The rule's handler behind its login, with its errors as problem documents."""

    async def endpoint(request: Request) -> Response:
        try:
            await _admit(desk, rule, request)
            answer = await rule.handler(desk, request)
            tell_success(desk, rule.told, request)
            desk.visits.asked(rule.method, rule.path, getattr(request.state, "account", None))
            return answer  # noqa: TRY300 - what fails above is a refusal
        except _EXPECTED as error:
            return _refusal(desk, rule, request, error)
        except ClientDisconnect:
            return document(503, "gone", "the sender went away")
        except Exception as error:  # noqa: BLE001 - the composition root of a request
            _log_fault(rule, error)
            return _shown(rule, request, problem(error))

    return endpoint


async def _admit(desk: Desk, rule: Rule, request: Request) -> None:
    """Return when this login may ask this, and this log may answer it."""
    asked = rule.roles and not (rule.instead and rule.instead(desk, request))
    if asked or rule.page or rule.form:
        await identify(desk, request, form=rule.form)
    if asked:
        require_role(request, rule.roles)
    else:
        desk.limits.address(sender(desk.settings.web, request))
    if rule.newest:
        desk.log.standing.require_sealing()


def _refusal(desk: Desk, rule: Rule, request: Request, error: Exception) -> Response:
    """The answer to a refusal: to a browser a page, the login's where that is missing."""
    if isinstance(error, ConsistencyError):  # whoever said so proved who he is
        desk.recovery.suspect("somebody saw more of this log than there is")
    nobody = isinstance(error, DeniedError) and not error.known
    nobody = nobody and "authorization" not in request.headers  # a wrong one is no missing one
    if isinstance(error, DeniedError):
        tell_denial(desk, f"{rule.method} {rule.path}", request, error)
    if nobody and rule.roles and rule.method == "GET" and _is_looked_at(rule, request):
        return to_login(request)
    answer = problem(error)
    if answer.status_code >= 500:  # noqa: PLR2004 - our fault, so our log says it
        _log.warning("%s %s: %s", rule.method, rule.path, type(error).__name__)
    return _shown(rule, request, answer)


def _shown(rule: Rule, request: Request, answer: Response) -> Response:
    """A problem document, as a page where a person is looking."""
    return refusal_page(request, answer) if _is_looked_at(rule, request) else answer


def _is_looked_at(rule: Rule, request: Request) -> bool:
    """Whether a browser asks: it sent a form, or says that it takes pages."""
    return rule.page and (rule.form or "text/html" in request.headers.get("accept", ""))


def _log_fault(rule: Rule, error: Exception) -> None:
    """Where it happened and what kind it is; never the message, which may hold content."""
    where = " < ".join(
        f"{frame.name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)[::-1]
    )
    _log.error("%s %s: %s in %s", rule.method, rule.path, type(error).__name__, where)


async def _refuse(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    answer = document(status, _NAMES.get(status, "refused"), "there is nothing to do that to here")
    if isinstance(error, HTTPException) and error.headers:
        answer.headers.update(error.headers)
    return answer
