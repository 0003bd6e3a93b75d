# SPDX-License-Identifier: EUPL-1.2
"""Tells a following pull that there is something to pull (docs/spec/handover.md §1).

The question waits at the receiver in a thread of its own, so that a signal is heard meanwhile.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Final, Protocol

WAIT: Final = 30  # seconds a question waits at the receiver; it reads no longer than 60
_log: Final = logging.getLogger(__name__)


class Waiter(Protocol):
    """What is asked of a receiver."""

    def wait(self, size: int, seconds: int) -> bool:
        """Return whether the log has more entries than ``size``, or has within so many seconds."""


class Doorbell:
    """Rings when the log has grown, when a question failed, or when it is pressed."""

    def __init__(self, open_waiter: Callable[[], Waiter]) -> None:
        """Keep how to reach the receiver by a connection of its own."""
        self._open = open_waiter
        self._rung = threading.Event()
        self._pressed = False  # which a question that fails meanwhile must not undo
        self._known = 0
        self._before: int | None = None  # what was known when it rang last
        self._asked = threading.Event()
        self._failed = False
        self._thread: threading.Thread | None = None

    def press(self) -> None:
        """Ring now; for signal handlers."""
        self._pressed = True
        self._rung.set()

    def wait(self, known: int | None, every: float) -> None:
        """Return when the log has more than ``known`` entries, or somebody pressed.

        Where nothing is known, or the receiver cannot be asked, after ``every`` seconds; and where
        it rings again and again while the log stays as it is.
        """
        began = time.monotonic()
        rang = known is not None and self._is_asked(known)
        again = rang and known == self._before and time.monotonic() - began < every
        self._before = known if rang else None
        if again:
            self._rung.clear()
        if (again or not rang) and not self._pressed:
            self._rung.wait(every)
        self._pressed = False
        self._rung.clear()

    def _is_asked(self, known: int) -> bool:
        """Return True when the question was answered or somebody pressed, False when it failed."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._ask, name="doorbell", daemon=True)
            self._thread.start()
        self._known, self._failed = known, False
        self._asked.set()
        self._rung.wait()
        if self._failed:
            self._rung.clear()
        return not self._failed

    def _ask(self) -> None:
        waiter: Waiter | None = None
        while True:
            self._asked.wait()
            self._asked.clear()
            try:
                waiter = waiter or self._open()
                waiter.wait(self._known, WAIT)
            except Exception as error:  # noqa: BLE001 - whatever it is, who waits must hear of it
                _log.info("the receiver cannot be asked to wait: %s", type(error).__name__)
                self._failed = True
            self._rung.set()
