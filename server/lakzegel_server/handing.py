# SPDX-License-Identifier: EUPL-1.2
"""Hands what threads found out to the event loop: once for all that it has not heard of yet."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import Generic, TypeVar

T = TypeVar("T")


class Answers(Generic[T]):
    """Outcomes on their way to whoever awaits them; for any thread.

    To wake a loop costs as much as to answer a small request, so that it is woken once a group.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ready: list[tuple[asyncio.Future[T], T | Exception]] = []

    def deliver(self, done: asyncio.Future[T], outcome: T | Exception) -> None:
        """Have this future done soon; one that was cancelled meanwhile is let be."""
        with self._lock:
            self._ready.append((done, outcome))
            if len(self._ready) > 1:
                return
        with suppress(RuntimeError):  # it has ended, and nobody waits there any more
            done.get_loop().call_soon_threadsafe(self._hand_out)

    def _hand_out(self) -> None:
        with self._lock:
            ready, self._ready = self._ready, []
        for done, outcome in ready:
            if done.done():
                continue
            if isinstance(outcome, Exception):
                done.set_exception(outcome)
            else:
                done.set_result(outcome)
