# SPDX-License-Identifier: EUPL-1.2
"""When a running agent tells its receiver how it fares, in the courier's thread.

    start -> first round with the receiver -> heartbeat -> cadence -> heartbeat …
    a problem raised or over -> heartbeat, a minute after the last one at the earliest

Nothing waits for a heartbeat, none is kept, and that one fails is no problem: the next one says
more. docs/spec/heartbeat.md §2
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Final

from lakzegel_agent.errors import AgentError
from lakzegel_agent.transport import NeverError
from lakzegel_core.errors import LakzegelError

if TYPE_CHECKING:
    from lakzegel_agent.devicekeys import Introduction
    from lakzegel_agent.liaison import Liaison
    from lakzegel_agent.problems import Problems

CADENCE: Final = 900.0  # seconds, where the policy has none or 0
LEAST: Final = 60.0  # seconds between two
MOST: Final = 43_200.0  # seconds between two, whatever the cadence
UNKNOWN_ROUTE: Final = 21_600.0  # seconds until a receiver that does not know them is asked again
JITTER: Final = 0.1  # of the cadence, either way
COUNTER: Final = "heartbeat"  # what the ledger remembers the last counter by
_NO_ROUTE: Final = frozenset({404, 405})


class Heart:
    """The heartbeats of one life of the agent."""

    def __init__(
        self,
        problems: Problems,
        *,
        boot: bytes,
        started: datetime,
        chance: Callable[[], float],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.boot = boot
        self.started = started
        self._problems = problems
        self._chance = chance
        self._clock = clock
        self._next = clock()
        self._last = self._next - LEAST
        self._told: frozenset[str] | None = None  # codes of problems that the last one named
        self._is_known = True  # the receiver takes them

    def due_in(self) -> float:
        """Seconds until one is to be sent; 0 when one is due."""
        now = self._clock()
        wait = self._next - now
        if self.has_news():
            wait = min(wait, self._last + LEAST - now)
        return max(0.0, wait)

    def has_news(self) -> bool:
        """Whether problems were raised or are over since the last one."""
        return self._is_known and self._told is not None and self._told != self._codes()

    def put_off(self) -> None:
        """Send none for a while: there is no talking with the receiver."""
        self._next = max(self._next, self._clock() + LEAST)
        self._last = self._next - LEAST

    def beat(self, liaison: Liaison, current: Introduction, *, skew: int | None) -> None:
        """Send one now; whatever goes wrong decides when the next one is, and nothing else."""
        from lakzegel_agent.heartbeatfacts import heartbeat  # noqa: PLC0415 - seldom needed

        codes, known = self._codes(), True
        cadence = CADENCE
        try:
            in_force = liaison.policy(current)
            cadence = cadence_of(None if in_force is None else in_force.policy.cadence)
            note = heartbeat(
                liaison, current, in_force, boot=self.boot, started=self.started, skew=skew,
                counter=self._count(liaison),
            )  # fmt: skip
            liaison.link.beat(note)
        except NeverError as error:
            known = error.status not in _NO_ROUTE
        except (AgentError, LakzegelError, OSError):
            pass
        self._last = self._clock()
        self._told, self._is_known = codes, known
        wait = cadence * (1 + JITTER * (2 * self._chance() - 1)) if known else UNKNOWN_ROUTE
        self._next = self._last + max(wait, LEAST)

    def _codes(self) -> frozenset[str]:
        return frozenset(problem.code for problem in self._problems.listed())

    @staticmethod
    def _count(liaison: Liaison) -> int:
        """The next counter, durable before anybody sees it; above every one before it.

        Raises:
            UnwritableError: it cannot be kept, and so is not used.
        """
        kept = int(liaison.ledger.recall(COUNTER) or b"0")
        counter = max(kept + 1, int(liaison.clock().timestamp()))
        liaison.ledger.remember(COUNTER, b"%d" % counter)
        return counter


def cadence_of(cadence: float | None) -> float:
    """Seconds between two heartbeats under a policy of this cadence."""
    return min(max(cadence, LEAST), MOST) if cadence else CADENCE
