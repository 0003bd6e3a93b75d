# SPDX-License-Identifier: EUPL-1.2
"""What every device does all day goes straight to its handler.

Routes, middleware and what looks for a failure around each of them cost a small request more than
its own handler in the event loop does; the endpoints answer every failure by themselves.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

Endpoint = Callable[[Request], Awaitable[Response]]
NAME: Final = "{name}"  # at the end of a path: one part of a path, and not an empty one


class Often:
    """An application, before which some routes are looked for; the others are its own."""

    def __init__(self, app: ASGIApp, endpoints: Mapping[tuple[str, str], Endpoint]) -> None:
        self._app = app
        self._exact: dict[tuple[str, str], Endpoint] = {}
        self._named: dict[tuple[str, str], Endpoint] = {}
        for (method, path), endpoint in endpoints.items():
            named = path.endswith(NAME)
            (self._named if named else self._exact)[method, path.removesuffix(NAME)] = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        endpoint, params = self._find(scope) if scope["type"] == "http" else (None, {})
        if endpoint is None:
            await self._app(scope, receive, send)
            return
        scope["path_params"] = params
        answer = await endpoint(Request(scope, receive, send))
        await answer(scope, receive, send)

    def _find(self, scope: Scope) -> tuple[Endpoint | None, dict[str, Any]]:
        method, path = scope["method"], scope["path"]
        exact = self._exact.get((method, path))
        if exact is not None:
            return exact, {}
        folder, found, name = path.rpartition("/")
        if not name:
            return None, {}
        return self._named.get((method, folder + found)), {"name": name}
