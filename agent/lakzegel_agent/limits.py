# SPDX-License-Identifier: EUPL-1.2
"""Keeps the agent's own weight within limits: it pauses first, and only then ends itself.

    within ──beyond a limit──> paused ──within again──> within
                                 │
                                 └── memory still beyond after 60 s, or again within 5 minutes;
                                     processor time still beyond after 5 minutes: OverLimitsError

docs/spec/health.md §5
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from lakzegel_agent.errors import AgentError
from lakzegel_agent.health import Load, own_load

INTERVAL: Final = 5.0  # seconds between two looks at most: one costs about a millisecond
STEP: Final = 1.0  # seconds between two looks during a pause
CODE: Final = "over-limits"
What = Literal["memory", "processor"]


class OverLimitsError(AgentError):
    """The agent weighs too much, and a pause did not help."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the agent's processes may use together."""

    memory: int = 512 * 2**20  # resident bytes
    share: float = 0.20  # of one core, on average over the window
    window: float = 300.0  # seconds
    pause: float = 60.0  # seconds that memory gets to become less


class Governor:
    """Looks at the load between two units of work. One thread asks it."""

    def __init__(
        self,
        limits: Limits,
        *,
        stop: threading.Event,
        on_pause: Callable[[What], None],
        load: Callable[[], Load] = own_load,
        now: Callable[[], float] = time.monotonic,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        """Nothing is measured yet.

        Args:
            limits: what may be used.
            stop: ends a pause.
            on_pause: called when one begins.
            load: measures the family of processes.
            now: seconds, never falling.
            wait: waits so many seconds, or until ``stop``.
        """
        self._limits = limits
        self._stop = stop
        self._on_pause = on_pause
        self._load = load
        self._now = now
        self._wait = wait or stop.wait
        self._samples: deque[tuple[float, float]] = deque()  # when, seconds of processor time
        self._used = 0.0  # seconds of processor time, of processes that ended meanwhile too
        self._before: Load | None = None
        self._looked: float | None = None
        self._heavy: float | None = None  # when memory was beyond its limit last
        self._paused: float | None = None  # when a pause ended last
        self.is_first = False  # the first pass over everything: as fast as the device allows

    def check(self) -> None:
        """Return when work may go on; cheap when asked often.

        Raises:
            OverLimitsError: a pause did not help.
        """
        now = self._now()
        soon = self._looked is not None and now - self._looked < INTERVAL
        if soon or self._stop.is_set():
            return
        over = self._look()
        if over == "memory":
            self._rest_memory()
        elif over == "processor":
            self._rest_processor()

    def is_quiet(self) -> bool:
        """Whether no pause was needed for a whole window."""
        return self._paused is None or self._now() - self._paused >= self._limits.window

    def _look(self) -> What | None:
        """What is beyond its limit now."""
        now, load = self._now(), self._load()
        before, self._before = self._before, load
        # a process that ended takes its time along: that is no negative use
        self._used += max(0.0, load.cpu_seconds - before.cpu_seconds) if before else 0.0
        self._looked = now
        self._samples.append((now, self._used))
        while len(self._samples) > 1 and self._samples[1][0] <= now - self._limits.window:
            self._samples.popleft()
        if load.rss > self._limits.memory:
            return "memory"
        return "processor" if not self.is_first and self._share() > self._limits.share else None

    def _share(self) -> float:
        """Of one core, on average; what was before the first look counts as idle."""
        (began, before), (ended, used) = self._samples[0], self._samples[-1]
        return (used - before) / max(self._limits.window, ended - began)

    def _rest_memory(self) -> None:
        now = self._now()
        again = self._heavy is not None and now - self._heavy < self._limits.window
        self._heavy = now
        if again or not self._rest("memory", self._limits.pause):
            raise OverLimitsError(
                f"more than {self._limits.memory // 2**20} MiB of memory, and no pause helped;"
                " the service starts anew, nothing is lost"
            )
        self._heavy = self._now()

    def _rest_processor(self) -> None:
        if not self._rest("processor", self._limits.window):
            raise OverLimitsError(
                f"more than {self._limits.share:.0%} of a core though nothing was being done;"
                " the service starts anew, nothing is lost"
            )

    def _rest(self, what: What, most: float) -> bool:
        """Wait until that is within its limit; whether it came to be within so many seconds."""
        self._on_pause(what)
        until = self._now() + most
        try:
            while self._look() == what:
                if self._stop.is_set():
                    return True
                if self._now() >= until:
                    return False
                self._wait(STEP)
            return True
        finally:
            self._paused = self._now()
