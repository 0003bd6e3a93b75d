# SPDX-License-Identifier: EUPL-1.2
"""A watchdog in the agent's own process, where the service manager has none (services.md §2)."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from lakzegel_agent.notify import Feeder, Pulse
from lakzegel_agent.services.base import HANGS_AFTER

HUNG: Final = 4  # exit code: the manager starts it anew
_LOOKS: Final = 10  # in the time after which work is said to hang


class Warden:
    """Passes on what it is told, and ends the process where work makes no progress."""

    def __init__(self, told: Pulse, *, seconds: float, die: Callable[[int], object]) -> None:
        self._told = told
        self._feeder = Feeder(seconds)
        self._every = seconds / _LOOKS
        self._die = die
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, name="warden", daemon=True)
        self._thread.start()

    def ready(self) -> None:
        """Pass it on."""
        self._told.ready()

    def status(self, text: str) -> None:
        """Pass it on."""
        self._told.status(text)

    def progress(self) -> None:
        """Something got done."""
        self._feeder.progress()
        self._told.progress()

    @contextmanager
    def working(self) -> Iterator[None]:
        """Expect progress while this lasts."""
        with self._feeder.working(), self._told.working():
            yield

    def stopping(self) -> None:
        """Pass it on; the end has a limit of its own."""
        self._told.stopping()

    def close(self) -> None:
        """End."""
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(self._every):
            if not self._feeder.is_due():
                self._die(HUNG)
                return


@contextmanager
def warded(
    told: Pulse, *, seconds: float = HANGS_AFTER, die: Callable[[int], object] = os._exit
) -> Iterator[Pulse]:
    """A pulse that ends this process where it hangs: at once, for what hangs may hold any lock."""
    warden = Warden(told, seconds=seconds, die=die)
    try:
        yield warden
    finally:
        warden.close()
