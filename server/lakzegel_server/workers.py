# SPDX-License-Identifier: EUPL-1.2
"""Threads for everything that may block, so that the event loop never does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar

THREADS: Final = 8  # disks and hashing gain nothing from more
P = ParamSpec("P")
T = TypeVar("T")


class Workers:
    """A pool of threads."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="worker")

    def start(
        self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> asyncio.Future[T]:
        """The future of work that begins now; cancelling the future does not stop the work."""
        loop = asyncio.get_running_loop()
        return loop.run_in_executor(self._pool, lambda: work(*args, **kwargs))

    async def run(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """What the work returns. A cancelled caller still waits until it has ended."""
        future = self.start(work, *args, **kwargs)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await asyncio.wait({future})
            raise

    def close(self) -> None:
        """Wait for work under way, and end the threads."""
        self._pool.shutdown()
