# SPDX-License-Identifier: EUPL-1.2
"""A connection on which what comes in is copied once before the application has it.

uvicorn's own makes new bytes of what the system read, appends the body among them to an array,
and hands out a copy of that: for a batch, more than it costs to hash it. Nor does it end a
connection whose head never ends, or grows without end; the gate and the limits here do.
"""

from __future__ import annotations

import asyncio
import re
from enum import Enum, auto
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from lakzegel_server.gate import HEAD_SECONDS, READ_SECONDS, YOUNG_SECONDS, Gate, too_slow
from lakzegel_server.problems import document

BUFFER: Final = 2**20  # bytes read at a time; less costs a large batch a third more processor
AT_ONCE: Final = 2**23  # bytes that all who are being answered may have brought by one look each
LEAST: Final = 2**16  # bytes read at a time, however many there are
AHEAD: Final = 2**16  # bytes, as they came, that TLS keeps of a sender who has to wait
MAX_HEAD: Final = 2**15  # bytes of a request's line and header fields, trailers included
MAX_FIELDS: Final = 100
VERSIONS: Final = frozenset({"1.0", "1.1"})
ONCE: Final = frozenset({b"host", b"authorization", b"transfer-encoding"})
HOST: Final = re.compile(rb"[A-Za-z0-9._:\[\]%~-]*")  # RFC 9112 §3.2, without user names
MAX_PIPELINED: Final = 8  # requests that wait for the answer to the one before


class Owed(Enum):
    """What a connection is waited for."""

    HEAD = auto()  # of a request: the first one, or one that has begun
    NEXT = auto()  # request, of which there is nothing yet
    BODY = auto()
    REST = auto()  # of a body that was answered before its end
    READING = auto()  # that it takes its answer
    NOTHING = auto()


