# SPDX-License-Identifier: EUPL-1.2
"""Connections on which no peer can keep us for ever; for `transport.py` and PAC files alone.

A time-out of the library is for one read of a socket, so that a peer which sends a byte now and
then is waited for without end: over the head of its answer, and over each piece of the body. And
sending is measured by the time-out for connecting, which a slow line does not keep.
"""

from __future__ import annotations

import errno
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse, HTTPResponse

from lakzegel_agent.lean import adapters, requests

CONNECT: Final = 10.0  # seconds to connect
OPENING: Final = 30.0  # seconds for a connection to stand, with a proxy's answer and TLS
READ: Final = 120.0  # seconds for a piece to leave, for an answer's head, between two reads
DEADLINE: Final = 300.0  # seconds for an answer's body, and what LEAST gives it beyond
LEAST: Final = 4096  # bytes a second that a body must bring once it takes longer
CHUNK: Final = 65_536  # bytes read at a time


class SlowError(Exception):
    """The answer comes too slowly to be waited for."""


class _Bounded:
    """An answer's head has a deadline, a piece that is sent the time of a read."""

    sock: socket.socket | None

    def connect(self) -> None:
        with self._within(OPENING) as late:
            super().connect()  # type: ignore[misc]
        if late.is_set():
            raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
        if self.sock is not None:
            self.sock.settimeout(READ)

    def getresponse(self) -> HTTPResponse:
        with self._within(READ) as late:
            found: HTTPResponse = super().getresponse()  # type: ignore[misc]
        if late.is_set():  # what came until then may look like a whole head
            found.close()
            raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
        return found

    @contextmanager
    def _within(self, seconds: float) -> Iterator[threading.Event]:
        """Cut the socket once this takes longer; the event says that it did."""
        late = threading.Event()
        timer = threading.Timer(seconds, self._cut, (late,))
        timer.daemon = True
        timer.start()
        try:
            yield late
        finally:
            timer.cancel()

    def _cut(self, late: threading.Event) -> None:
        """Let the thread that waits for this socket find it closed."""
        late.set()
        with suppress(OSError, AttributeError):
            self.sock.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]


class _Http(_Bounded, HTTPConnection):  # type: ignore[misc]
    pass


class _Https(_Bounded, HTTPSConnection):  # type: ignore[misc]
    pass


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _Https


_POOLS: Final = {"http": _HttpPool, "https": _HttpsPool}


class BoundedAdapter(adapters.HTTPAdapter):
    """The library's adapter over such connections, through a proxy too."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - the library's
        """Make the pools."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the library's
        """Make the pools of a proxy."""
        found = super().proxy_manager_for(*args, **kwargs)
        found.pool_classes_by_scheme = _POOLS
        return found


def bounded_session() -> requests.Session:
    """A session over bounded connections."""
    session = requests.Session()
    session.trust_env = False  # proxies are named by request, logins and authorities by nobody
    for scheme in ("http://", "https://"):
        session.mount(scheme, BoundedAdapter())
    return session


def pieces(answer: requests.Response, clock: Callable[[], float]) -> Iterator[bytes]:
    """What an answer's body holds, as it comes, coded as it was sent.

    Raises:
        SlowError: it brings less than LEAST once it takes longer than DEADLINE.
        requests.RequestException, OSError: it broke off.
    """
    raw: BaseHTTPResponse = answer.raw
    started, taken = clock(), 0
    while True:
        try:
            piece = raw.read1(CHUNK, decode_content=False)
        except HTTPError as error:
            raise requests.exceptions.ChunkedEncodingError(error) from error
        if not piece:
            return
        taken += len(piece)
        if clock() - started > DEADLINE + taken / LEAST:
            raise SlowError(f"no whole answer in {DEADLINE:.0f} s")
        yield piece


def fetch(url: str, *, limit: int, verify: str | bool) -> bytes:
    """What stands at an address, without a proxy and without being sent on.

    Raises:
        OSError: it cannot be had, or is more than ``limit`` bytes.
    """
    with bounded_session() as session:
        session.headers["Accept-Encoding"] = "identity"
        session.auth = without_login
        timeout = (CONNECT, READ)
        with session.get(
            url, timeout=timeout, stream=True, allow_redirects=False, verify=verify
        ) as answer:
            if answer.status_code != requests.codes.ok:
                raise OSError(errno.EPROTO, f"answered {answer.status_code}")
            whole = b""
            try:
                for piece in pieces(answer, time.monotonic):
                    whole += piece
                    if len(whole) > limit:
                        raise OSError(errno.EFBIG, f"more than {limit} bytes")
            except SlowError as error:
                raise OSError(errno.ETIMEDOUT, str(error)) from None
            return whole


def without_login(request: Any) -> Any:  # noqa: ANN401 - the library's own signature
    """The request as it is; else the library would look for a login in ``.netrc``."""
    return request
