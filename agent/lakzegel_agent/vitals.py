# SPDX-License-Identifier: EUPL-1.2
"""One life of the agent as others see it: the service manager, the log, and its own limits.

A daemon tells this what it does, and does not know who hears of it. docs/spec/health.md §3 to §5
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import Final

from lakzegel_agent import journal
from lakzegel_agent.devicekeys import Introduction
from lakzegel_agent.errors import UnwritableError
from lakzegel_agent.ledger import Ledger
from lakzegel_agent.ledgerrows import BatchRow
from lakzegel_agent.limits import CODE, Governor, Limits, OverLimitsError, What
from lakzegel_agent.notify import Pulse, notifying
from lakzegel_agent.problems import Problems
from lakzegel_agent.settingsconfig import service_manager
from lakzegel_agent.settingsnoted import note_configuration
from lakzegel_agent.station import Station

_FIRST: Final = "first-pass"  # whether everything was passed over once
_ORIGIN: Final = 4  # bytes of an enrolment's id: what the log calls this device


class Vitals:
    """What one daemon tells of itself; for the thread that does its passes."""

    def __init__(
        self,
        ledger: Ledger,
        problems: Problems,
        *,
        pulse: Pulse,
        stop: threading.Event,
        limits: Limits | None = None,
    ) -> None:
        self._ledger = ledger
        self._problems = problems
        self._pulse = pulse
        self._stop = stop
        self._governor = Governor(
            limits or Limits(), stop=stop, on_pause=self._on_pause, wait=self._wait
        )
        self._governor.is_first = ledger.recall(_FIRST) is None

    def ready(self, epoch: int) -> None:
        """The agent has arrived."""
        journal.note("start", "agent", numbers={"epoch": epoch})
        self._pulse.ready()

    @contextmanager
    def working(self) -> Iterator[None]:
        """While a turn lasts there has to be progress."""
        with self._pulse.working():
            yield

    def progress(self) -> None:
        """Something got done, and more is to be done: the moment to pause.

        Raises:
            OverLimitsError: the agent weighs too much; the problem is stated durably.
        """
        self._pulse.progress()
        try:
            self._governor.check()
        except OverLimitsError as error:
            journal.note("end", "agent", result="failed", code=CODE)
            self._state(f"ended: {error}")
            raise

    def closed(self, row: BatchRow) -> None:
        """A batch was closed."""
        note_batch(row)
        self._pulse.progress()

    def passed(self) -> None:
        """A whole pass over everything came to its end."""
        if self._governor.is_first:
            with suppress(UnwritableError):
                self._ledger.remember(_FIRST, b"done")
                self._governor.is_first = False
        self._settle()

    def tell(self) -> None:
        """The figures, for the service manager."""
        counts, waiting = self._ledger.counts(), len(self._ledger.waiting())
        self._pulse.status(
            f"{counts.found} found = {counts.sealed} sealed + {counts.excluded} excluded"
            f" + {counts.failed} failed; {waiting} batches wait;"
            f" {len(self._problems.listed())} problems"
        )
        self._settle()

    def stopping(self) -> None:
        """The agent ends."""
        journal.note("stop", "agent")
        self._pulse.stopping()

    def _settle(self) -> None:
        if self._problems.has(CODE) and self._governor.is_quiet():
            with suppress(UnwritableError):
                self._problems.clear(self._ledger, CODE)

    def _on_pause(self, what: What) -> None:
        journal.note("pause", "agent", code=what)
        self._state(f"paused: {what}")

    def _wait(self, seconds: float) -> None:
        self._pulse.progress()  # to pause is no hanging
        self._stop.wait(seconds)

    def _state(self, text: str) -> None:
        with suppress(UnwritableError):
            self._problems.add(self._ledger, CODE, text)


@contextmanager
def logged(opened: Station, current: Introduction, *, to_stderr: bool = False) -> Iterator[None]:
    """The home's log, open; it begins with whether the settings changed."""
    with journal.open_log(opened.home.log, origin=log_name(current), to_stderr=to_stderr):
        note_configuration(opened.ledger, opened.config)
        yield


@contextmanager
def living(
    opened: Station,
    current: Introduction,
    *,
    stop: threading.Event,
    pulse: Pulse | None = None,
) -> Iterator[Vitals]:
    """What a daemon tells its life to; under a service manager the log goes to stderr too.

    ``pulse`` is told where there is one, else whoever the environment names.
    """
    manager = service_manager()
    with (
        logged(opened, current, to_stderr=manager is not None),
        notifying(manager) if pulse is None else nullcontext(pulse) as told,
    ):
        yield Vitals(opened.ledger, opened.problems, pulse=told, stop=stop)


def note_batch(row: BatchRow) -> None:
    """Log that a batch was closed."""
    numbers: dict[journal.Number, int] = {"epoch": row.epoch, "batch": row.batch}
    journal.note("batch-sealed", "batch", numbers={**numbers, "bytes": row.size})


def log_name(current: Introduction | None) -> str:
    """What the log calls this device: 8 hexadecimal digits of its enrolment's id."""
    return "-" if current is None else current.id[:_ORIGIN].hex()
