# SPDX-License-Identifier: EUPL-1.2
"""Answers HTTPS, or plain HTTP on this machine alone, until it is told to stop."""

from __future__ import annotations

import asyncio
import importlib.util
import signal
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp

from lakzegel_server.connection import BUFFER, Connection
from lakzegel_server.errors import ConfigError
from lakzegel_server.settings import is_loopback

MAX_CONNECTIONS: Final = 512
KEEP_ALIVE_SECONDS: Final = 75
GRACE_SECONDS: Final = 5  # for requests under way when it is told to stop
IDLE_SECONDS: Final = 0.5  # for connections on which nothing is under way
BACKLOG: Final = 256
_MAX_PORT: Final = 65_535


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to listen, and with which certificate."""

    host: str
    port: int
    cert: Path | None
    key: Path | None

    @classmethod
    def parse(cls, listen: str, *, cert: Path | None, key: Path | None) -> Endpoint:
        """The endpoint of ``ADDR:PORT`` (an IPv6 address in brackets).

        Raises:
            ConfigError: no address and port, or plain HTTP that others could reach.
        """
        host, colon, port = listen.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not colon or not (port.isascii() and port.isdigit()) or int(port) > _MAX_PORT:
            raise ConfigError(f"--listen {listen}: not ADDR:PORT")
        if (cert is None) != (key is None):
            raise ConfigError("--tls-cert and --tls-key belong together; give both or neither")
        if cert is None and not is_loopback(host):
            raise ConfigError(
                f"--listen {listen}: plain HTTP is for loopback addresses only;"
                " give --tls-cert and --tls-key"
            )
        return cls(host, int(port), cert, key)

    def bind(self) -> socket.socket:
        """A socket that listens there.

        Raises:
            ConfigError: the address cannot be had.
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
            raise ConfigError(f"--listen {where}: {error.strerror or error}") from None
        return bound

    def check_certificate(self) -> None:
        """Return when the certificate and its key can be used.

        Raises:
            ConfigError: they cannot.
        """
        if self.cert is None:
            return
        try:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.cert, self.key)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"{self.cert}, {self.key}: {error}") from None

    def url(self, bound: socket.socket) -> str:
        """The address that clients use."""
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

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop, also when an idle TLS client never answers that the connection ends."""
        loop = asyncio.get_running_loop()
        timers = [
            loop.call_later(IDLE_SECONDS, self._abort, True),
            loop.call_later(GRACE_SECONDS, self._abort, False),
        ]
        try:
            await super().shutdown(sockets)
        finally:
            for timer in timers:
                timer.cancel()

    def _abort(self, idle_only: bool) -> None:  # noqa: FBT001 - a callback's argument
        for connection in list(self.server_state.connections):
            cycle = getattr(connection, "cycle", None)
            if not idle_only or cycle is None or cycle.response_complete:
                connection.transport.abort()


def make_server(app: ASGIApp, endpoint: Endpoint, ready: Callable[[], None]) -> uvicorn.Server:
    """A server for the application; ``ready`` is called once it answers."""
    fast = importlib.util.find_spec("uvloop") is not None
    # a class is what it asks for, to call it is all it does
    connections: Any = partial(Connection, memoryview(bytearray(BUFFER)))
    config = uvicorn.Config(
        app,
        http=connections,
        loop="uvloop" if fast else "asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        ssl_certfile=endpoint.cert,
        ssl_keyfile=endpoint.key,
    )
    return _Server(config, ready)


def run(app: ASGIApp, endpoint: Endpoint, bound: socket.socket, ready: Callable[[], None]) -> None:
    """Serve until SIGTERM or Ctrl-C, then finish what is under way."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _already_stopping)  # uvicorn raises them again after it has stopped
    make_server(app, endpoint, ready).run(sockets=[bound])


def _already_stopping(_number: int, _frame: object) -> None:
    """Nothing more to do."""
