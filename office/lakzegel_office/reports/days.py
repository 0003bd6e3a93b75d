# SPDX-License-Identifier: EUPL-1.2
"""How each day of a device or of one of its sources was covered.

whole    looked at all day                asleep  the same while it was on; part of the day off
away     off or asleep all day            gap     part of the day nobody looked
none     hardly looked at, or not at all  (empty) before its first day or after its last
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from lakzegel_office.coverage import Span, union

WHOLE: Final = "whole"
ASLEEP: Final = "asleep"
AWAY: Final = "away"
GAP: Final = "gap"
NONE: Final = "none"
OUTSIDE: Final = ""
LABELS: Final = {  # for people, in the order of their severity
    WHOLE: "looked at all day",
    ASLEEP: "looked at while it was on",
    AWAY: "off all day",
    GAP: "not looked at for a while",
    NONE: "hardly or not looked at",
}
STATES: Final = tuple(LABELS)
RESTING: Final = frozenset({"asleep", "off"})  # gaps in which nothing was done on the device either
MOST: Final = 0.8  # of a day
LEAST: Final = timedelta(minutes=15)  # what is shorter does not colour a day


def days_between(first: date, last: date) -> list[date]:
    """Return every day from the first to the last."""
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def states(
    days: Sequence[date],
    known: Span | None,
    resting: Iterable[Span],
    missed: Iterable[Span],
) -> tuple[str, ...]:
    """Return each day's state.

    Args:
        days: which, in order.
        known: from the first moment that is known of to the last; None: nothing is.
        resting: when the device was off or asleep.
        missed: when it was on, or nobody can say, and it was not looked at.
    """
    rests, misses = union(resting), union(missed)
    return tuple(_state(day, known, rests, misses) for day in days)


def _state(day: date, known: Span | None, resting: Sequence[Span], missed: Sequence[Span]) -> str:
    begin = datetime.combine(day, time(), UTC)
    whole = (begin, begin + timedelta(days=1))
    part = None if known is None else _common(whole, known)
    if part is None:
        return OUTSIDE
    length = part[1] - part[0]
    lost, off = _within(part, missed), _within(part, resting)
    if lost >= max(LEAST, length * MOST):
        return NONE
    if lost >= LEAST:
        return GAP
    if off >= max(length - LEAST, length * MOST):
        return AWAY
    return ASLEEP if off >= LEAST else WHOLE


def _within(part: Span, spans: Sequence[Span]) -> timedelta:
    common = (_common(part, span) for span in spans)
    return sum((end - start for start, end in filter(None, common)), timedelta())


def _common(one: Span, two: Span) -> Span | None:
    start, end = max(one[0], two[0]), min(one[1], two[1])
    return (start, end) if start < end else None
