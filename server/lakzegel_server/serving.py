# SPDX-License-Identifier: EUPL-1.2
"""Answers HTTPS, or plain HTTP on this machine alone, until it is told to stop."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import signal
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp

from lakzegel_server.connection import BUFFER, Connection, Http
from lakzegel_server.doorway import Doorway
from lakzegel_server.errors import ConfigError
from lakzegel_server.gate import Gate
from lakzegel_server.manager import notify, watchdog_seconds
from lakzegel_server.vitals.certificate import Served
from lakzegel_web.listening import bind, parse_listen, url_of

MAX_CONNECTIONS: Final = 512
KEEP_ALIVE_SECONDS: Final = 75
GRACE_SECONDS: Final = 5  # for requests under way when it is told to stop
IDLE_SECONDS: Final = 0.5  # for connections on which nothing is under way
BACKLOG: Final = 2048
RECEIVED: Final = 2**20  # bytes a connection that the system holds; else it lets each have 32 MiB
_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to listen, and with which certificate."""

    host: str
    port: int
    cert: Path | None
    key: Path | None
    held: socket.socket | None = None  # by the service manager, which keeps it over a restart
    served: Served = field(default_factory=lambda: Served(None), compare=False)

    @classmethod
    def inherited(cls, held: socket.socket, *, cert: Path | None, key: Path | None) -> Endpoint:
        """The endpoint of a socket that listens already.

        Raises:
            ConfigError: plain HTTP that others could reach.
        """
        host, port = held.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        found = cls.parse(f"{shown}:{port}", cert=cert, key=key)
        return cls(found.host, found.port, cert, key, held, found.served)

    @classmethod
    def parse(cls, listen: str, *, cert: Path | None, key: Path | None) -> Endpoint:
        """The endpoint of ``ADDR:PORT`` (an IPv6 address in brackets).

        Raises:
            ConfigError: no address and port, or plain HTTP that others could reach.
        """
        host, port = parse_listen(listen, cert=cert, key=key, wrong=ConfigError)
        return cls(host, port, cert, key, served=Served(cert))

    def bind(self) -> socket.socket:
        """A socket that listens there.

        Raises:
            ConfigError: the address cannot be had.
        """
        bound = self.held
        if bound is None:
            bound = bind(self.host, self.port, backlog=BACKLOG, wrong=ConfigError)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVED)
        return bound

    def check_certificate(self) -> None:
        """Return when the certificate and its key can be used.

        Raises:
            ConfigError: they cannot.
        """
        self._load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))

    def load_certificate(self, context: ssl.SSLContext) -> None:
        """Use certificate and key, as they lie there now, for connections from now on.

        Raises:
            ConfigError: they cannot be used.
        """
        found = self.served.look()  # before: what replaces it meanwhile is then found to be unread
        context.num_tickets = 0  # no agent resumes, and two of them are a quarter of a handshake
        self._load(context)
        self.served.take(found)

    def _load(self, context: ssl.SSLContext) -> None:
        if self.cert is None:
            return
        try:
            context.load_cert_chain(self.cert, self.key)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"{self.cert}, {self.key}: {error}") from None

    def url(self, bound: socket.socket) -> str:
        """The address that clients use."""
        return url_of(self.host, bound, secure=self.cert is not None)


class _Server(uvicorn.Server):
    """Says when it is ready, takes a new certificate, and loses no request when it stops."""

    def __init__(
        self, config: uvicorn.Config, endpoint: Endpoint, ready: Callable[[], None], gate: Gate
    ) -> None:
        super().__init__(config)
        self._endpoint = endpoint
        self._ready = ready
        self._gate = gate
        self._doorways: list[Doorway] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        if self.config.ssl is None:
            await super().startup(sockets)
        else:
            await super().startup([])
            self._doorways = [
                Doorway(bound, self.config.ssl, self._connection, self._gate)
                for bound in sockets or []
            ]
            self.servers: list[Any] = [*self._doorways]
        if self.started:
            if threading.current_thread() is threading.main_thread():
                asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self.reload)
            self._ready()
            notify("READY=1")
            self._give_sign()

    def _connection(self) -> asyncio.BaseProtocol:
        make: Any = self.config.http_protocol_class
        made: asyncio.BaseProtocol = make(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return made

    def reload(self) -> None:
        """Use the certificate that lies there now; when it is no good, the one before."""
        context = self.config.ssl
        if context is None:
            _log.info("nothing to read anew: there is no certificate")
            return
        try:
            self._endpoint.check_certificate()
            self._endpoint.load_certificate(context)
        except ConfigError as error:
            _log.error("the certificate stays as it was: %s", error)
        else:
            _log.info("the certificate was read anew")

    def _give_sign(self) -> None:
        """Tell the manager, again and again, that this loop turns."""
        every = watchdog_seconds()
        if every is not None and not self.should_exit:
            notify("WATCHDOG=1")
            asyncio.get_running_loop().call_later(every, self._give_sign)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop, also when an idle TLS client never answers that the connection ends."""
        notify("STOPPING=1")
        if self._endpoint.held is not None:
            await self._hand_back()
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

    async def _hand_back(self) -> None:
        """Take no more connections, and answer what is on its way on those that there are.

        Whoever connects from now on waits in the socket that the manager holds.
        """
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            if isinstance(connection, Http):
                connection.end_soon()
        await asyncio.sleep(IDLE_SECONDS)

    def _abort(self, idle_only: bool) -> None:  # noqa: FBT001 - a callback's argument
        for doorway in self._doorways:
            doorway.drop()
        for connection in list(self.server_state.connections):
            cycle = getattr(connection, "cycle", None)
            if not idle_only or cycle is None or cycle.response_complete or _only_waits(cycle):
                connection.transport.abort()


def _only_waits(cycle: Any) -> bool:  # noqa: ANN401 - uvicorn's own
    """Whether nothing is under way for a request but that it waits for the log to grow."""
    return bool(cycle.scope.get("state", {}).get("waiting"))


def make_server(app: ASGIApp, endpoint: Endpoint, ready: Callable[[], None]) -> uvicorn.Server:
    """A server for the application; ``ready`` is called once it answers."""
    endpoint.served.take(endpoint.served.look())
    fast = importlib.util.find_spec("uvloop") is not None
    # a class is what it asks for, to call it is all it does
    gate = Gate()
    connections: Any = partial(Connection, memoryview(bytearray(BUFFER)), gate)
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
    return _Server(config, endpoint, ready, gate)


def run(app: ASGIApp, endpoint: Endpoint, bound: socket.socket, ready: Callable[[], None]) -> None:
    """Serve until SIGTERM or Ctrl-C, then finish what is under way."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _already_stopping)  # uvicorn raises them again after it has stopped
    make_server(app, endpoint, ready).run(sockets=[bound])


def _already_stopping(_number: int, _frame: object) -> None:
    """Nothing more to do."""
