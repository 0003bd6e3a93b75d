# SPDX-License-Identifier: EUPL-1.2
"""On which days something of a device was sealed, as weeks of a calendar."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Final

from lakzegel_server.fleet.timeline import DayOf

WEEKS: Final = 5  # that are shown; single arrivals are kept as long
_WEEK: Final = 7  # days


class Cover(StrEnum):
    """What is known of one day."""

    SEALED = "sealed"
    HEARD = "heard"  # the device was awake, and nothing of it was sealed
    GAP = "gap"  # nothing came at all
    PLANNED = "planned"  # nothing came, in an absence that the policy plans
    NOW = "now"  # today, and nothing yet
    OUTSIDE = "outside"  # before the device was enrolled, after its custody, or in the future


@dataclass(frozen=True, slots=True)
class CalendarDay:
    """One day of the calendar."""

    day: date
    cover: Cover
    batches: int
    items: int


Week = tuple[CalendarDay, ...]


@dataclass(frozen=True, slots=True)
class Span:
    """From which day to which a device owes something; no last one while it does."""

    first: date | None
    last: date | None = None
    away: tuple[tuple[datetime, datetime], ...] = ()  # planned absences

    def holds(self, day: date, today: date) -> bool:
        """Whether something is owed of that day."""
        return self.first is not None and self.first <= day <= min(self.last or today, today)

    def is_planned(self, day: date) -> bool:
        """Whether a planned absence is on that day."""
        begin = datetime.combine(day, time(), UTC)
        return any(one < begin + timedelta(days=1) and end > begin for one, end in self.away)


def first_day(now: datetime) -> date:
    """The Monday that the calendar begins with."""
    today = now.astimezone(UTC).date()
    return today - timedelta(days=today.weekday() + _WEEK * (WEEKS - 1))


def calendar(days: Iterable[DayOf], span: Span, now: datetime) -> tuple[Week, ...]:
    """Weeks, from Monday to Sunday, the oldest first."""
    today, begin = now.astimezone(UTC).date(), first_day(now)
    known = {one.day: one for one in days}
    wanted = [begin + timedelta(days=place) for place in range(WEEKS * _WEEK)]
    found = [_day(day, known.get(day), span, today) for day in wanted]
    return tuple(tuple(found[at : at + _WEEK]) for at in range(0, len(found), _WEEK))


def _day(day: date, known: DayOf | None, span: Span, today: date) -> CalendarDay:
    batches = known.batches if known else 0
    if batches:
        cover = Cover.SEALED
    elif not span.holds(day, today):
        cover = Cover.OUTSIDE
    elif span.is_planned(day):
        cover = Cover.PLANNED
    elif day == today:
        cover = Cover.NOW
    else:
        cover = Cover.HEARD if known and known.beat_hours else Cover.GAP
    return CalendarDay(day, cover, batches, known.items if known else 0)


def gaps(weeks: Iterable[Week]) -> Iterator[CalendarDay]:
    """The days of which something is owed and nothing was sealed."""
    return (one for week in weeks for one in week if one.cover in {Cover.HEARD, Cover.GAP})
