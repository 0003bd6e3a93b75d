# SPDX-License-Identifier: EUPL-1.2
"""Where the office listens: HTTPS, or plain HTTP on this machine alone."""

from __future__ import annotations

import signal
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from lakzegel_office.errors import UsageError
from lakzegel_office.witness.connection import IDLE_SECONDS, Connection
from lakzegel_web.listening import bind, parse_listen, url_of

MAX_CONNECTIONS: Final = 512
GRACE: Final = 5  # seconds for requests under way when it is told to stop
BACKLOG: Final = 256


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address to listen on, and the certificate for it."""

    host: str
    port: int
    cert: Path | None
    key: Path | None

    @classmethod
    def parse(cls, listen: str, *, cert: Path | None, key: Path | None) -> Endpoint:
        """Return the endpoint of ``ADDR:PORT`` (an IPv6 address in brackets).

        Raises:
            UsageError: no address and port, a certificate that cannot be used, or plain HTTP
                that others could reach.
        """
        host, port = parse_listen(listen, cert=cert, key=key, wrong=UsageError)
        found = cls(host, port, cert, key)
        found.check_certificate()
        return found

    def check_certificate(self) -> None:
        """Return when the certificate and its key can be used.

        Raises:
            UsageError: they cannot.
        """
        if self.cert is None:
            return
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self.cert, self.key)
        except (OSError, ssl.SSLError) as error:
            raise UsageError(f"{self.cert}, {self.key}: {error}") from None

    def bind(self) -> socket.socket:
        """Return a socket that listens there.

        Raises:
            UsageError: the address cannot be had.
        """
        return bind(self.host, self.port, backlog=BACKLOG, wrong=UsageError)

    def url(self, bound: socket.socket) -> str:
        """Return the address that clients use."""
        return url_of(self.host, bound, secure=self.cert is not None)


class _Server(uvicorn.Server):
    """Says when it is ready."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()


def make_server(app: ASGIApp, endpoint: Endpoint, ready: Callable[[], None]) -> uvicorn.Server:
    """Return a server for the application; ``ready`` is called once it answers."""
    config = uvicorn.Config(
        app,
        http=Connection,
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # nothing that a request says is believed of its sender
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=int(IDLE_SECONDS),
        timeout_graceful_shutdown=GRACE,
        ssl_certfile=endpoint.cert,
        ssl_keyfile=endpoint.key,
    )
    return _Server(config, ready)


def run(app: ASGIApp, endpoint: Endpoint, bound: socket.socket, ready: Callable[[], None]) -> None:
    """Serve until SIGTERM or Ctrl-C, then finish what is under way."""
    quiet_signals()
    make_server(app, endpoint, ready).run(sockets=[bound])


def quiet_signals() -> None:
    """Have SIGTERM and Ctrl-C end a server and nothing more."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _already_stopping)  # uvicorn raises them again after it has stopped


def _already_stopping(_number: int, _frame: object) -> None:
    """Nothing more to do."""
