# SPDX-License-Identifier: EUPL-1.2
"""One kept connection to a witness, on which no answer takes longer than a deadline.

A time-out of the library is for one read of a socket: a peer that sends a byte now and then would
be waited for without end. No redirect is followed, no proxy and no ``.netrc`` is looked up.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from lakzegel_core.addcheckpoint import MAX_ANSWER
from lakzegel_server.errors import ServerError

DEADLINE: Final = 10.0  # seconds for connecting, asking and the whole answer
_HEADERS: Final = {"Content-Type": "text/plain; charset=utf-8", "Accept-Encoding": "identity"}


class UnreachableError(ServerError):
    """The witness gave no whole answer in time; the message says why, in a word or two."""


class Line:
    """Asks one witness; for one thread at a time."""

    def __init__(self, url: str, ca_file: Path | None, *, deadline: float = DEADLINE) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port
        self._path = f"{parts.path.rstrip('/')}/add-checkpoint"
        self._secure = parts.scheme == "https"
        self._ca_file = ca_file
        self._deadline = deadline
        self._connection: http.client.HTTPConnection | None = None

    def ask(self, body: bytes) -> tuple[int, bytes]:
        """Status and body of the answer.

        Raises:
            UnreachableError: there is none.
        """
        kept = self._connection is not None
        try:
            return self._ask(body)
        except (ConnectionError, http.client.BadStatusLine) as error:
            if kept:  # it was idle for so long that the other end closed it
                return self._ask_anew(body)
            raise UnreachableError(_why(error)) from None
        except (OSError, http.client.HTTPException) as error:
            raise UnreachableError(_why(error)) from None

    def close(self) -> None:
        """Close the connection; the next question opens another."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _ask_anew(self, body: bytes) -> tuple[int, bytes]:
        try:
            return self._ask(body)
        except (OSError, http.client.HTTPException) as error:
            raise UnreachableError(_why(error)) from None

    def _ask(self, body: bytes) -> tuple[int, bytes]:
        connection = self._connection = self._connection or self._connect()
        try:
            with self._limited(connection):
                connection.request("POST", self._path, body, _HEADERS)
                answer = connection.getresponse()
                data = answer.read(MAX_ANSWER + 1)
        except BaseException:
            self.close()
            raise
        if not answer.isclosed():
            self.close()
        if len(data) > MAX_ANSWER:
            raise UnreachableError(f"more than {MAX_ANSWER} bytes")
        return answer.status, data

    def _connect(self) -> http.client.HTTPConnection:
        if not self._secure:
            return http.client.HTTPConnection(self._host, self._port, timeout=self._deadline)
        context = ssl.create_default_context(cafile=self._ca_file)
        return http.client.HTTPSConnection(
            self._host, self._port, timeout=self._deadline, context=context
        )

    @contextmanager
    def _limited(self, connection: http.client.HTTPConnection) -> Iterator[None]:
        """Cut the connection when the deadline passes."""
        late = threading.Event()
        timer = threading.Timer(self._deadline, _cut, (connection, late))
        timer.daemon = True
        timer.start()
        try:
            yield
        except (OSError, http.client.HTTPException):
            if not late.is_set():
                raise
        finally:
            timer.cancel()
        if late.is_set():  # what came until then may look like a whole answer
            raise TimeoutError


def _cut(connection: http.client.HTTPConnection, late: threading.Event) -> None:
    late.set()
    with suppress(OSError, AttributeError):  # it ended a moment before
        socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)


def _why(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ssl.SSLError):
        return "TLS: " + str(getattr(error, "verify_message", "") or error.reason or "failed")
    return str(getattr(error, "strerror", None) or type(error).__name__)
