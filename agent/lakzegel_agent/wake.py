# SPDX-License-Identifier: EUPL-1.2
"""What wakes the agent, and when: a folder that came to rest, the clock, the end of a sleep.

Each root comes to rest by itself, so that a busy folder does not keep a quiet one waiting:

    hint …… hint …… hint ── settle ──> due          a folder that rests
    hint hint hint hint hint hint ──> due           one that never does, MOST_SETTLE after the first

docs/spec/sources.md §6
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from lakzegel_agent.platforms import system

LEAST_SETTLE: Final = 0.1  # seconds without a hint before a pass begins
MOST_SETTLE: Final = 30.0  # seconds after which a folder that never rests is read anyway
MOST_TOUCHED: Final = 500  # paths of one root that are looked at by themselves; beyond, all of it
TICK: Final = 1.0  # seconds between two looks whether to end, or whether the device slept
LEAST_SLEEP: Final = 5.0  # seconds by which two clocks drift apart before it is called sleep


def drift() -> float:
    """Seconds by which a clock that goes on while the device sleeps is ahead of one that stops.

    Where the system has no such clock it is the wall clock, which may also be set.
    """
    return system.going_on() - system.awake()


class Sleep:
    """Tells, once each time, that the device slept."""

    def __init__(self, drift: Callable[[], float] = drift, *, least: float = LEAST_SLEEP) -> None:
        self._drift = drift
        self._least = least
        self._last = drift()

    def is_over(self) -> bool:
        """Whether the device slept since this was asked last."""
        before, self._last = self._last, self._drift()
        return abs(self._last - before) > self._least


class Wake:
    """What is to be looked at, for any thread to add to; one thread waits for it."""

    def __init__(
        self,
        stop: threading.Event,
        *,
        now: Callable[[], float] = time.monotonic,
        sleep: Sleep | None = None,
    ) -> None:
        self._stop = stop
        self._now = now
        self._sleep = Sleep() if sleep is None else sleep
        self._changed = threading.Condition()
        self._hints: dict[bytes, tuple[float, float]] = {}  # root: first and newest hint
        self._touched: dict[bytes, set[bytes] | None] = {}  # what they named; None for anything
        self._now_due: set[bytes] = set()
        self._later: set[bytes] = set()
        self._all = True
        self._settles: Mapping[bytes, float] = {}
        self.sleeps = 0

    def settles(self, seconds: Mapping[bytes, float]) -> None:
        """Take this for how long each root must be quiet; LEAST_SETTLE for any other."""
        with self._changed:
            self._settles = dict(seconds)

    def root(self, root: bytes, paths: Iterable[bytes] | None = None) -> None:
        """A hint: something changed at these paths below this root, or somewhere."""
        now = self._now()
        with self._changed:
            self._touch(root, paths)
            first, _ = self._hints.get(root, (now, now))
            self._hints[root] = (first, now)
            if first == now:  # later ones only put it off
                self._changed.notify_all()

    def look(self, roots: Iterable[bytes]) -> None:
        """Time for these roots, at rest or not."""
        with self._changed:
            self._now_due.update(roots)
            self._changed.notify_all()

    def later(self, roots: Iterable[bytes]) -> None:
        """Look at these roots with those that are polled."""
        with self._changed:
            self._later.update(roots)

    def poll(self, roots: Iterable[bytes]) -> None:
        """Time for these roots, and for those that were to be looked at later."""
        with self._changed:
            due, self._later = self._later | set(roots), set()
        if due:
            self.look(due)

    def all(self) -> None:
        """Time for everything."""
        with self._changed:
            self._all = True
            self._changed.notify_all()

    def wait(self) -> None:
        """Return when something is due, or there is to be an end."""
        with self._changed:
            while not self._stop.is_set() and (left := self._left()) > 0:
                self._changed.wait(min(left, TICK))
                if self._sleep.is_over():
                    self.sleeps += 1
                    self._all = True

    def take(self) -> dict[bytes, frozenset[bytes] | None] | None:
        """Return what is due, None for everything. What does not rest yet stays.

        For each root the paths that hints named, or None for all of it.
        """
        with self._changed:
            now = self._now()
            rested = {root for root in self._hints if self._due(root) <= now}
            due: dict[bytes, frozenset[bytes] | None] = {}
            for root in rested | self._now_due:
                self._hints.pop(root, None)
                touched = self._touched.pop(root, None)
                whole = root in self._now_due or touched is None
                due[root] = None if whole or touched is None else frozenset(touched)
            self._now_due = set()
            everything, self._all = self._all, False
            return None if everything else due

    def _touch(self, root: bytes, paths: Iterable[bytes] | None) -> None:
        known = self._touched.setdefault(root, set())
        if known is None or paths is None:
            self._touched[root] = None
            return
        known.update(paths)
        if len(known) > MOST_TOUCHED:
            self._touched[root] = None

    def _left(self) -> float:
        """Seconds until something is due; endless when nothing will be."""
        if self._all or self._now_due:
            return 0.0
        now = self._now()
        return min((self._due(root) - now for root in self._hints), default=float("inf"))

    def _due(self, root: bytes) -> float:
        first, newest = self._hints[root]
        quiet = max(self._settles.get(root, 0.0), LEAST_SETTLE)
        return min(newest + quiet, first + max(MOST_SETTLE, quiet))
