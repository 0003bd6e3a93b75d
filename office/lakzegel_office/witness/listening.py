# SPDX-License-Identifier: EUPL-1.2
"""Where the office listens: HTTPS, or plain HTTP on this machine alone."""

from __future__ import annotations

import ipaddress
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

MAX_CONNECTIONS: Final = 512
GRACE: Final = 5  # seconds for requests under way when it is told to stop
BACKLOG: Final = 256
_MAX_PORT: Final = 65_535


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
        host, colon, port = listen.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not colon or not (port.isascii() and port.isdigit()) or int(port) > _MAX_PORT:
            raise UsageError(f"--listen {listen}: not ADDR:PORT")
        if (cert is None) != (key is None):
            raise UsageError("--tls-cert and --tls-key belong together; give both or neither")
        if cert is None and not _is_loopback(host):
            raise UsageError(
                f"--listen {listen}: plain HTTP is for loopback addresses only; "
                "give --tls-cert and --tls-key"
            )
        found = cls(host, int(port), cert, key)
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
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        bound = socket.socket(family, socket.SOCK_STREAM)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind((self.host, self.port))
            bound.listen(BACKLOG)
        except OSError as error:
            bound.close()
            where = f"{self.host}:{self.port}"
            raise UsageError(f"--listen {where}: {error.strerror or error}") from None
        return bound

    def url(self, bound: socket.socket) -> str:
        """Return the address that clients use."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.cert else 'http'}://{host}:{bound.getsockname()[1]}"


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


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
