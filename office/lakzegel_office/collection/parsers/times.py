# SPDX-License-Identifier: EUPL-1.2
"""Times as chat programs write them, in microseconds since 1970, UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from lakzegel_office.collection.parsers.mailheads import microseconds

_APPLE: Final = 978_307_200  # seconds from 1970 to 2001
_NANOSECONDS: Final = 10**12  # from here on Messages counts nanoseconds
_MOST: Final = 253_402_300_800  # seconds: the year 10000


def dutch_zone() -> tzinfo:
    """Return the zone of what is written without one; UTC where the system has no zones."""
    try:
        return ZoneInfo("Europe/Amsterdam")
    except ZoneInfoNotFoundError:
        return UTC


DUTCH: Final = dutch_zone()


def of_local(year: int, month: int, day: int, clock: tuple[int, int, int]) -> int | None:
    """Return a time that is written without a zone, taken as Dutch; None for what is none."""
    try:
        return microseconds(datetime(year, month, day, *clock, tzinfo=DUTCH))
    except (ValueError, OverflowError):
        return None


def of_iso(text: str) -> int | None:
    """Return an ISO 8601 time; without a zone it is taken as Dutch."""
    try:
        moment = datetime.fromisoformat(text.replace(" UTC", "+00:00"))
        return microseconds(moment if moment.tzinfo else moment.replace(tzinfo=DUTCH))
    except (ValueError, OverflowError):
        return None


def of_seconds(value: object) -> int | None:
    """Return seconds since 1970."""
    return _scaled(value, 1)


def of_milliseconds(value: object) -> int | None:
    """Return milliseconds since 1970; nothing for zero, which stores write for unknown."""
    return _scaled(value, 1_000)


def of_apple(value: object) -> int | None:
    """Return seconds or nanoseconds since 2001."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not value:
        return None
    seconds = value / 10**9 if abs(value) >= _NANOSECONDS else value
    return _scaled(seconds + _APPLE, 1)


def _scaled(value: object, unit: int) -> int | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    if not 0 < value < _MOST * unit:
        return None
    if isinstance(value, int):
        return value * 1_000_000 // unit
    return round(value * 1_000_000 / unit)


def shown(moment: int) -> str:
    """Return a time as ISO 8601, for a text that names one."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=moment)).isoformat()
