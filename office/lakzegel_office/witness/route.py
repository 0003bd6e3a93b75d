# SPDX-License-Identifier: EUPL-1.2
"""``POST /add-checkpoint``: statuses and bodies as docs/spec/witness.md §1 has them."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from lakzegel_core.addcheckpoint import MAX_REQUEST, SIZE_TYPE
from lakzegel_core.errors import (
    ConsistencyError,
    FormatError,
    LakzegelError,
    OldSizeError,
    SignatureError,
    UnknownLogError,
)
from lakzegel_office.errors import OfficeError
from lakzegel_office.witness.app import RETRY_AFTER, TEXT
from lakzegel_office.witness.cosigning import RootAt, Witness

BODY_SECONDS: Final = 30.0  # for the whole request; a line of 3 KiB a second does it
_STATUS: Final[tuple[tuple[type[LakzegelError], int], ...]] = (
    (FormatError, 400),
    (SignatureError, 403),
    (UnknownLogError, 404),
    (OldSizeError, 409),
    (ConsistencyError, 422),
)
_log: Final = logging.getLogger(__name__)


def cosigning_route(witness: Witness, root_at: RootAt = lambda _: None) -> Route:
    """Return the route of a witness; ``root_at`` tells what its mirror knows of the log."""

    async def add_checkpoint(request: Request) -> Response:
        try:
            async with asyncio.timeout(BODY_SECONDS):
                data = await _body(request)
        except (TimeoutError, ClientDisconnect):
            return _text(503, "the request did not come whole")
        if data is None:
            return _text(413, f"more than {MAX_REQUEST} bytes")
        return await run_in_threadpool(_answer, witness, data, root_at)

    return Route("/add-checkpoint", add_checkpoint, methods=["POST"])


async def _body(request: Request) -> bytes | None:
    """Return the body, None when it is too long."""
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_REQUEST:
            return None
        chunks.append(chunk)
    return b"".join(chunks)


def _answer(witness: Witness, data: bytes, root_at: RootAt) -> Response:
    try:
        return Response(witness.add(data, root_at=root_at), media_type=TEXT)
    except OldSizeError as error:
        return Response(f"{error.size}\n", 409, {"Content-Type": SIZE_TYPE})
    except LakzegelError as error:
        found = [status for kind, status in _STATUS if isinstance(error, kind)]
        return _text(found[0] if found else 400, str(error))
    except (OfficeError, OSError) as error:
        _log.error("cannot cosign: %s", error if isinstance(error, OfficeError) else error.strerror)
        return _text(503, "the witness cannot read or write its state")


def _text(status: int, text: str) -> Response:
    headers = {"Retry-After": str(RETRY_AFTER)} if status == 503 else None  # noqa: PLR2004
    line = "".join(c if c.isprintable() else "?" for c in text)
    return Response(f"{line}\n", status, headers, media_type=TEXT)
