# SPDX-License-Identifier: EUPL-1.2
"""Who gets to the page at all: this user, in a browser that was given the token, from this page.

docs/spec/review.md §7, in its order. What it refuses it says in one line of plain text.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lakzegel_office.review.sessions import Session, Sessions

COOKIE: Final = "lakzegel-review"
MAX_FORM: Final = 1 << 20  # bytes
MAX_FIELDS: Final = 2_000
POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; frame-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_ALWAYS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), usb=()",
}
_METHODS: Final = {"GET", "HEAD", "POST"}
_SITES: Final = {"same-origin", "none"}

IsOwn = Callable[[tuple[str, int], tuple[str, int]], bool]
Form = dict[str, list[str]]


class Refusal(Exception):  # noqa: N818 - it is what it is called
    """The gate stays shut: a status, and why."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Gate:
    """The application behind its checks, each answer with its headers."""

    def __init__(self, app: ASGIApp, sessions: Sessions, is_own: IsOwn) -> None:
        """Keep what is behind, who may come, and how a connection's owner is told."""
        self._app = app
        self._sessions = sessions
        self._is_own = is_own

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        scope["state"] = {}
        request = Request(scope, receive)

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _ALWAYS.items():
                    headers[name] = value
                headers.setdefault("Content-Security-Policy", POLICY)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            request.state.session = await self._admitted(request)
        except Refusal as refusal:
            answer: ASGIApp = PlainTextResponse(f"{refusal}\n", refusal.status)
            await answer(scope, receive, sending)
            return
        await self._app(scope, receive, sending)

    async def _admitted(self, request: Request) -> Session | None:
        """Return the session of a request that may pass; None for what needs none."""
        self._check_place(request)
        if request.url.path.startswith("/static/") or request.url.path == "/login":
            if request.method == "POST":
                raise Refusal(405, "nothing is taken here")
            return None
        site = request.headers.get("sec-fetch-site", "none")
        if site not in _SITES:
            raise Refusal(403, "this did not come from a page of the review")
        session = self._sessions.find(request.cookies.get(COOKIE, ""))
        if session is None:
            raise Refusal(403, "no session; start 'lakzegel-office review' and open its address")
        if request.method == "POST":
            _check_origin(request)
            request.state.form = await _read_form(request, session)
        return session

    def _check_place(self, request: Request) -> None:
        server, client = request.scope["server"], request.scope["client"]
        hosts = Headers(scope=request.scope).getlist("host")
        if hosts != [_authority(server)]:
            raise Refusal(421, "another host is meant")
        if request.method not in _METHODS:
            raise Refusal(405, "no such method here")
        if client is None or not self._is_own((client[0], client[1]), (server[0], server[1])):
            raise Refusal(403, "this is another user's review")


def _authority(server: tuple[str, int]) -> str:
    host = f"[{server[0]}]" if ":" in server[0] else server[0]
    return f"{host}:{server[1]}"


def _check_origin(request: Request) -> None:
    own = f"http://{request.headers['host']}"
    origin = request.headers.get("origin")
    if origin != own and (origin is not None or "sec-fetch-site" not in request.headers):
        raise Refusal(403, "this did not come from a page of the review")


async def _read_form(request: Request, session: Session) -> Form:
    """Return the fields of a form that this session's page sent."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise Refusal(415, "not a form of this page")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM:
            raise Refusal(413, "the form is too large")
    try:
        form = parse_qs(
            body.decode("ascii"), True, True, errors="strict", max_num_fields=MAX_FIELDS
        )
    except ValueError:
        raise Refusal(400, "the form cannot be read") from None
    shown = form.pop("csrf", [""])[-1]
    if not hmac.compare_digest(shown.encode(), session.csrf.encode()):
        raise Refusal(403, "this form is of another session; open the page again")
    return form


Endpoint = Callable[[Request], Awaitable[Response]]
