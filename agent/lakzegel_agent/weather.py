# SPDX-License-Identifier: EUPL-1.2
"""An agent at work on a disk that may fail or be full: it says so, and tries again.

    clear -> blocked (spool-full or disk-failed, stated) -> clear

What could not be kept was not done: nothing is captured that the spool and the ledger do not hold,
so that the same work is simply done again.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from lakzegel_agent.errors import UNWRITABLE, UnwritableError, unwritable
from lakzegel_agent.ledger import Ledger
from lakzegel_agent.problems import Problems

T = TypeVar("T")


class Weather:
    """Whether the disk takes what one agent has to keep; for the thread that does its passes."""

    def __init__(self, ledger: Ledger, problems: Problems) -> None:
        self.is_blocked = False  # as far as the last work showed
        self._ledger = ledger
        self._problems = problems

    def through(self, work: Callable[[], T]) -> T | None:
        """What the work gave, or None where the disk kept it from being done.

        Raises: what is no fault of the disk.
        """
        try:
            made = work()
        except UnwritableError as error:
            self._state(error)
        except OSError as error:
            fault = unwritable(error, "home")
            if fault is None:
                raise
            self._state(fault)
        else:
            self._state(None)
            return made
        return None

    def _state(self, fault: UnwritableError | None) -> None:
        """State what keeps the agent from its work, or that nothing does; the ledger may lag."""
        self.is_blocked = fault is not None
        over = [code for code in UNWRITABLE if fault is None or code != fault.code]
        with suppress(UnwritableError):
            self._problems.clear(self._ledger, *over)
        if fault is not None:
            with suppress(UnwritableError):
                self._problems.add(self._ledger, fault.code, str(fault))
