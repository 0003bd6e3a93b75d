# SPDX-License-Identifier: EUPL-1.2
"""Errors as RFC 9457 problem documents that tell "never" from "again" (docs/spec/http.md §3)."""

from __future__ import annotations

import errno
import math
from http import HTTPStatus
from typing import Final

from starlette.responses import JSONResponse

from lakzegel_core import errors as core
from lakzegel_server import errors as own
from lakzegel_server.index.engine import FAILURES
from lakzegel_server.sequencer import explain

BASE: Final = "https://lakzegel.nl/problems/"
RETRY_AFTER: Final = 5  # seconds
_STATUS: Final[tuple[tuple[type[Exception], int], ...]] = (
    (core.LimitError, 413),
    (core.FormatError, 400),
    (core.ChainError, 409),
    (core.ProofError, 409),
    (core.AdmissionError, 403),
    (core.SignatureError, 403),
    (core.LakzegelError, 422),
    (own.MisplacedError, 422),
    (own.ForgeryError, 403),
    (own.SignOnError, 403),
    (own.TooManyError, 429),
    (own.MissingError, 404),
    (own.LostError, 410),
    (own.FullError, 507),
    (own.BusyError, 503),
    (own.DamageError, 503),
)
_AGAIN: Final = frozenset({429, 503, 507})
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


def status_of(error: Exception) -> int:
    """The HTTP status of a refusal; 500 for what nobody expected."""
    if isinstance(error, own.DeniedError):
        return HTTPStatus.FORBIDDEN if error.known else HTTPStatus.UNAUTHORIZED
    if isinstance(error, OSError):
        return 507 if error.errno in _NO_ROOM else 503
    for kind, status in _STATUS:
        if isinstance(error, kind):
            return status
    return HTTPStatus.INTERNAL_SERVER_ERROR


def problem(error: Exception) -> Problem:
    """The problem document of a refusal."""
    if isinstance(error, FAILURES):
        error = explain(error)
    status = status_of(error)
    if isinstance(error, OSError):
        code = "full" if status == HTTPStatus.INSUFFICIENT_STORAGE else "storage"
        return document(status, code, f"cannot store: {error.strerror or 'input or output error'}")
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return document(status, "internal", "the receiver failed; its own log says where")
    answer = document(status, getattr(error, "code", "internal"), str(error))
    if isinstance(error, own.TooManyError):
        answer.headers["Retry-After"] = str(math.ceil(error.seconds))
    return answer


class Problem(JSONResponse):
    """A problem document, which knows its code."""

    media_type = "application/problem+json"
    code = "internal"


def document(status: int, code: str, detail: str, **more: object) -> Problem:
    """A problem document, with members of its own where a page of docs/spec has some."""
    headers = {}
    if status in _AGAIN:
        headers["Retry-After"] = str(RETRY_AFTER)
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    body = {
        "type": BASE + code,
        "title": code.replace("-", " "),
        "status": status,
        "detail": detail,
        "retry": status in _AGAIN,
        **more,
    }
    answer = Problem(body, status, headers)
    answer.code = code
    return answer
