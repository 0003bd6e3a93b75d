# SPDX-License-Identifier: EUPL-1.2
"""When a message of a WhatsApp export was sent, by the phone's clock.

Such a moment is labelled as UTC, so that it can be compared; which zone it is of, nobody wrote.

``3/12/24`` may be a day in March or in December: the dates of the whole file tell, where one of
them has a number beyond 12. With ``-`` or ``.`` the day comes first. Else no moment is known.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

_NUMBERS: Final = re.compile(r"[0-9]{1,4}")
_MONTHS: Final = 12
_CENTURY: Final = 2_000
_NOON: Final = 12
_YEAR_WIDTH: Final = 4


class Dates:
    """The dates of a file, and what order of day and month they speak for."""

    def __init__(self) -> None:
        self._first = self._second = 0  # the largest numbers there
        self._seen = b""

    def see(self, date: bytes) -> None:
        """Take in the date of the next line."""
        if date == self._seen:
            return
        self._seen = date
        numbers = [int(number) for number in _NUMBERS.findall(date.decode("ascii"))]
        self._first = max(self._first, numbers[0])
        self._second = max(self._second, numbers[1])

    def moment(self, at: str) -> datetime | None:
        """Return what the phone's clock showed, None where that cannot be told.

        ``at`` is a date and a clock of this file, with a space between them.
        """
        date, _, clock = at.partition(" ")
        if not clock:
            return None
        day = self._day(_NUMBERS.findall(date), date)
        if day is None:
            return None
        hour, minute, *rest = (int(number) for number in _NUMBERS.findall(clock))
        half = clock.lower()
        if "a" in half or "p" in half:
            hour = hour % _NOON + (_NOON if "p" in half else 0)
        try:
            return datetime(*day, hour, minute, rest[0] if rest else 0, tzinfo=UTC)
        except ValueError:
            return None

    def _day(self, numbers: list[str], date: str) -> tuple[int, int, int] | None:
        one, two, three = (int(number) for number in numbers)
        if len(numbers[0]) == _YEAR_WIDTH:
            return one, two, three
        year = three if len(numbers[2]) == _YEAR_WIDTH else _CENTURY + three
        day_first, month_first = self._first > _MONTHS, self._second > _MONTHS
        if day_first == month_first:
            day_first = not day_first and "/" not in date
            if not day_first:
                return None
        return (year, two, one) if day_first else (year, one, two)


def instant_of(wall: datetime | None) -> datetime | None:
    """Return the moment at which this device's clock showed what the phone's did."""
    if wall is None:
        return None
    try:
        return wall.replace(tzinfo=None).astimezone(UTC)
    except (OverflowError, OSError, ValueError):  # a year that no clock has
        return None
