# SPDX-License-Identifier: EUPL-1.2
"""The routes of the review (docs/spec/review.md §7), and how faults are shown.

Everything that touches the collection runs in one thread, one thing after the other: one person
works here, and an index has one connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from functools import partial
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from lakzegel_core.errors import LakzegelError
from lakzegel_office.collection.database import NAME, DatabaseError, told
from lakzegel_office.errors import DoubtError, GoneError, OfficeError, UsageError
from lakzegel_office.review import deeds, views
from lakzegel_office.review.desk import Desk
from lakzegel_office.review.gate import Gate, IsOwn
from lakzegel_office.review.rendering import page, static
from lakzegel_office.review.sessions import Sessions
from lakzegel_office.words import text

View = Callable[[Desk, Request], Response]
_ALWAYS = {"/begin", "/language", "/end", "/keys"}  # before somebody said what he comes for


class App:
    """The page over one desk."""

    def __init__(self, desk: Desk, sessions: Sessions, thread: Executor) -> None:
        """Keep the office, who may come, and the one thread in which work is done."""
        self._desk = desk
        self._sessions = sessions
        self._thread = thread

    def build(self, stop: Callable[[], None], is_own: IsOwn) -> ASGIApp:
        """Return the application behind its gate; `stop` ends the program."""
        shown: dict[str, View] = {
            "/": views.overview,
            "/units": views.units,
            "/conversations": views.conversations,
            "/conversations/{name}": views.conversation,
            "/next": views.following,
            "/units/{name}": views.unit,
            "/units/{name}/html": views.frame,
            "/units/{name}/raw": views.raw,
            "/units/{name}/pictures/{number:int}": views.picture,
            "/units/{name}/attachments/{number:int}": views.attachment,
        }
        done: dict[str, View] = {
            "/begin": deeds.begin,
            "/decide": deeds.decide,
            "/dispute": deeds.dispute,
            "/undo": deeds.undo,
            "/keys": deeds.keys,
            "/language": deeds.language,
            "/end": deeds.end(stop, self._sessions),
        }
        routes = [
            Route("/static/{name:path}", static),
            Route("/login", self._login),
            *(Route(path, self._guarded(view)) for path, view in shown.items()),
            *(Route(path, self._guarded(view), methods=["POST"]) for path, view in done.items()),
        ]
        app = Starlette(routes=routes, exception_handlers={HTTPException: _refuse})
        return Gate(app, self._sessions, is_own)

    async def _login(self, request: Request) -> Response:
        try:
            return deeds.login(self._sessions, request)
        except UsageError as error:
            return PlainTextResponse(f"{error}\n", 403)

    def _guarded(self, view: View) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._thread, partial(self._answer, view, request))

        return answer

    def _answer(self, view: View, request: Request) -> Response:
        session = request.state.session
        try:
            if not session.reason and request.url.path not in _ALWAYS:
                return page(request, "begin.html")
            self._desk.refresh()
            return view(self._desk, request)
        except (OfficeError, LakzegelError) as error:
            return _fault(request, error)
        except DatabaseError as error:
            return _fault(request, told(error, Path(NAME)))
        except OSError as error:  # no room for a line of the audit trail: nothing is shown
            return _fault(request, OfficeError(f"{error.filename or 'disk'}: {error.strerror}"))


def _fault(request: Request, error: Exception) -> Response:
    """Return what went wrong as a page: what, and the way back."""
    title, status = text("That cannot be done"), 400
    if isinstance(error, GoneError):
        title, status = text("This was destroyed"), 410
    elif isinstance(error, DoubtError):
        title, status = text("The evidence does not fit"), 503
    elif type(error) is OfficeError:
        status = 503
    elif "no such" in str(error):
        title, status = text("There is nothing here"), 404
    return page(request, "error.html", status, title=title, why=str(error))


async def _refuse(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if request.state.session is None:
        return PlainTextResponse("nothing here\n", status)
    return page(request, "error.html", status, title=text("There is nothing here"), why="")
