# SPDX-License-Identifier: EUPL-1.2
"""A connection that nobody keeps by saying little, or by reading nothing.

uvicorn waits for ever for the head of a request, and for a reader who does not read.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS: Final = 15.0  # for a request's head, from connecting; later ones from the first byte
IDLE_SECONDS: Final = 75.0  # that a connection is kept between two requests
UNREAD_SECONDS: Final = 60.0  # for a reader to take something of what waits for him


class Connection(HttpToolsProtocol):
    """uvicorn's own, with an end to waiting."""

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - uvicorn's own
        super().__init__(*arguments, **named)
        self._head: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, and wait for a request's head."""
        super().connection_made(transport)
        self._head = self.loop.call_later(HEAD_SECONDS, transport.abort)

    def on_headers_complete(self) -> None:
        """The head is whole."""
        _end(self._head)
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """Wait for the next head."""
        super().on_response_complete()
        _end(self._head)
        self._head = self.loop.call_later(IDLE_SECONDS + HEAD_SECONDS, self.transport.abort)

    def pause_writing(self) -> None:
        """Wait for the reader."""
        super().pause_writing()
        _end(self._unread)
        self._unread = self.loop.call_later(UNREAD_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """He reads on."""
        _end(self._unread)
        super().resume_writing()

    def connection_lost(self, error: Exception | None) -> None:
        """Wait for nothing more."""
        _end(self._head)
        _end(self._unread)
        super().connection_lost(error)


def _end(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
