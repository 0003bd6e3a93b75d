# SPDX-License-Identifier: EUPL-1.2
"""Ctrl-C and a request to end, turned into one StoppedError at a moment that loses nothing."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from lakzegel_demo.errors import StoppedError


@dataclass(slots=True)
class Stopper:
    """Whether somebody asked to stop, and whether that has to wait a moment."""

    asked: int = 0  # the signal's number
    held: bool = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Raise StoppedError in the body at the first SIGINT or SIGTERM; ignore later ones."""
        before = {n: signal.signal(n, self._ask) for n in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Let the body end first: a process that was started must also be known."""
        self.held = True
        try:
            yield
        finally:
            self.held = False
        if self.asked:
            self._stop()

    def _ask(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self.asked:
            return  # a second Ctrl-C must not interrupt the tidying
        self.asked = number
        if not self.held:
            self._stop()

    def _stop(self) -> None:
        raise StoppedError(f"stopped by {signal.Signals(self.asked).name}")
