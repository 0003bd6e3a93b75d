# SPDX-License-Identifier: EUPL-1.2
"""Takes TLS connections, and counts them from their first packet (docs/spec/http.md §4).

asyncio's own server tells nobody of a connection before its handshake has ended, and waits for
that a minute: a few thousand handshakes that never end took every file that a process may open.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final

from lakzegel_server.gate import HEAD_SECONDS, Gate

AT_ONCE: Final = 64  # connections taken before others have their turn
PAUSE_SECONDS: Final = 0.2  # after the system had no room for one more
GOODBYE_SECONDS: Final = 5.0  # for a client to say that it heard that a connection ends


class Handshake:
    """A connection of which the handshake has not ended, as the gate judges it."""

    def __init__(self, taken: socket.socket, since: float) -> None:
        self._taken = taken
        self._since = since
        self.begun = False  # the socket is the library's from then on
        self.task: asyncio.Task[None] | None = None

    def overdue(self, now: float) -> bool:
        """Whether it takes too long; a head may take as long."""
        return now - self._since > HEAD_SECONDS

    def speed(self, _now: float) -> float:
        """Nothing of what it owes has come."""
        return 0.0

    def drop(self) -> None:
        """End it at once."""
        if self.task is not None:
            self.task.cancel()
        if not self.begun:
            self._taken.close()


class Doorway:
    """A listening socket of which every connection stands in the gate; for the event loop."""

    def __init__(
        self,
        bound: socket.socket,
        context: ssl.SSLContext,
        make: Callable[[], asyncio.BaseProtocol],
        gate: Gate,
    ) -> None:
        self._bound = bound
        self._context = context
        self._make = make
        self._gate = gate
        self._loop = asyncio.get_running_loop()
        self._handshakes: set[Handshake] = set()
        self._open = True
        bound.setblocking(False)
        self._look()

    def close(self) -> None:
        """Take no more; who was taken goes on."""
        self._open = False
        self._loop.remove_reader(self._bound)

    def drop(self) -> None:
        """End every handshake at once."""
        for handshake in self._handshakes:
            handshake.drop()

    async def wait_closed(self) -> None:
        """Nothing more to wait for: who was taken is somebody else's by now."""

    def _look(self) -> None:
        if self._open:
            self._loop.add_reader(self._bound, self._take)

    def _take(self) -> None:
        for _ in range(AT_ONCE):
            try:
                taken, _ = self._bound.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError:  # no room for one more
                self._loop.remove_reader(self._bound)
                self._loop.call_later(PAUSE_SECONDS, self._look)
                return
            taken.setblocking(False)
            handshake = Handshake(taken, self._gate.now())
            self._gate.enter(handshake)
            self._handshakes.add(handshake)
            handshake.task = self._loop.create_task(self._greet(taken, handshake))
            handshake.task.add_done_callback(partial(self._over, handshake))

    async def _greet(self, taken: socket.socket, handshake: Handshake) -> None:
        """Agree on keys; from then on it is a connection as any other."""
        handshake.begun = True
        with suppress(OSError):  # of TLS as well; there is nobody to tell
            await self._loop.connect_accepted_socket(
                self._make, taken, ssl=self._context, ssl_shutdown_timeout=GOODBYE_SECONDS
            )

    def _over(self, handshake: Handshake, _task: object) -> None:
        self._handshakes.discard(handshake)
        self._gate.leave(handshake)
