# SPDX-License-Identifier: EUPL-1.2
"""Up to which moment silence and lateness count: nobody falls behind while the receiver does."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from lakzegel_server.standing import Standing

FRESH_SECONDS: Final = 1.0  # that what another process did to the log may be unknown here
GRACE: Final = timedelta(minutes=30)  # after a start or a stop of sealing: nobody becomes late


class Grace:
    """What one receiver lets pass."""

    def __init__(self, began: datetime, alive: datetime | None) -> None:
        self.began = began
        self.alive = began if alive is None else min(began, alive)  # the newest life before that
        self._lock = threading.Lock()
        self._idle: datetime | None = None  # since when this receiver seals nothing
        self._resumed: datetime | None = None  # and when it sealed again
        self._held_back = False

    def until(self, standing: Standing, now: datetime) -> tuple[datetime, datetime]:
        """Up to when silence counts, and up to when lateness does."""
        quiet = min(now, self.alive) if now - self.began < GRACE else now
        return quiet, min(quiet, self._owed(standing, now))

    def is_over(self, *, holds_back: bool) -> bool:
        """Whether somebody was held back until now, and nobody is any more; told once."""
        with self._lock:
            was, self._held_back = self._held_back, holds_back
        return was and not holds_back

    def _owed(self, standing: Standing, now: datetime) -> datetime:
        """The moment up to which devices owe batches: none while nothing is sealed of anybody.

        Nor for a while after that, since devices then come one after another.
        """
        with self._lock:
            if not standing.sealing:
                began = min(now, self.alive) if now - self.began < GRACE else now
                self._idle, self._resumed = self._idle or began, None
            elif self._idle is not None and self._resumed is None:
                self._resumed = now
            elif self._resumed is not None and now - self._resumed >= GRACE:
                self._idle = self._resumed = None
            return now if self._idle is None else self._idle


class Freshness:
    """Says now and then that it is time to see what others did to the log."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._seen = -math.inf

    def is_owed(self) -> bool:
        """Whether it is; then it is not again for a second."""
        now = self._monotonic()
        if now - self._seen < FRESH_SECONDS:
            return False
        self._seen = now
        return True
