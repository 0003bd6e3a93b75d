# SPDX-License-Identifier: EUPL-1.2
"""The watch beside a pull: whatever happens to it, the pull goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

from lakzegel_core.errors import LakzegelError
from lakzegel_office.alarms.conditions import PULL
from lakzegel_office.alarms.watch import Ticker, Watch
from lakzegel_office.commands.common import Office, say
from lakzegel_office.doubts import Doubt
from lakzegel_office.errors import ForkedError, OfficeError, UnreachableError
from lakzegel_office.pull import Puller, PullReport


class Watching:
    """Has a watch look at what a puller knows; held by `lock` while that changes."""

    def __init__(self, office: Office, puller: Puller) -> None:
        """Open the watch.

        Raises:
            UsageError: its settings cannot be used.
        """
        self._watch = Watch(office)
        self._puller = puller
        self.lock = threading.Lock()

    def pulled(self, report: PullReport) -> None:
        """Look at what a pull found."""
        with self.lock:
            self._try(lambda: self._watch.pulled(report.doubts, self._puller.replay))

    def failed(self, error: Exception) -> None:
        """Look at why one did not end."""
        doubt = None
        if not isinstance(error, UnreachableError):
            doubt = Doubt("mirror", "", "fork" if isinstance(error, ForkedError) else PULL)
        with self.lock:
            self._try(lambda: self._watch.failed(doubt, self._puller.replay))

    def ticking(self) -> AbstractContextManager[None]:
        """Return what looks once a minute while nothing is pulled."""
        return Ticker(self._tick)

    def _tick(self) -> None:
        if self.lock.acquire(blocking=False):
            try:
                self._try(lambda: self._watch.look(self._puller.replay))
            finally:
                self.lock.release()

    def _try(self, work: Callable[[], None]) -> None:
        try:
            work()
        except (OfficeError, LakzegelError, OSError) as error:
            say(f"lakzegel-office: alarms: {error}")
