# SPDX-License-Identifier: EUPL-1.2
"""What happens by the clock; the only importer of apscheduler.

A laptop sleeps: what was missed meanwhile happens once, late, and not once for every time that it
was missed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC
from typing import Final

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

GRACE: Final = 7 * 86_400  # seconds that a missed call may be late
JITTER: Final = 0.1  # of the interval, so that traffic keeps no exact time
QUIET: Final = 60.0  # seconds after which the log is asked rarely, and how rarely
RESCAN: Final = 900.0  # seconds between passes over everything, at least
MOST_RESCAN: Final = 14_400.0  # seconds, at most
IDLE: Final = 0.001  # of one core: what looking may cost where nothing happens
POLL_RESCAN: Final = 60.0  # seconds between passes over what gives no hints, at least
MOST_POLL: Final = 900.0  # seconds, at most
POLLING: Final = 0.01  # of one core: the same, where looking is all there is


def rescan_after(cost: float) -> float:
    """Seconds between passes over everything that cost so many seconds of processor time."""
    return _spread(cost, RESCAN, MOST_RESCAN, IDLE)


def poll_after(cost: float) -> float:
    """Seconds between passes over folders that give no hints, likewise."""
    return _spread(cost, POLL_RESCAN, MOST_POLL, POLLING)


def _spread(cost: float, least: float, most: float, share: float) -> float:
    """Doubled until it is rare enough: an interval that hardly ever changes."""
    seconds = least
    while seconds < most and cost > share * seconds:
        seconds *= 2
    return min(seconds, most)


class Active:
    """Tells whether it is time to ask, of one who is asked often while something happens.

    Each question costs the device a proof to verify: every few seconds, all day, is too much.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._did = self._asked = now()

    def did(self) -> None:
        """Note that something happened."""
        self._did = self._now()

    def is_time(self) -> bool:
        """Whether to ask now: something happened in the last minute, or a minute has passed."""
        now = self._now()
        if now - self._did >= QUIET and now - self._asked < QUIET:
            return False
        self._asked = now
        return True


class Timetable:
    """Calls that come again and again, in a thread of their own."""

    def __init__(self) -> None:
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            job_defaults={"coalesce": True, "misfire_grace_time": GRACE, "max_instances": 1},
        )

    def every(self, seconds: float, call: Callable[[], None]) -> None:
        """Call again and again, ``seconds`` apart, up to a tenth more or less."""
        trigger = IntervalTrigger(seconds=seconds, jitter=seconds * JITTER, timezone=UTC)
        self._scheduler.add_job(call, trigger)

    def start(self) -> None:
        """Begin."""
        self._scheduler.start()

    def stop(self) -> None:
        """End; a call under way ends by itself."""
        self._scheduler.shutdown(wait=False)
