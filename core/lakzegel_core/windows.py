# SPDX-License-Identifier: EUPL-1.2
"""Hours of a week and days of a calendar, as people agree on them (docs/spec/policy.md §6).

    Fri 17:00-20:00                       each Friday
    Mon-Thu 22:00-06:00, Sat 09:00-12:00  the night after Monday to Thursday, and Saturday
    2026-12-24..2027-01-02                whole days, the last one too

They are of the clock on the wall: what they are in UTC is for whoever knows the time zone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

from lakzegel_core.errors import PolicyError

DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MAX_TEXT: Final = 200  # characters
_HOURS: Final = re.compile(
    r"([A-Z][a-z]{2})(?:-([A-Z][a-z]{2}))? ([0-2][0-9]):([0-5][0-9])-([0-2][0-9]):([0-5][0-9])"
)
_DATES: Final = re.compile(r"(\d{4}-\d\d-\d\d)(?:\.\.(\d{4}-\d\d-\d\d))?", re.ASCII)
_DAY: Final = 24 * 60


@dataclass(frozen=True, slots=True)
class Hours:
    """The same hours on some days of each week; ``end`` is beyond 24:00 where it is past it."""

    days: frozenset[int]  # 0 is Monday
    start: int  # minutes since midnight
    end: int  # likewise; above ``start``, by at most a day

    def on(self, day: date) -> tuple[datetime, datetime] | None:
        """Return begin and end of the hours that begin on this day, on the clock on the wall."""
        if day.weekday() not in self.days or date.max - day < timedelta(days=2):
            return None
        midnight = datetime.combine(day, time())
        return midnight + timedelta(minutes=self.start), midnight + timedelta(minutes=self.end)


@dataclass(frozen=True, slots=True)
class Dates:
    """Whole days."""

    first: date
    last: date

    def on(self, day: date) -> tuple[datetime, datetime] | None:
        """Return begin and end of this day, where it is one of them."""
        if not self.first <= day <= self.last or day == date.max:
            return None
        midnight = datetime.combine(day, time())
        return midnight, midnight + timedelta(days=1)


def parse_hours(text: str, *, what: str) -> tuple[Hours, ...]:
    """The hours of a week that a text names.

    Raises:
        PolicyError: any other spelling.
    """
    if len(text) > MAX_TEXT:
        raise PolicyError(f"{what}: more than {MAX_TEXT} characters")
    return tuple(_hours(part, what) for part in text.split(", "))


def parse_times(text: str, *, what: str) -> tuple[Hours | Dates, ...]:
    """The hours of a week, or the days of a calendar, that a text names.

    Raises:
        PolicyError: any other spelling.
    """
    dates = _DATES.fullmatch(text)
    if dates is None:
        return parse_hours(text, what=what)
    try:
        first, last = (date.fromisoformat(day) for day in (dates[1], dates[2] or dates[1]))
    except ValueError:
        raise PolicyError(f"{what}: no day of the calendar") from None
    if first > last:
        raise PolicyError(f"{what}: the last day is before the first")
    return (Dates(first, last),)


def _hours(text: str, what: str) -> Hours:
    match = _HOURS.fullmatch(text)
    days = None if match is None else tuple(_days(match[1], match[2] or match[1]))
    if match is None or not days:
        raise PolicyError(f"{what}: not hours like Fri 17:00-20:00 or Mon-Fri 22:00-06:00")
    start, end = int(match[3]) * 60 + int(match[4]), int(match[5]) * 60 + int(match[6])
    if start >= _DAY or end > _DAY:
        raise PolicyError(f"{what}: no time of a day")
    if start == end:
        raise PolicyError(f"{what}: it ends as it begins; a whole day is 00:00-24:00")
    return Hours(frozenset(days), start, end if end > start else end + _DAY)


def _days(first: str, last: str) -> Iterator[int]:
    """Yield the days from one to the other, over the end of the week too."""
    if first in DAYS and last in DAYS:
        begin = DAYS.index(first)
        for day in range(begin, begin + (DAYS.index(last) - begin) % 7 + 1):
            yield day % 7
