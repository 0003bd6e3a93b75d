# SPDX-License-Identifier: EUPL-1.2
"""Counts every answer, by route and status; never by path, which anybody can make up."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from lakzegel_server.desk import Desk
from lakzegel_server.vitals.traffic import NO_ROUTE
from lakzegel_server.web.routes import Rule

Endpoint = Callable[[Request], Awaitable[Response]]
Refuse = Callable[[Request, Exception], Awaitable[Response]]


def counted(desk: Desk, rule: Rule, endpoint: Endpoint) -> Endpoint:
    """The endpoint, whose answers are counted."""

    async def measured(request: Request) -> Response:
        began = time.perf_counter()
        answer = await endpoint(request)
        _count(desk, rule.method, rule.path, answer, time.perf_counter() - began)
        return answer

    return measured


def counted_refusal(desk: Desk, refuse: Refuse) -> Refuse:
    """The same for what no route takes."""

    async def measured(request: Request, error: Exception) -> Response:
        answer = await refuse(request, error)
        _count(desk, NO_ROUTE, NO_ROUTE, answer, 0.0)
        return answer

    return measured


def _count(desk: Desk, method: str, route: str, answer: Response, seconds: float) -> None:
    code = getattr(answer, "code", None)
    desk.vitals.traffic.answered(method, route, answer.status_code, seconds=seconds, code=code)
