# SPDX-License-Identifier: EUPL-1.2
"""A connection on which what comes in is copied once before the application has it.

uvicorn's own makes new bytes of what the system read, appends the body among them to an array,
and hands out a copy of that: for a batch, more than it costs to hash it.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

BUFFER: Final = 2**20  # bytes read at a time


class Connection(asyncio.BufferedProtocol):
    """Reads into a buffer that all connections of one event loop share; the rest is uvicorn's.

    They can, for an event loop has what it read parsed before it reads again.
    """

    def __init__(self, buffer: memoryview, **uvicorn: Any) -> None:  # noqa: ANN401 - its own
        self._buffer = buffer
        self._http: Any = Http(**uvicorn)  # it says bytes, and takes any buffer

    def get_buffer(self, _wanted: int) -> memoryview:
        """Where the next bytes go."""
        return self._buffer

    def buffer_updated(self, size: int) -> None:
        """Parse them; the parser keeps none that it does not copy."""
        self._http.data_received(self._buffer[:size])

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._http.connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Let the application know."""
        self._http.connection_lost(error)

    def eof_received(self) -> None:
        """The sender says no more."""
        self._http.eof_received()

    def pause_writing(self) -> None:
        """Hold answers back."""
        self._http.pause_writing()

    def resume_writing(self) -> None:
        """Go on with them."""
        self._http.resume_writing()


class Http(HttpToolsProtocol):
    """Hands a piece of a body on as it is, unless the application takes several at once."""

    last = False  # the next answer is the last one on this connection

    def on_headers_complete(self) -> None:
        """Begin the answer."""
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
