# SPDX-License-Identifier: EUPL-1.2
"""Asking a log over plain HTTP or HTTPS; what comes back nobody has trusted yet.

No redirect is followed. Each question has a deadline as a whole: a log that sends a byte now and
then would else keep its monitor from ever saying that something is wrong.
"""

from __future__ import annotations

import http.client
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final
from urllib.parse import urlsplit

DEADLINE: Final = 60.0  # seconds for a question and its whole answer
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_NOT_THERE: Final = frozenset({404, 410})


class UnreachableError(Exception):
    """The log does not answer, or not now."""


class NotThereError(UnreachableError):
    """The log answers that it has nothing under this name."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Takes every redirect for the refusal that it is."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> None:
        del req, fp, code, msg, headers, newurl


class Fetcher:
    """Fetches below one address."""

    def __init__(
        self, url: str, ca_file: Path | None, *, token: str = "", deadline: float = DEADLINE
    ) -> None:
        parts = urlsplit(url)
        if token and parts.scheme != "https" and parts.hostname not in _LOOPBACK:
            raise ValueError(f"{url}: a token is sent over https:// only")
        self._prefix = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._deadline = deadline
        handlers: list[urllib.request.BaseHandler] = [_NoRedirect()]
        if parts.scheme == "https":
            context = ssl.create_default_context(cafile=ca_file)
            handlers.append(urllib.request.HTTPSHandler(context=context))
        if parts.hostname in _LOOPBACK:
            handlers.append(urllib.request.ProxyHandler({}))
        self._opener = urllib.request.build_opener(*handlers)

    def get(self, path: str, limit: int) -> bytes:
        """At most ``limit`` bytes.

        Raises:
            NotThereError: there is nothing of that name.
            UnreachableError: no answer, none in time, or a longer one.
        """
        url = f"{self._prefix}/{path}"
        answers: list[bytes | Exception] = []
        asking = threading.Thread(target=self._ask, args=(url, limit, answers), daemon=True)
        asking.start()
        asking.join(self._deadline)
        if not answers:
            raise UnreachableError(f"{url}: no whole answer in {self._deadline:g} s")
        if isinstance(answers[0], Exception):
            raise answers[0]
        return answers[0]

    def _ask(self, url: str, limit: int, answers: list[bytes | Exception]) -> None:
        try:
            asked = urllib.request.Request(url, headers=self._headers)  # noqa: S310 - as given
            answers.append(_limited(self._opener.open, asked, limit, self._deadline))
        except urllib.error.HTTPError as error:
            error.close()
            kind = NotThereError if error.code in _NOT_THERE else UnreachableError
            answers.append(kind(f"{url}: answered {error.code}"))
        except (OSError, http.client.HTTPException, UnreachableError) as error:
            answers.append(UnreachableError(f"{url}: {_why(error)}"))


def _limited(
    opened: Callable[..., IO[bytes]], asked: urllib.request.Request, limit: int, deadline: float
) -> bytes:
    with opened(asked, timeout=deadline) as answer:
        data = answer.read(limit + 1)
    if len(data) > limit:
        raise UnreachableError(f"more than {limit} bytes")
    return data


def _why(error: Exception) -> str:
    cause = getattr(error, "reason", error)
    text = getattr(cause, "strerror", None) or getattr(cause, "verify_message", None)
    return str(text or cause or type(error).__name__)
