# SPDX-License-Identifier: EUPL-1.2
"""Times, spans, sizes and figures, as people write them in either language."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from typing import Final

from lakzegel_core.encoding import format_time
from lakzegel_core.words import DUTCH
from lakzegel_server.pages.language import text

MONTHS: Final = (
    *(text("January"), text("February"), text("March"), text("April"), text("May"), text("June")),
    *(text("July"), text("August"), text("September"), text("October"), text("November")),
    text("December"),
)
SHORT: Final = (
    *(text("Jan"), text("Feb"), text("Mar"), text("Apr"), text("May"), text("Jun")),
    *(text("Jul"), text("Aug"), text("Sep"), text("Oct"), text("Nov"), text("Dec")),
)
DAYS: Final = (
    *(text("Monday"), text("Tuesday"), text("Wednesday"), text("Thursday"), text("Friday")),
    *(text("Saturday"), text("Sunday")),
)
MOST_DAYS: Final = 6  # that are named one by one
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
SPANS: Final = (  # from how many seconds on, how many a unit has, one of it, several
    (2 * _DAY, _DAY, "", text("{count} days")),
    (2 * _HOUR, _HOUR, "", text("{count} hours")),
    (_HOUR, _HOUR, text("1 hour"), ""),
    (2 * _MINUTE, _MINUTE, "", text("{count} minutes")),
    (_MINUTE, _MINUTE, text("1 minute"), ""),
)
UNITS: Final = ("B", "kB", "MB", "GB", "TB", "PB")
_THOUSAND: Final = 1000
_PLAIN: Final = 10  # from here on, no decimal


@dataclass(frozen=True, slots=True)
class Moments:
    """How one page tells times and figures."""

    said: Callable[..., str]
    language: str
    zone: tzinfo
    now: datetime

    def exact(self, moment: datetime) -> str:
        """The moment for programs, in UTC."""
        return format_time(moment.astimezone(UTC).replace(microsecond=0))

    def day(self, moment: datetime) -> str:
        """``3 November 2026``."""
        local = self._local(moment)
        return f"{local.day} {self.said(MONTHS[local.month - 1])} {local.year}"

    def short_day(self, day: date) -> str:
        """``3 Nov``."""
        return f"{day.day} {self.said(SHORT[day.month - 1])}"

    def weekday(self, day: date) -> str:
        """``Monday``."""
        return self.said(DAYS[day.weekday()])

    def days(self, days: Sequence[date]) -> str:
        """``3 Nov, 4 Nov and 9 Nov``, and how many more there are."""
        shown = [self.short_day(day) for day in days[:MOST_DAYS]]
        if len(days) > MOST_DAYS:
            shown.append(self.said(text("{count} more"), count=len(days) - MOST_DAYS))
        *most, last = shown
        joined = ", ".join(most)
        return self.said(text("{some} and {one}"), some=joined, one=last) if most else last

    def full(self, moment: datetime) -> str:
        """``3 November 2026, 09:05``."""
        return f"{self.day(moment)}, {self._local(moment):%H:%M}"

    def ago(self, moment: datetime) -> str:
        """How long ago it was, or how soon it will be, in one unit."""
        seconds = int((self.now - moment).total_seconds())
        span = self.span(abs(seconds))
        if not span:
            return self.said(text("just now"))
        if seconds < 0:
            return self.said(text("in {span}"), span=span)
        return self.said(text("{span} ago"), span=span)

    def lasting(self, moment: datetime) -> str:
        """For how long something has been so."""
        span = self.span(int((self.now - moment).total_seconds()))
        return self.said(text("for {span}"), span=span) if span else self.said(text("just now"))

    def span(self, seconds: int) -> str:
        """``3 hours``; nothing for less than a minute."""
        for least, unit, one, several in SPANS:
            if seconds >= least:
                return self.said(one) if one else self.said(several, count=seconds // unit)
        return ""

    def apart(self, seconds: float) -> str:
        """How far a clock is ahead or behind, in whole seconds."""
        count = round(abs(seconds))
        if not count:
            return self.said(text("right"))
        said = text("{count} s ahead") if seconds > 0 else text("{count} s behind")
        return self.said(said, count=self.figure(count))

    def figure(self, number: int) -> str:
        """``12,345``, in Dutch with a dot."""
        shown = f"{number:,}"
        return shown.replace(",", ".") if self.language == DUTCH else shown

    def size(self, count: int) -> str:
        """``34.5 MB``, in Dutch with a comma."""
        value, unit = float(count), 0
        while round(value) >= _THOUSAND and unit < len(UNITS) - 1:
            value, unit = value / _THOUSAND, unit + 1
        shown = f"{value:.1f}" if unit and value < _PLAIN else f"{value:.0f}"
        return f"{shown.replace('.', ',') if self.language == DUTCH else shown} {UNITS[unit]}"

    def _local(self, moment: datetime) -> datetime:
        """The moment in the page's zone; in UTC where a device states one at the end of all times.

        What a device says of itself must not take a page away.
        """
        try:
            return moment.astimezone(self.zone)
        except OverflowError:
            return moment.astimezone(UTC)
