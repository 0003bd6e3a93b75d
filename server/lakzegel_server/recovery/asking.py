# SPDX-License-Identifier: EUPL-1.2
"""One bounded HTTP request at a time to those who saw the log; what comes back nobody trusts yet.

No redirect is followed, for it would carry the login elsewhere; no proxy and no ``.netrc`` is
looked up, for a receiver's operator names its peers himself.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

import requests

from lakzegel_server.errors import ServerError

TIMEOUT: Final = (5.0, 20.0)  # seconds to connect, and of silence
SLOWEST: Final = 4096  # bytes a second on average, after the first PATIENCE
PATIENCE: Final = 30.0  # seconds
BLOCK: Final = 2**16


class NoAnswerError(ServerError):
    """Somebody could not be asked, or said nothing of use."""


class Asker:
    """A session with one server."""

    def __init__(self, url: str, ca_file: Path | None, token: str | None = None) -> None:
        self.url = url
        self._session = requests.Session()
        self._session.trust_env = False
        if ca_file is not None:
            self._session.verify = str(ca_file)
        if token is not None:
            self._session.headers["Authorization"] = f"Bearer {token}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def ask(
        self, method: str, path: str, limit: int, body: bytes | None = None
    ) -> tuple[int, bytes]:
        """Status and body of an answer of at most ``limit`` bytes.

        Raises:
            NoAnswerError: there is none, or a longer one.
        """
        with self.open(method, path, body) as (status, blocks):
            data = b""
            for block in blocks:
                data += block
                if len(data) > limit:
                    raise NoAnswerError(f"{self.url}{path}: more than {limit} bytes")
            return status, data

    @contextmanager
    def open(
        self, method: str, path: str, body: bytes | None = None
    ) -> Iterator[tuple[int, Iterator[bytes]]]:
        """Status and blocks of an answer.

        Raises:
            NoAnswerError: there is none, or it stops half-way.
        """
        try:
            answer = self._session.request(
                method,
                self.url + path,
                data=body,
                timeout=TIMEOUT,
                allow_redirects=False,
                stream=True,
            )
        except (requests.RequestException, OSError) as error:  # OSError: the CA file
            raise NoAnswerError(f"{self.url}{path}: {_why(error)}") from None
        with answer:
            yield answer.status_code, self._blocks(answer, path)

    def _blocks(self, answer: requests.Response, path: str) -> Iterator[bytes]:
        began, size = time.monotonic(), 0
        received = answer.iter_content(BLOCK)
        while True:
            try:
                block = next(received, b"")
            except requests.RequestException as error:
                raise NoAnswerError(f"{self.url}{path}: {_why(error)}") from None
            if not block:
                return
            size += len(block)
            late = time.monotonic() - began - PATIENCE
            if late > 0 and size < late * SLOWEST:
                raise NoAnswerError(f"{self.url}{path}: too slow")
            yield block


def _why(error: BaseException) -> str:
    """A short cause, without the library's nesting."""
    while error.__cause__ is not None or error.__context__ is not None:
        error = error.__cause__ or error.__context__ or error
    return str(getattr(error, "strerror", None) or type(error).__name__)
