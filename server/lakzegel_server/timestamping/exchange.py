# SPDX-License-Identifier: EUPL-1.2
"""One question to an authority over HTTP, with an end in sight (docs/spec/timestamps.md §2).

A socket's time-out is for one read, so an authority that sends a byte now and then would be waited
for without end: a timer shuts the connection when the whole has taken too long.
"""

from __future__ import annotations

import base64
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Final
from urllib.parse import SplitResult, urlsplit

from lakzegel_core.errors import TimestampError
from lakzegel_core.timetoken import MAX_ANSWER
from lakzegel_server.errors import ConfigError
from lakzegel_server.settings import read_secret
from lakzegel_server.settings_timestamps import TimestampAuthority

CONNECT_SECONDS: Final = 10.0  # without a byte
WHOLE_SECONDS: Final = 60.0
_FINE: Final = 200
_PORTS: Final = {"http": 80, "https": 443}
_HEADERS: Final = {
    "Content-Type": "application/timestamp-query",
    "Accept": "application/timestamp-reply",
    "Accept-Encoding": "identity",
    "Connection": "close",
}


@dataclass(frozen=True, slots=True, repr=False)
class Exchange:
    """How to reach one authority."""

    url: SplitResult
    proxy: SplitResult | None
    tls: ssl.SSLContext | None
    login: str | None  # the value of the header, secret

    @classmethod
    def of(cls, authority: TimestampAuthority) -> Exchange:
        """The way that the settings describe.

        Raises:
            ConfigError: a file that they name cannot be used.
        """
        url = urlsplit(authority.url)
        login = None
        if authority.user is not None and authority.password_file is not None:
            pair = f"{authority.user}:{read_secret(authority.password_file)}"
            login = f"Basic {base64.b64encode(pair.encode()).decode()}"
        proxy = None if authority.proxy is None else urlsplit(authority.proxy)
        return cls(url, proxy, _tls(authority) if url.scheme == "https" else None, login)

    def ask(self, query: bytes, *, whole: float = WHOLE_SECONDS) -> bytes:
        """What the authority answers with status 200.

        Raises:
            TimestampError: it cannot be reached, is too slow, or answers something else.
        """
        connection = self._connection(whole)
        try:
            with _cut_after(connection, whole) as late:
                try:
                    answer = self._exchange(connection, query, late)
                except (OSError, HTTPException) as error:
                    slow = late.is_set() or isinstance(error, TimeoutError)
                    reason = "slow" if slow else "unreachable"
                    raise TimestampError(reason, type(error).__name__) from None
                if late.is_set():  # what came until then may look whole
                    raise TimestampError("slow", "the answer was cut")
                return answer
        finally:
            connection.close()

    def _connection(self, whole: float) -> HTTPConnection:
        port = self.url.port or _PORTS[self.url.scheme]
        host = str(self.url.hostname)
        near = (host, port) if self.proxy is None else (str(self.proxy.hostname), self.proxy.port)
        seconds = min(CONNECT_SECONDS, whole)
        if self.tls is None:
            return HTTPConnection(*near, timeout=seconds)
        connection = HTTPSConnection(*near, timeout=seconds, context=self.tls)
        if self.proxy is not None:
            connection.set_tunnel(host, port)
        return connection

    def _exchange(self, connection: HTTPConnection, query: bytes, late: threading.Event) -> bytes:
        path = f"{self.url.path or '/'}{'?' if self.url.query else ''}{self.url.query}"
        plain_proxy = self.proxy is not None and self.tls is None
        target = self.url.geturl() if plain_proxy else path
        headers = dict(_HEADERS)
        if self.login is not None:
            headers["Authorization"] = self.login
        connection.connect()
        if late.is_set():
            raise TimeoutError
        connection.sock.settimeout(WHOLE_SECONDS)
        connection.request("POST", target, query, headers)
        answer = connection.getresponse()
        if answer.status != _FINE:
            raise TimestampError("answer", f"status {answer.status}")
        return _body(answer)


def _body(answer: HTTPResponse) -> bytes:
    data = answer.read(MAX_ANSWER + 1)
    if len(data) > MAX_ANSWER:
        raise TimestampError("answer", f"more than {MAX_ANSWER} bytes")
    if answer.length:
        raise TimestampError("unreachable", "the answer broke off")
    return data


@contextmanager
def _cut_after(connection: HTTPConnection, seconds: float) -> Iterator[threading.Event]:
    """Shut the connection after so long; the event says that it was."""
    late = threading.Event()

    def cut() -> None:
        late.set()
        with suppress(OSError, AttributeError):
            connection.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield late
    finally:
        timer.cancel()


def _tls(authority: TimestampAuthority) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=authority.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"{authority.ca_file}: {error.strerror or error}") from None
