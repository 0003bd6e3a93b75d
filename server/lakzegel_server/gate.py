# SPDX-License-Identifier: EUPL-1.2
"""Who may stay connected (docs/spec/http.md §4): nobody keeps others out by being slow.

Many devices may share an address, as behind one proxy of a ministry, so that no count an address
tells friend from foe. What does is how fast a sender brings what it owes: when there is no room
for one more, the slowest goes.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from typing import Final, Protocol

from lakzegel_server.pace import GRACE_SECONDS, SILENCE_SECONDS, SLOWEST

ROOM: Final = 448  # connections; uvicorn's own limit is above, for those that are on their way out
HEAD_SECONDS: Final = 10.0  # from a head's first byte, or the connection, to the head's last
READ_SECONDS: Final = 60.0  # that nothing of an answer can be written
SWEEP_SECONDS: Final = 1.0
YOUNG_SECONDS: Final = 1.0  # a connection is judged as if it had lasted so long at least


class Guest(Protocol):
    """A connection, as it is judged."""

    def overdue(self, now: float) -> bool:
        """Whether it has kept this receiver waiting for too long."""
        ...

    def speed(self, now: float) -> float | None:
        """Bytes a second of what it owes; None when it owes nothing: its answer is being made."""
        ...

    def drop(self) -> None:
        """End it at once."""
        ...


class Gate:
    """The connections of one receiver; for the event loop."""

    def __init__(
        self, *, room: int = ROOM, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._room = room
        self._monotonic = monotonic
        self._guests: dict[Guest, None] = {}  # the oldest first
        self._sweeping: asyncio.TimerHandle | None = None
        self.dropped = 0

    def now(self) -> float:
        """The gate's clock."""
        return self._monotonic()

    def enter(self, guest: Guest) -> None:
        """Let one in, and the slowest out where there is no room for both."""
        if len(self._guests) >= self._room:
            self._make_room()
        self._guests[guest] = None
        if self._sweeping is None:
            self._plan()

    def leave(self, guest: Guest) -> None:
        """One has gone."""
        self._guests.pop(guest, None)

    def _make_room(self) -> None:
        now = self._monotonic()
        slowest, least = None, math.inf
        for guest in self._guests:
            speed = guest.speed(now)
            if speed is not None and speed < least:  # the oldest of equals
                slowest, least = guest, speed
                if speed == 0.0:  # nobody is slower
                    break
        if slowest is not None:
            self._drop(slowest)

    def _drop(self, guest: Guest) -> None:
        self.dropped += 1
        self.leave(guest)
        guest.drop()

    def _plan(self) -> None:
        self._sweeping = asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._sweep)

    def _sweep(self) -> None:
        now = self._monotonic()
        for guest in [guest for guest in self._guests if guest.overdue(now)]:
            self._drop(guest)
        self._sweeping = None
        if self._guests:
            self._plan()


def too_slow(received: int, since: float, last: float, now: float) -> bool:
    """Whether somebody sends more slowly than `pace.py` lets the sender of a body."""
    silent = now - last > SILENCE_SECONDS
    return silent or now - since > GRACE_SECONDS + received / SLOWEST
