# SPDX-License-Identifier: EUPL-1.2
"""What every answer tells a browser to keep to (docs/spec/people.md §6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_ALWAYS: Final = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_UNSAID: Final = (b"cache-control", b"no-store")
_HSTS: Final = (b"strict-transport-security", b"max-age=31536000")


class Headers:
    """The application, with these headers on every answer of it."""

    def __init__(self, app: ASGIApp, secure: Callable[[Scope], bool]) -> None:
        self._app = app
        self._secure = secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                said = list(message.get("headers", ()))
                said += _ALWAYS
                if all(name.lower() != _UNSAID[0] for name, _ in said):
                    said.append(_UNSAID)
                if self._secure(scope):
                    said.append(_HSTS)
                message["headers"] = said
            await send(message)

        await self._app(scope, receive, sending if scope["type"] == "http" else send)
