# SPDX-License-Identifier: EUPL-1.2
"""Those who wait for the log to grow: woken by the next checkpoint, not by asking again.

For the event loop; one that waits costs a place in a set. (docs/spec/handover.md §1)
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

from lakzegel_server.errors import BusyError
from lakzegel_server.logstate import LogState

MAX_WAITING: Final = 64  # at a time: offices and monitors, each with a role


Gone = Callable[[], Awaitable[object]]


class Waiting:
    """The waiters of one receiver."""

    def __init__(self, log: LogState) -> None:
        self._state = log
        self._woken = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.count = 0
        log.when_shown(self._shown)

    async def beyond(self, size: int, seconds: float, gone: Gone) -> bool:
        """Whether the log has more than ``size`` entries, or has within so many seconds.

        Ends at once when the waiter is ``gone``.

        Raises:
            BusyError: too many wait.
        """
        if self.count >= MAX_WAITING:
            raise BusyError(f"{MAX_WAITING} wait for the log already; try again")
        self._loop = asyncio.get_running_loop()
        self.count += 1
        leaving: asyncio.Future[Any] = asyncio.ensure_future(gone())
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    while not leaving.done() and not self._is_beyond(size):
                        await self._next(leaving)
        finally:
            self.count -= 1
            leaving.cancel()
        return self._is_beyond(size)

    async def _next(self, leaving: asyncio.Future[Any]) -> None:
        woken: asyncio.Future[Any] = asyncio.ensure_future(self._woken.wait())
        try:
            await asyncio.wait({woken, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            woken.cancel()

    def _is_beyond(self, size: int) -> bool:
        return self._state.shown.checkpoint.size > size

    def _shown(self) -> None:
        """From the thread that sequences."""
        loop = self._loop
        if loop is not None and self.count:
            with suppress(RuntimeError):  # the loop has ended, and everybody with it
                loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._woken.set()
        self._woken = asyncio.Event()
