# SPDX-License-Identifier: EUPL-1.2
"""Small jobs that are done in the agent's own process (docs/adr/0006)."""

from collections import deque
from typing import TYPE_CHECKING, Final, TypeGuard

from lakzegel_agent.sealing.jobs import Answer, Cut, Job, Setup
from lakzegel_agent.sealing.room import cost
from lakzegel_agent.sealing.surveys import ConversationUnit, Survey

if TYPE_CHECKING:
    from lakzegel_agent.sealing.sealer import Sealer

MOST: Final = 2**20  # bytes of a job that is done here: some ten milliseconds, and as much memory


def is_small(request: Job | Cut | Survey) -> TypeGuard[Job]:
    """Return whether a request takes a moment, and opens no database of another program's."""
    return (
        isinstance(request, Job)
        and not any(isinstance(unit, ConversationUnit) for unit in request.units)
        and sum(cost(unit)[0] for unit in request.units) <= MOST
    )


class Here:
    """Does jobs and keeps the answers until they are heard. One thread uses it."""

    def __init__(self) -> None:
        self.outstanding: deque[Job] = deque()
        self._answers: deque[Answer] = deque()
        self._sealer: Sealer | None = None

    def do(self, job: Job, setup: Setup) -> None:
        """Do a job now."""
        from lakzegel_agent.sealing.sealer import Sealer  # noqa: PLC0415 - only if needed
        from lakzegel_agent.sealing.worker import answer  # noqa: PLC0415

        if self._sealer is None:
            self._sealer = Sealer(setup)
        self.outstanding.append(job)
        self._answers.append(answer(self._sealer, job))

    def answer(self) -> Answer | None:
        """Return the next answer, or None."""
        if not self._answers:
            return None
        self.outstanding.popleft()
        return self._answers.popleft()

    def rest(self) -> None:
        """Forget everything, and give back what it took."""
        self.outstanding.clear()
        self._answers.clear()
        self._sealer = None
