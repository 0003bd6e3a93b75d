# SPDX-License-Identifier: EUPL-1.2
"""Tests that a receiver can do its work: each does a little of it (docs/spec/monitoring.md §1).

For the event loop: tests run one after another in a worker thread, however many ask, and whoever
asks waits for them no longer than `PATIENCE`. A disk that hangs holds up one thread.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from lakzegel_server.workers import Workers

FRESH: Final = 5.0  # seconds for which outcomes are told again: anybody may ask
PATIENCE: Final = 5.0  # seconds that somebody waits for them
_log: Final = logging.getLogger(__name__)
Test = Callable[[], str]


class FailedError(Exception):
    """What a test found to be wrong, in words for the operator."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One test: its stable name, whether it passed, what it found."""

    name: str
    passed: bool
    detail: str


class Probes:
    """The tests of one receiver."""

    def __init__(
        self, tests: Mapping[str, Test], *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._tests = dict(tests)
        self._monotonic = monotonic
        self._running: asyncio.Task[None] | None = None
        self._current = ""
        self._outcomes: tuple[Outcome, ...] = ()
        self._ended = 0.0

    def add(self, name: str, test: Test) -> None:
        """One more test, after the others."""
        self._tests[name] = test

    async def outcomes(
        self, workers: Workers, *, patience: float = PATIENCE
    ) -> tuple[Outcome, ...]:
        """What the tests found, at most `FRESH` seconds ago; or the one that does not end."""
        if not self._outcomes or self._monotonic() - self._ended > FRESH:
            if self._running is None:
                self._running = asyncio.create_task(self._run(workers))
            await asyncio.wait({self._running}, timeout=patience)
        if self._running is None:
            return self._outcomes
        hanging = Outcome(self._current, False, f"did not end within {patience:g} s")
        return (hanging,)

    async def _run(self, workers: Workers) -> None:
        try:
            found = []
            for name, test in self._tests.items():
                self._current = name
                found.append(await workers.run(_outcome, name, test))
            self._outcomes, self._ended = tuple(found), self._monotonic()
        finally:
            self._running = None


def _outcome(name: str, test: Test) -> Outcome:
    try:
        return Outcome(name, True, test())
    except FailedError as failed:
        found = Outcome(name, False, str(failed))
    except Exception as error:  # noqa: BLE001 - whatever it is, the test did not pass
        found = Outcome(name, False, type(error).__name__)
    _log.warning("test %s failed: %s", name, found.detail)
    return found
