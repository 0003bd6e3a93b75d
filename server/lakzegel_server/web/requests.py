# SPDX-License-Identifier: EUPL-1.2
"""What handlers ask of a request: limited bodies, names, sizes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from lakzegel_core.encoding import parse_decimal
from lakzegel_core.errors import FormatError, LimitError
from lakzegel_server.desk import Desk
from lakzegel_server.errors import MissingError
from lakzegel_server.housekeeping import is_id
from lakzegel_server.pace import timed
from lakzegel_server.words import text

Handler = Callable[[Desk, Request], Awaitable[Response]]
BINARY: Final = "application/octet-stream"
TEXT: Final = "text/plain; charset=utf-8"


def stated_length(request: Request) -> int | None:
    """The Content-Length, when there is one.

    Raises:
        FormatError: it is not a number.
    """
    text = request.headers.get("content-length")
    return None if text is None else parse_decimal(text, what="Content-Length")


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body of at most ``limit`` bytes.

    Raises:
        LimitError: it is larger; the rest is not kept.
    """
    length = stated_length(request)
    if length is not None and length > limit:
        raise LimitError(
            "body", text("{count} bytes, at most {limit}").format(count=length, limit=limit)
        )
    chunks, size = [], 0
    async for chunk in timed(request.stream()):
        size += len(chunk)
        if size > limit:
            raise LimitError("body", text("more than {limit} bytes").format(limit=limit))
        chunks.append(chunk)
    return b"".join(chunks)


def old_size(request: Request) -> int | None:
    """The ``old`` of the query, when it was given.

    Raises:
        FormatError: it is not a size.
    """
    text = request.query_params.get("old")
    return None if text is None else parse_decimal(text, what="old")


def id_to_find(request: Request) -> str:
    """The id in the path of something to hand out.

    Raises:
        MissingError: nothing can have this id.
    """
    name = str(request.path_params["name"])
    if not is_id(name):
        raise MissingError("nothing has this name")
    return name


def id_to_store(request: Request) -> str:
    """The id in the path of something to store.

    Raises:
        FormatError: not the lower-case hexadecimal of 32 bytes.
    """
    name = str(request.path_params["name"])
    if not is_id(name):
        raise FormatError("name", "not 64 lower-case hexadecimal digits")
    return name
