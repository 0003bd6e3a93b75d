# SPDX-License-Identifier: EUPL-1.2
"""When a running agent does what nobody hints at: looks at everything, at folders, at its log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lakzegel_agent.schedule import Timetable


@dataclass(frozen=True, slots=True)
class Plan:
    """Seconds between two looks at everything, at polled folders, and questions to the log."""

    rescan: float
    poll: float
    consult: float


@dataclass(frozen=True, slots=True)
class Acts:
    """What is done at those times; ``tick`` at its own."""

    rescan: Callable[[], None]
    poll: Callable[[], None]
    consult: Callable[[], None]
    tick: Callable[[], None]
    ticking: float  # seconds


class Times:
    """The timetable that is in force, set anew when the plan is another."""

    def __init__(self, acts: Acts) -> None:
        self._acts = acts
        self._plan: Plan | None = None
        self._timetable: Timetable | None = None

    def follow(self, plan: Plan) -> None:
        """Act by this plan from now on."""
        if plan == self._plan:
            return
        self.stop()
        acts = self._acts
        self._plan, self._timetable = plan, Timetable()
        self._timetable.every(plan.rescan, acts.rescan)
        self._timetable.every(plan.poll, acts.poll)
        self._timetable.every(plan.consult, acts.consult)
        self._timetable.every(acts.ticking, acts.tick)
        self._timetable.start()

    def stop(self) -> None:
        """Act no more."""
        if self._timetable is not None:
            self._timetable.stop()