class Connection(asyncio.BufferedProtocol):
    """Reads into a buffer that all connections of one event loop share; the rest is uvicorn's.

    They can, for an event loop has what it read parsed before it reads again.
    """

    def __init__(self, buffer: memoryview, gate: Gate, **uvicorn: Any) -> None:  # noqa: ANN401
        self._buffer = buffer
        self._gate = gate
        self._http: Any = Http(**uvicorn)  # it says bytes, and takes any buffer
        self._since = self._last = gate.now()  # when what is owed began, when something came
        self._received = 0  # bytes of what is owed
        self._paused: float | None = None  # since when its answer cannot be written
        self._partial = 0  # bytes of a head that has not ended; the parser keeps them
        self._begun = False  # whether anything ever came

    def get_buffer(self, _wanted: int) -> memoryview:
        """Where the next bytes go: the more are being answered, the less of each is in memory."""
        many = len(self._http.tasks)
        if many * BUFFER <= AT_ONCE:
            return self._buffer
        return self._buffer[: max(LEAST, AT_ONCE // many)]

    def buffer_updated(self, size: int) -> None:
        """Parse them; the parser keeps none that it does not copy."""
        before, begun = self._owed(), self._http.head_begun
        self._last = self._gate.now()
        if before is Owed.NEXT:
            self._since, self._received = self._last, 0
        self._begun = True
        self._received += size
        self._http.data_received(self._buffer[:size])
        after = self._owed()
        self._partial = self._partial + size if begun else size
        if self._http.head_begun and self._partial > MAX_HEAD:
            self._http.send_400_response("the head is too large")
        elif after is not before:  # what came with a head counts for the body after it
            self._since, self._received = self._last, size if after is Owed.BODY else 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        limit = getattr(transport, "set_read_buffer_limits", None)
        if limit is not None:  # of TLS alone
            limit(high=AHEAD)
        self._http.connection_made(transport)
        self._gate.enter(self)

    def connection_lost(self, error: Exception | None) -> None:
        """Let the application know, and let go of it: TLS keeps this, and it keeps TLS's buffers.

        Each closed connection would else stay, with 300 KB, until the next look for cycles.
        """
        self._gate.leave(self)
        self._http.connection_lost(error)
        self._http = None

    def eof_received(self) -> None:
        """The sender says no more."""
        self._http.eof_received()

    def pause_writing(self) -> None:
        """Hold answers back."""
        self._paused = self._gate.now()
        self._http.pause_writing()

    def resume_writing(self) -> None:
        """Go on with them."""
        self._paused = None
        self._http.resume_writing()

    # as the gate judges it

    def overdue(self, now: float) -> bool:
        """Whether it has kept this receiver waiting for too long; a body's handler says so itself.

        Between two requests uvicorn lets it go.
        """
        owed = self._owed()
        if owed is Owed.HEAD:
            return now - self._since > HEAD_SECONDS
        if owed is Owed.READING:
            return now - (self._paused or now) > READ_SECONDS
        return owed is Owed.REST and too_slow(self._received, self._since, self._last, now)

    def speed(self, now: float) -> float | None:
        """Bytes a second of what it owes; None when it owes nothing."""
        owed = self._owed()
        if owed is Owed.NOTHING:
            return None
        if owed in {Owed.NEXT, Owed.READING}:
            return 0.0
        return self._received / max(YOUNG_SECONDS, now - self._since)

    def drop(self) -> None:
        """End it at once."""
        if self._http is not None:
            self._http.transport.abort()

    def _owed(self) -> Owed:
        cycle = self._http.cycle
        if cycle is None or (cycle.response_complete and not cycle.more_body):
            fresh = not self._begun or self._http.head_begun
            return Owed.HEAD if fresh else Owed.NEXT
        if cycle.response_complete:
            return Owed.REST
        if cycle.more_body:
            return Owed.BODY
        return Owed.NOTHING if self._paused is None else Owed.READING


class Http(HttpToolsProtocol):
    """Hands a piece of a body on as it is, unless the application takes several at once."""

    head_begun = False
    _head = 0  # bytes of the head so far
    _fields = 0
    _once: frozenset[bytes] = frozenset()  # fields that have come, of those that come once
    last = False  # the next answer is the last one on this connection

    def on_message_begin(self) -> None:
        """A head begins."""
        self.head_begun, self._head, self._fields, self._once = True, 0, 0, frozenset()
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Count it."""
        self._grow(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count it."""
        self._fields += 1
        self._grow(len(name) + len(value))
        self._count_once(name.lower(), value)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Begin the answer, unless too many wait for theirs."""
        self.head_begun = False
        if len(self.pipeline) >= MAX_PIPELINED:
            raise ValueError("too many requests at once")
        version = self.parser.get_http_version()
        if version not in VERSIONS or (version == "1.1" and b"host" not in self._once):
            raise ValueError("no Host, or not of HTTP/1")
        super().on_headers_complete()
        if self.last and self.cycle is not None:
            self.cycle.keep_alive = False

    def end_soon(self) -> None:
        """Answer a request that is on its way still, and say that it is the last."""
        self.last = True
        if self.cycle is not None:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Hand a piece on."""
        cycle: Any = self.cycle
        if not cycle.body:
            cycle.body = b""  # nothing and a piece together are the piece itself
        elif isinstance(cycle.body, bytes):
            cycle.body = bytearray(cycle.body)  # which grows without a copy of all
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The end of a body, or of what would have been one."""
        if self.cycle.response_complete:
            self.cycle.more_body = False  # what came after its answer has come to its end
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer as every other refusal is (docs/spec/http.md §3), and end the connection."""
        body = bytes(document(400, "format", f"not a request of HTTP/1.1: {msg}").body)
        head = (
            "HTTP/1.1 400 Bad Request\r\ncontent-type: application/problem+json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()

    def _count_once(self, name: bytes, value: bytes) -> None:
        """Refuse what a proxy before this receiver might read in another way than it does."""
        if name in ONCE:
            if name in self._once:
                raise ValueError("a field comes twice")
            self._once |= {name}
        if name == b"host" and not HOST.fullmatch(value):
            raise ValueError("not a Host")
        if name == b"transfer-encoding" and value.strip().lower() != b"chunked":
            raise ValueError("a coding that is not taken")

    def _grow(self, size: int) -> None:
        """Count the head; what is raised here ends the connection with 400."""
        self._head += size
        if self._head > MAX_HEAD or self._fields > MAX_FIELDS:
            raise ValueError("the head is too large")
