# SPDX-License-Identifier: EUPL-1.2
"""Heartbeats that wait are written together: one transaction a group, whoever sends them.

One that comes alone is written at once. Where several came together, those that follow are gathered
for a moment; so a thousand a second are a few transactions a second, and each sender has its answer
when its own is written.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from lakzegel_core.errors import LakzegelError
from lakzegel_core.heartbeat import Heartbeat
from lakzegel_server.errors import BusyError
from lakzegel_server.index.engine import FAILURES

GATHER_SECONDS: Final = 0.2
MOST: Final = 256  # of a group: so many are written in some milliseconds
MOST_WAITING: Final = 8_192  # then senders are asked to come again: one a minute is owed


@dataclass(slots=True, eq=False)
class Arriving:
    """A heartbeat that was verified, and whoever waits until it is kept."""

    heartbeat: Heartbeat
    data: bytes
    at: datetime
    done: Future[None] = field(default_factory=Future)
    refused: LakzegelError | None = None  # why it is not kept, once that is known


class Gathering:
    """The heartbeats that wait, and the thread that has them written."""

    def __init__(self, write: Callable[[list[Arriving]], None]) -> None:
        self._write = write
        self._waiting: list[Arriving] = []
        self._changed = threading.Condition()
        self._hurried = threading.Event()
        self._thread: threading.Thread | None = None
        self._is_over = False

    def put(self, heartbeat: Heartbeat, data: bytes, at: datetime) -> Future[None]:
        """What is done when it is kept, or tells why it is not.

        Raises:
            BusyError: too many wait, or this receiver ends.
        """
        arriving = Arriving(heartbeat, data, at)
        with self._changed:
            if self._is_over or len(self._waiting) >= MOST_WAITING:
                raise BusyError("too many heartbeats wait; try again")
            self._waiting.append(arriving)
            if len(self._waiting) >= MOST:
                self._hurried.set()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="heartbeats", daemon=True)
                self._thread.start()
            self._changed.notify()
        return arriving.done

    def close(self) -> None:
        """Have written what waits, and end."""
        with self._changed:
            self._is_over = True
            thread = self._thread
            self._hurried.set()
            self._changed.notify()
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        while group := self._next():
            self._settle(group)
            if len(group) > 1:
                self._hurried.wait(GATHER_SECONDS)

    def _next(self) -> list[Arriving]:
        """The oldest, of each device one; none when it is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_over)
            group: dict[str, Arriving] = {}
            rest = []
            for one in self._waiting:
                name = one.heartbeat.device
                if len(group) < MOST and name not in group:
                    group[name] = one
                else:
                    rest.append(one)
            self._waiting = rest
            if len(rest) < MOST and not self._is_over:
                self._hurried.clear()
            return list(group.values())

    def _settle(self, group: list[Arriving]) -> None:
        """Have a group written; whatever happens, everybody hears of it."""
        for one in group:
            one.done.set_running_or_notify_cancel()
        failed = self._failure(group)
        if failed is not None and len(group) > 1 and not isinstance(failed, FAILURES):
            for one in group:  # an odd one among them must not keep the others out
                self._tell(one, self._failure([one]))
            return
        for one in group:
            self._tell(one, failed)

    def _failure(self, group: list[Arriving]) -> Exception | None:
        """What kept a group from being written, if anything did."""
        try:
            self._write(group)
        except Exception as error:  # noqa: BLE001 - told to whoever sent it, and dealt with there
            return error
        return None

    def _tell(self, one: Arriving, failed: Exception | None) -> None:
        why = failed or one.refused
        if one.done.done():
            return  # whoever sent it went away
        if why is not None:
            one.done.set_exception(why)
        else:
            one.done.set_result(None)
