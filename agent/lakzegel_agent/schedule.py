# SPDX-License-Identifier: EUPL-1.2
"""What happens by the clock; the only importer of apscheduler.

A laptop sleeps: what was missed meanwhile happens once, late, and not once for every time that it
was missed.

Below Python 3.14 apscheduler takes one function from asyncio, which inspect has too; all of asyncio
would be 1.4 MB for as long as the agent runs. So it is given that one (docs/adr/0017).
"""

from __future__ import annotations

import inspect
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC
from types import ModuleType
from typing import Final


@contextmanager
def _one_function_of_asyncio() -> Iterator[None]:
    """Have what is imported within find no more of asyncio than it needs."""
    if "asyncio" in sys.modules:
        yield
        return
    one = ModuleType("asyncio")
    one.__dict__["iscoroutinefunction"] = inspect.iscoroutinefunction
    sys.modules["asyncio"] = one
    try:
        yield
    finally:
        del sys.modules["asyncio"]


with _one_function_of_asyncio():
    from apscheduler.schedulers.background import BackgroundScheduler
    from apscheduler.triggers.interval import IntervalTrigger

GRACE: Final = 7 * 86_400  # seconds that a missed call may be late
JITTER: Final = 0.1  # of the interval, so that traffic keeps no exact time
LOOK: Final = 10.0  # seconds between two looks whether a call is too far away
SLACK: Final = 1.0  # seconds by which a call may be further away than its interval
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
    """Calls that come again and again, in a thread of their own, whatever the clock is set to.

    The library waits for a time of the wall clock: one that is set back a day would keep it
    waiting for a day. So that is looked for, and the interval then begins anew.
    """

    def __init__(self, *, look: float = LOOK) -> None:
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            job_defaults={"coalesce": True, "misfire_grace_time": GRACE, "max_instances": 1},
        )
        self._intervals: dict[str, float] = {}
        self._look = look
        self._ended = threading.Event()
        self._watch = threading.Thread(target=self._mind, name="timetable", daemon=True)

    def every(self, seconds: float, call: Callable[[], None]) -> None:
        """Call again and again, ``seconds`` apart, up to a tenth more or less."""
        job = self._scheduler.add_job(call, _trigger(seconds))
        self._intervals[job.id] = seconds

    def start(self) -> None:
        """Begin."""
        self._scheduler.start()
        self._watch.start()

    def stop(self) -> None:
        """End; a call under way ends by itself."""
        self._ended.set()
        self._watch.join()
        self._scheduler.shutdown(wait=False)

    def _mind(self) -> None:
        """See to it that no call is further away than its interval."""
        while not self._ended.wait(self._look):
            for job in self._scheduler.get_jobs():
                seconds = self._intervals[job.id]
                due = job.next_run_time.timestamp() - time.time()
                if due > seconds * (1 + JITTER) + SLACK:
                    job.reschedule(_trigger(seconds))
            self._scheduler.wakeup()  # how long it waits was reckoned by the clock before


def _trigger(seconds: float) -> IntervalTrigger:
    return IntervalTrigger(seconds=seconds, jitter=seconds * JITTER, timezone=UTC)
