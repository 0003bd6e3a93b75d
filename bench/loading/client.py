# SPDX-License-Identifier: EUPL-1.2
"""Hundreds of HTTP connections by one thread, for little of the processor that is measured.

An epoll, sockets that do not block, OpenSSL right on the socket: nothing between.
"""

import errno
import heapq
import ipaddress
import os
import select
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlsplit

from bench.measure import BenchError

READ: Final = 2**16
RETRY: Final = frozenset({429, 503, 507})
_IN: Final = select.EPOLLIN
_OUT: Final = select.EPOLLOUT


@dataclass(frozen=True, slots=True)
class Target:
    """Where to connect to: this machine alone."""

    host: str
    port: int
    context: ssl.SSLContext | None

    @classmethod
    def parse(cls, url: str, ca_file: Path | None) -> Self:
        """The target of ``http://127.0.0.1:PORT`` or ``https://…``.

        Raises:
            BenchError: another machine, or no address.
        """
        parts = urlsplit(url)
        try:
            loopback = ipaddress.ip_address(parts.hostname or "").is_loopback
            port = parts.port
        except ValueError:
            loopback, port = False, None
        if not loopback or port is None or parts.hostname is None or parts.path not in {"", "/"}:
            raise BenchError(f"{url}: only a loopback address and a port may be loaded")
        if parts.scheme not in {"http", "https"}:
            raise BenchError(f"{url}: neither http nor https")
        return cls(parts.hostname, port, _context(ca_file) if parts.scheme == "https" else None)

    def open(self) -> socket.socket:
        """A socket on its way to being connected."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        found = socket.socket(family, socket.SOCK_STREAM)
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        found.setblocking(False)
        found.connect_ex((self.host, self.port))
        return found


def _context(ca_file: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, and when it had come; status 0 when the connection ended first."""

    status: int
    body: bytes
    at: float


class Lane:
    """One connection: it carries one request at a time, and connects anew where it was let go."""

    def __init__(self, engine: "Engine", target: Target, *, lasting: bool = True) -> None:
        self._engine = engine
        self._target = target
        self._lasting = lasting
        self._socket: Any = None
        self._rest: list[memoryview] = []
        self._answer = bytearray()
        self._wanted = -1  # bytes of the whole answer, once its head is there
        self._done: Callable[[Answer], None] = _nothing
        self._events = 0
        self._greeting = False

    def send(self, pieces: list[memoryview], done: Callable[[Answer], None]) -> None:
        """Begin a request; ``done`` hears of its answer."""
        self._rest, self._done = pieces, done
        self._answer.clear()
        self._wanted = -1
        if self._socket is None:
            self._connect()
        else:
            self.ready()

    def ready(self) -> None:
        """Go on: the socket may take or give something."""
        try:
            self._go_on()
        except (ssl.SSLWantReadError, BlockingIOError):
            self._wait(_IN if self._greeting or not self._rest else _OUT)
        except ssl.SSLWantWriteError:
            self._wait(_OUT)
        except OSError as error:
            if error.errno == errno.ENOTCONN:
                self._wait(_OUT)
            else:
                self._end(0, b"")

    def close(self) -> None:
        """Let the connection go."""
        if self._socket is not None:
            self._engine.forget(self._socket)
            with suppress(OSError):
                self._socket.close()
            self._socket, self._events = None, 0

    def _connect(self) -> None:
        plain = self._target.open()
        context = self._target.context
        self._greeting = context is not None
        self._socket = plain
        self._wait(_OUT)

    def _greet(self) -> None:
        """The handshake, as far as it goes at present."""
        context = self._target.context
        if context is not None and not isinstance(self._socket, ssl.SSLSocket):
            plain = self._socket
            plain.getpeername()  # not connected yet: it raises, and is asked again
            self._engine.forget(plain)
            self._events = 0
            self._socket = context.wrap_socket(
                plain, do_handshake_on_connect=False, server_hostname=self._target.host
            )
        self._socket.do_handshake()
        self._greeting = False

    def _go_on(self) -> None:
        if self._greeting:
            self._greet()
        while self._rest:
            taken = self._socket.send(self._rest[0])
            self._rest[0] = self._rest[0][taken:]
            if not self._rest[0]:
                del self._rest[0]
        while True:
            data = self._socket.recv(READ)
            if not data:
                self._end(0, b"")
                return
            self._answer += data
            if self._is_whole():
                head, _, body = bytes(self._answer).partition(b"\r\n\r\n")
                self._end(int(head[9:12]), body, gone=b"connection: close" in head.lower())
                return

    def _is_whole(self) -> bool:
        if self._wanted < 0:
            end = self._answer.find(b"\r\n\r\n")
            if end < 0:
                return False
            head = bytes(self._answer[:end]).lower()
            _, found, rest = head.partition(b"content-length:")
            length = int(rest.split(b"\r\n", 1)[0]) if found else 0
            self._wanted = end + 4 + length
        return len(self._answer) >= self._wanted

    def _end(self, status: int, body: bytes, *, gone: bool = False) -> None:
        if status == 0 or gone or not self._lasting:
            self.close()
        else:
            self._wait(_IN)
        done, self._done = self._done, _nothing
        done(Answer(status, body, time.perf_counter()))

    def _wait(self, events: int) -> None:
        if self._events != events:
            self._engine.watch(self._socket, self, events, anew=self._events == 0)
            self._events = events


def _nothing(_answer: Answer) -> None:
    """Nobody asked."""


class Engine:
    """Turns until nothing is to be done any more."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._lanes: dict[int, Lane] = {}
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()
        self._told: deque[Callable[[], None]] = deque()
        self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._epoll.register(self._bell, _IN)

    def watch(self, found: socket.socket, lane: Lane, events: int, *, anew: bool) -> None:
        """Have a lane go on when its socket is ready for that."""
        number = found.fileno()
        self._lanes[number] = lane
        if anew:
            self._epoll.register(number, events)
        else:
            self._epoll.modify(number, events)

    def forget(self, found: socket.socket) -> None:
        """Look at a socket no more."""
        if self._lanes.pop(found.fileno(), None) is not None:
            self._epoll.unregister(found.fileno())

    def at(self, moment: float, call: Callable[[], None]) -> None:
        """Call this at a moment of ``time.perf_counter``."""
        heapq.heappush(self._timers, (moment, next(self._numbers), call))

    def every(self, seconds: float, call: Callable[[], None]) -> None:
        """Call this again and again."""

        def again() -> None:
            call()
            self.at(time.perf_counter() + seconds, again)

        again()

    def from_thread(self, call: Callable[[], None]) -> None:
        """Call this soon; for other threads."""
        self._told.append(call)
        os.eventfd_write(self._bell, 1)

    def run(self, until: Callable[[], bool], *, deadline: float) -> None:
        """Turn until that is so.

        Raises:
            BenchError: it was not by the deadline.
        """
        while not until():
            now = time.perf_counter()
            if now > deadline:
                raise BenchError("answers did not come in time")
            while self._timers and self._timers[0][0] <= now:
                heapq.heappop(self._timers)[2]()
            soonest = self._timers[0][0] - time.perf_counter() if self._timers else 0.1
            for number, _ in self._epoll.poll(max(0.0, min(soonest, 0.1)), 256):
                lane = self._lanes.get(number)
                if lane is not None:
                    lane.ready()
                elif number == self._bell:
                    self._hear()

    def _hear(self) -> None:
        os.eventfd_read(self._bell)
        while self._told:
            self._told.popleft()()

    def close(self) -> None:
        """Close every connection."""
        for lane in list(self._lanes.values()):
            lane.close()
        self._epoll.close()
        os.close(self._bell)
