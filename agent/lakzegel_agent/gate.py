# SPDX-License-Identifier: EUPL-1.2
"""Whether batches may leave now, by the hours, the battery and the network (policy.md §7).

Nothing waits for ever: a batch older than the longest wait opens the gate, and so does a capture
that waits for room. Age is by this device's clock or by the time that the gate has been shut in
this life of the agent, whichever is longer, for a clock may be set back.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, Protocol

from lakzegel_core.encoding import format_time
from lakzegel_core.shipping import Shipping

NAME: Final = "shipping"  # what the ledger remembers it by
Why = Literal["hours", "battery", "metered"]
Anyway = Literal["longest-wait", "room"]


class Memory(Protocol):
    """Where named values are kept: the ledger."""

    def remember(self, name: str, value: bytes) -> None:
        """Keep a value durably."""
        ...

    def recall(self, name: str) -> bytes | None:
        """The value that was kept."""
        ...


class Surroundings(Protocol):
    """What the device lives on at present; None where it cannot be told."""

    def on_battery(self) -> bool | None:
        """Whether it runs on its battery."""
        ...

    def metered(self) -> bool | None:
        """Whether what it sends is paid for by size."""
        ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether batches may leave: ``why`` they should wait, and why they leave ``anyway``."""

    why: Why | None = None
    anyway: Anyway | None = None

    @property
    def is_open(self) -> bool:
        """Whether they leave."""
        return self.why is None or self.anyway is not None


class Gate:
    """One thread's gate; ``wall`` is local time without a zone, ``clock`` never goes back."""

    def __init__(
        self,
        surroundings: Surroundings,
        *,
        wall: Callable[[], datetime],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.shipping = Shipping()
        self._surroundings = surroundings
        self._wall = wall
        self._clock = clock
        self._shut: float | None = None  # since when, by the clock

    def judge(self, age: float, *, pressed: bool) -> Verdict:
        """Whether batches may leave, the oldest of which is ``age`` seconds old."""
        why = self._why()
        if why is None:
            self._shut = None
            return Verdict()
        now = self._clock()
        if self._shut is None:
            self._shut = now
        if max(age, now - self._shut) >= self.shipping.longest_wait:
            return Verdict(why, "longest-wait")
        return Verdict(why, "room" if pressed else None)

    def rest(self) -> None:
        """Count the time that the gate is shut from the next question on."""
        self._shut = None

    def _why(self) -> Why | None:
        wanted = self.shipping
        if not wanted.is_open(self._wall()):
            return "hours"
        if wanted.on_battery == "wait" and self._surroundings.on_battery():
            return "battery"
        if wanted.metered == "wait" and self._surroundings.metered():
            return "metered"
        return None


def local_now() -> datetime:
    """What the clock on the wall shows."""
    return datetime.now().astimezone().replace(tzinfo=None)


def keep_verdict(memory: Memory, verdict: Verdict, now: datetime) -> bool:
    """Remember the verdict for `status`; whether it is another than before."""
    known = recall_verdict(memory)
    if (known["waits"], known["anyway"]) == (verdict.why, verdict.anyway):
        return False
    row = {"waits": verdict.why, "anyway": verdict.anyway, "since": format_time(now)}
    memory.remember(NAME, json.dumps(row).encode())
    return True


def recall_verdict(memory: Memory) -> dict[str, str | None]:
    """Why batches wait (``hours``, ``battery``, ``metered``), why they leave anyway, since when."""
    data = memory.recall(NAME)
    if data is None:
        return {"waits": None, "anyway": None, "since": None}
    found: dict[str, str | None] = json.loads(data)
    return found
