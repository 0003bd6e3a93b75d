# SPDX-License-Identifier: EUPL-1.2
"""A source that brought something nearly each day, and nothing for weeks, is a finding.

    versions sealed, look by look -> habit -> silent for longer than is usual?

docs/spec/settings-guarded.md, sources-silent
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from typing import ClassVar, Final

from lakzegel_agent.guards.base import (
    EVERYWHERE,
    Counted,
    Declaration,
    Guard,
    Reading,
    ReportingGuard,
    State,
    Surroundings,
    Watched,
)
from lakzegel_agent.guards.of_habits import Habit, recalled
from lakzegel_core.agreements import Absence
from lakzegel_core.encoding import JsonValue, format_time

SILENT: Final = "silent"
NONE: Final = Counted(0, 0)


class SourcesSilent(ReportingGuard):
    """A reading a source of the policy."""

    declaration: ClassVar[Declaration] = Declaration(
        "sources-silent",
        (2, 13),
        EVERYWHERE,
        enforces=False,
        reasons=frozenset({SILENT}),
        cannot="why nothing comes; sources that bring something on fewer than 14 of 60 days; days"
        " on which this agent did not run",
    )

    def look(self, surroundings: Surroundings) -> Iterable[Reading]:
        """Yield how each source fares, by its label."""
        labels = {one.label for one in surroundings.listed} | surroundings.history.keys()
        for source in surroundings.listed:
            yield _reading(surroundings, source)
        surroundings.notes.only(labels)


def _reading(surroundings: Surroundings, source: Watched) -> Reading:
    """Return how one source fares, and remember this look."""
    today = surroundings.now.astimezone(UTC).date()
    sealed = surroundings.history.get(source.label, NONE).sealed
    habit = recalled(surroundings.notes.get(source.label))
    if habit is None:
        habit = Habit(sealed, today.toordinal())
    absence = _absence(surroundings, source.name)
    habit.look(today, sealed, absent=absence is not None)
    surroundings.notes.put(source.label, habit.pack())
    value: dict[str, JsonValue] = {"weeks": dict(habit.volume(today))}
    if absence is not None:
        value["absent_until"] = format_time(absence.until)
        return Reading(source.label, State.COMPLIANT, "", value)
    if habit.usual() is None:
        return Reading(source.label, State.NOT_APPLICABLE, "", value)
    if not habit.is_silent():
        return Reading(source.label, State.COMPLIANT, "", value)
    last = date.fromordinal(habit.last)
    value["last"] = last.isoformat()
    since = datetime.combine(last, time(), UTC)
    return Reading(source.label, State.DRIFTED, SILENT, value, since=since)


def _absence(surroundings: Surroundings, name: str) -> Absence | None:
    """Return the planned absence of a source that it is in now."""
    now = surroundings.now
    return next(
        (
            one
            for one in surroundings.policy.absences
            if one.source == name and one.begin <= now < one.until
        ),
        None,
    )


GUARD: Final[Guard] = SourcesSilent()
