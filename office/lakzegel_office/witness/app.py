# SPDX-License-Identifier: EUPL-1.2
"""The mirror's routes (docs/spec/witness.md §4), and how errors are answered."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPStatus
from pathlib import Path
from typing import IO, Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from lakzegel_core import limits
from lakzegel_core.errors import LakzegelError
from lakzegel_office.errors import OfficeError
from lakzegel_office.mirror import Mirror, read_limited
from lakzegel_office.witness.mirrorlog import open_file, read_checkpoint, read_tile
from lakzegel_office.witness.tokens import Tokens

BLOCK: Final = 2**18  # bytes of a file that are read at a time
BINARY: Final = "application/octet-stream"
TEXT: Final = "text/plain; charset=utf-8"
PROBLEM: Final = "https://lakzegel.nl/problems/"  # as the receiver names them
FOR_EVER: Final = {"Cache-Control": "public, max-age=31536000, immutable"}
NEVER: Final = {"Cache-Control": "no-store"}
RETRY_AFTER: Final = 5  # seconds
_NAMES: Final = {401: "denied", 404: "missing", 405: "method"}
_log: Final = logging.getLogger(__name__)
Endpoint = Callable[[Request], Awaitable[Response]]


class MirrorRoutes:
    """What the mirror holds, as the receiver would answer it."""

    def __init__(self, mirror: Mirror, tokens: Tokens, origin: str) -> None:
        """Keep where it lies, and who may fetch more than hashes."""
        self._mirror = mirror
        self._tokens = tokens
        self._origin = origin

    def routes(self) -> list[Route]:
        """Return the routes, the open ones first to be read."""
        named = {
            "batches": self._mirror.batch,
            "keyrings": self._mirror.keyring,
            "annexes": self._mirror.annex,
        }
        return [
            Route("/v1/health", guarded(self._health)),
            Route("/v1/held", guarded(self._held)),
            Route("/log/checkpoint", guarded(self._checkpoint)),
            Route("/log/tile/entries/{tile:path}", guarded(self._bundle)),
            Route("/log/tile/{tile:path}", guarded(self._hashes)),
            *(
                Route(f"/v1/{kind}/{{name}}", guarded(self._file(place)))
                for kind, place in named.items()
            ),
        ]

    async def _health(self, _request: Request) -> Response:
        return JSONResponse({"status": "ok", "origin": self._origin}, headers=NEVER)

    async def _held(self, _request: Request) -> Response:
        data = await run_in_threadpool(read_limited, self._mirror.held, limits.MAX_NOTE)
        return Response(data, media_type=TEXT, headers=NEVER)

    async def _checkpoint(self, _request: Request) -> Response:
        data = await run_in_threadpool(read_checkpoint, self._mirror)
        return Response(data, media_type=TEXT, headers=NEVER)

    async def _hashes(self, request: Request) -> Response:
        path = f"tile/{request.path_params['tile']}"
        data = await run_in_threadpool(read_tile, self._mirror, path)
        return Response(data, media_type=BINARY, headers=FOR_EVER)

    async def _bundle(self, request: Request) -> Response:
        await self._require_token(request)
        path = f"tile/entries/{request.path_params['tile']}"
        data = await run_in_threadpool(read_tile, self._mirror, path)
        return Response(data, media_type=BINARY, headers=NEVER)

    def _file(self, place: Callable[[str], Path]) -> Endpoint:
        async def answer(request: Request) -> Response:
            await self._require_token(request)
            name = str(request.path_params["name"])
            if not _is_digest(name):
                raise FileNotFoundError
            file, size = await run_in_threadpool(open_file, place(name))
            headers = {**NEVER, "Content-Length": str(size)}
            return StreamingResponse(_blocks(file, size), media_type=BINARY, headers=headers)

        return answer

    async def _require_token(self, request: Request) -> None:
        shown = request.headers.get("authorization")
        if not await run_in_threadpool(self._tokens.knows, shown):
            raise HTTPException(HTTPStatus.UNAUTHORIZED)


def build(routes: list[Route]) -> Starlette:
    """Return the application of these routes."""
    return Starlette(routes=routes, exception_handlers={HTTPException: _refuse})


def guarded(endpoint: Endpoint) -> Endpoint:
    """Return the endpoint with its errors as problem documents."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except FileNotFoundError:
            return problem(404, "missing", "nothing has this name here")
        except HTTPException as error:
            return await _refuse(request, error)
        except (OfficeError, LakzegelError, OSError) as error:
            _log.warning("%s: %s", request.url.path.split("/")[1], type(error).__name__)
            return problem(503, "damage", "the mirror cannot be read; run 'verify' there")

    return answer


def problem(status: int, code: str, detail: str) -> JSONResponse:
    """Return a problem document (RFC 9457), as the receiver's."""
    again = status == HTTPStatus.SERVICE_UNAVAILABLE
    headers = {"Retry-After": str(RETRY_AFTER)} if again else {}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    body = {
        "type": PROBLEM + code,
        "title": code.replace("-", " "),
        "status": status,
        "detail": detail,
        "retry": again,
    }
    return JSONResponse(body, status, headers, media_type="application/problem+json")


async def _refuse(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    answer = problem(status, _NAMES.get(status, "refused"), HTTPStatus(status).phrase.lower())
    if isinstance(error, HTTPException) and error.headers:
        answer.headers.update(error.headers)
    return answer


async def _blocks(file: IO[bytes], size: int) -> AsyncIterator[bytes]:
    """Yield a file; one that became shorter breaks the answer off, which its reader notices."""
    with file:
        while size > 0:
            block = await run_in_threadpool(file.read, min(BLOCK, size))
            if not block:
                raise OSError("a file became shorter while it was handed out")
            size -= len(block)
            yield block


def _is_digest(name: str) -> bool:
    return len(name) == 2 * limits.DIGEST and set(name) <= set("0123456789abcdef")
