# SPDX-License-Identifier: EUPL-1.2
"""Keeps the watches up for years: made anew when they are not well, and what is lost is counted.

Where the system has too few watches, they are tried again after a minute, then two, up to an hour:
setting them costs a look at every folder. docs/spec/sources.md §6
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Final, TypedDict

from lakzegel_agent.wake import Wake
from lakzegel_agent.watch import ABSENT, NO_WATCH, Watcher, reasons
from lakzegel_agent.watchmounts import Mount, read_mounts

FIRST_RETRY: Final = 60.0  # seconds until watches that were refused are tried again
LAST_RETRY: Final = 3_600.0  # seconds, at most


class WatchState(TypedDict):
    """What `status` shows; no name of a folder."""

    folders: int  # that are to be watched
    polled: dict[str, int]  # of these, by looking alone or as well: how many for which reason
    overflows: int  # times that the system dropped events, since this agent started
    sleeps: int  # times that the device slept, since this agent started


class WatchKeeper:
    """The watches of one agent."""

    def __init__(
        self,
        wake: Wake,
        *,
        now: Callable[[], float] = time.monotonic,
        mounts: Callable[[], tuple[Mount, ...]] = read_mounts,
    ) -> None:
        self._wake = wake
        self._now = now
        self._mounts = mounts
        self._watcher: Watcher | None = None
        self._retry = FIRST_RETRY
        self._again: float | None = None  # when refused watches are tried again
        self.overflows = 0

    def attend(self, roots: Iterable[bytes]) -> None:
        """Watch these roots, anew where the watches are others, not well, or were refused."""
        wanted = frozenset(roots)
        watcher = self._watcher
        if self._again is None:
            self._plan_retry()
        refused = self._again is not None and self._now() >= self._again
        if watcher is not None and watcher.roots == wanted and watcher.is_well() and not refused:
            return
        self.stop()
        self._watcher = Watcher.start(
            wanted, hint=self._wake.root, lost=self._lost, mounts=self._mounts()
        )
        if watcher is not None:  # what changed between the two, nobody told
            self._wake.look(wanted)
        self._plan_retry()

    def polled(self) -> frozenset[bytes]:
        """Return the roots that have to be looked at often, since hints from there may lack."""
        return frozenset(self._unsure())

    def reasons(self) -> dict[str, int]:
        """Return why, and for how many roots; an absent root is told elsewhere."""
        return {why: many for why, many in reasons(self._unsure()).items() if why != ABSENT}

    def state(self) -> WatchState:
        """Return what `status` shows."""
        return {
            "folders": 0 if self._watcher is None else len(self._watcher.roots),
            "polled": self.reasons(),
            "overflows": self.overflows,
            "sleeps": self._wake.sleeps,
        }

    def stop(self) -> None:
        """End the watches."""
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.stop()

    def _unsure(self) -> dict[bytes, str]:
        return {} if self._watcher is None else dict(self._watcher.unsure)

    def _plan_retry(self) -> None:
        if NO_WATCH not in self._unsure().values():
            self._retry, self._again = FIRST_RETRY, None
            return
        self._again = self._now() + self._retry
        self._retry = min(2 * self._retry, LAST_RETRY)

    def _lost(self) -> None:
        self.overflows += 1
        self._wake.all()
