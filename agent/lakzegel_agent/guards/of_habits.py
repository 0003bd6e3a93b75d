# SPDX-License-Identifier: EUPL-1.2
"""How often a source brings something, in days of the agent's own, and whether it went silent.

    looks    Mon  Tue  (off)  Thu  Fri  Mon      days on which nobody looked do not count
    day       1    2           3    4    5
    active    *         ·           *            gaps 3, …

A day counts once, when it is later than any before, so that a clock that is set back adds no day
and takes none away. docs/spec/settings-guarded.md, sources-silent
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import date
from itertools import pairwise
from typing import Any, Final

WINDOW: Final = 60  # days up to the last active one
LEAST_ACTIVE: Final = 14  # of them, else there is no habit
LEAST_SILENCE: Final = 7  # days
TIMES: Final = 3  # the usual gap
PERCENTILE: Final = 95
FLUTTER: Final = 2  # days that a clock may be back without its days beginning anew
WEEKS: Final = 8  # whole weeks of which the volume is told


@dataclass(slots=True)
class Habit:
    """What is remembered of one source."""

    sealed: int  # versions that were sealed, at the last look
    latest: int  # the latest date on which somebody looked, as an ordinal
    day: int = 0  # the number of that day
    active: list[int] = field(default_factory=list)  # numbers of days with something new
    last: int = 0  # the date of the last of them, as an ordinal; 0: none
    weeks: dict[str, int] = field(default_factory=dict)  # versions sealed, by ISO week

    def look(self, today: date, sealed: int, *, absent: bool) -> None:
        """Note a look: what is new since the one before belongs to this day."""
        self._count_day(today.toordinal(), absent=absent)
        new = max(sealed - self.sealed, 0)  # fewer: another ledger, from which it begins anew
        self.sealed = sealed
        if new and self.active[-1:] != [self.day]:
            self.active.append(self.day)
        if new:
            self.last = today.toordinal()
        self.active = [day for day in self.active if day > self.active[-1] - WINDOW]
        week = week_of(today)
        self.weeks[week] = self.weeks.get(week, 0) + new
        kept = sorted(name for name in self.weeks if name <= week)[-WEEKS - 1 :]
        self.weeks = {name: self.weeks[name] for name in kept}

    def usual(self) -> int | None:
        """Return the gap in days that 95 of 100 do not exceed; None without a habit."""
        if len(self.active) < LEAST_ACTIVE:
            return None
        gaps = sorted(after - before for before, after in pairwise(self.active))
        return gaps[-(-len(gaps) * PERCENTILE // 100) - 1]

    def is_silent(self) -> bool:
        """Whether nothing came for much longer than is usual."""
        usual = self.usual()
        silence = self.day - self.active[-1] if self.active else 0
        return usual is not None and silence > TIMES * usual and silence >= LEAST_SILENCE

    def volume(self, today: date) -> dict[str, int]:
        """Return how many versions were sealed in each of the last whole weeks."""
        return {name: many for name, many in self.weeks.items() if name < week_of(today)}

    def pack(self) -> bytes:
        """Return what is to be remembered."""
        return json.dumps(asdict(self)).encode()

    def _count_day(self, ordinal: int, *, absent: bool) -> None:
        """Begin another day, where this is one and the source is expected to bring something."""
        if ordinal > self.latest:
            self.latest = ordinal
            self.day += 0 if absent else 1
        elif ordinal < self.latest - FLUTTER:
            self.latest = ordinal


def week_of(day: date) -> str:
    """Return the ISO week of a date: ``2026-W48``."""
    year, week, _ = day.isocalendar()
    return f"{year:04}-W{week:02}"


def recalled(data: bytes | None) -> Habit | None:
    """Return what was remembered of a source; None where that is nothing, or not ours."""
    try:
        rows: Any = json.loads(data or b"null")
        habit = Habit(**rows)
        numbers = [habit.sealed, habit.latest, habit.day, habit.last]
        numbers += [*habit.active, *habit.weeks.values()]
        fine = all(type(one) is int for one in numbers)
    except (ValueError, TypeError, AttributeError):
        return None
    return habit if fine else None
