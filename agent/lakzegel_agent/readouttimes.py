# SPDX-License-Identifier: EUPL-1.2
"""When a phone may be read out, is to be, and should have been (docs/spec/readout.md §4).

    last read-out -> counts from the begin of its window -> + every = due
    due -> first window that ends after it -> its end = overdue

Nothing waits for a time: each look asks the clock on the wall anew, whatever happened meanwhile.
``zone`` None is the system's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from lakzegel_core.readouts import Readout
from lakzegel_core.windows import Dates, Hours

GRACE: Final = timedelta(days=1)  # after which a read-out without a window is overdue
_DAY: Final = timedelta(days=1)
_STEP: Final = timedelta(minutes=5)
_AHEAD: Final = 400  # days in which a window is looked for
Span = tuple[datetime, datetime]


def open_until(readout: Readout, now: datetime, zone: tzinfo | None) -> datetime | None:
    """Return when the window ends that is open now, or None where none is.

    Without hours in the policy it is a day away.
    """
    if _is_spared(readout, now, zone):
        return None
    if not readout.hours:
        return now + _DAY
    ends = [
        _instant(end, zone)
        for begin, end in _around(readout.hours, now, zone)
        if begin <= _wall(now, zone) < end
    ]
    return max(ends, default=None)


def due(readout: Readout, last: datetime, zone: tzinfo | None) -> datetime:
    """Return from when on the next read-out is to be made."""
    begins = [
        _instant(begin, zone)
        for begin, end in _around(readout.hours, last, zone)
        if begin <= _wall(last, zone) < end
    ]
    return min([*begins, last]) + timedelta(seconds=readout.every)


def overdue(readout: Readout, last: datetime, zone: tzinfo | None) -> datetime:
    """Return from when on a read-out that was not made should have been."""
    wanted = due(readout, last, zone)
    if not readout.hours:
        return wanted + GRACE
    for begin, end in _windows(readout, wanted, zone):
        if end > wanted and _opens(readout, max(begin, wanted), end, zone):
            return end
    return wanted + GRACE  # what was agreed never comes


def _windows(readout: Readout, since: datetime, zone: tzinfo | None) -> Iterator[Span]:
    """Yield windows from the day before a moment on, by their end."""
    day = _wall(since, zone).date() - _DAY
    for number in range(_AHEAD):
        today = [found for hours in readout.hours if (found := hours.on(day + number * _DAY))]
        for begin, end in sorted(today, key=lambda span: span[1]):
            yield _instant(begin, zone), _instant(end, zone)


def _opens(readout: Readout, begin: datetime, end: datetime, zone: tzinfo | None) -> bool:
    """Whether there is a moment in it at which a read-out may be made."""
    moment = begin
    while moment < end:
        if open_until(readout, moment, zone) is not None:
            return True
        moment += _STEP
    return False


def _is_spared(readout: Readout, now: datetime, zone: tzinfo | None) -> bool:
    wall = _wall(now, zone)
    return any(begin <= wall < end for begin, end in _around(readout.not_during, now, zone))


def _around(
    times: tuple[Hours | Dates, ...], moment: datetime, zone: tzinfo | None
) -> Iterator[Span]:
    """Yield the spans, on the wall, that begin on a moment's day or the day before."""
    day = _wall(moment, zone).date()
    for one in times:
        for begins in (day - _DAY, day):
            found = one.on(begins)
            if found is not None:
                yield found


def _wall(moment: datetime, zone: tzinfo | None) -> datetime:
    """Return what the clock on the wall shows."""
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)


def _instant(wall: datetime, zone: tzinfo | None) -> datetime:
    """Return the moment, in UTC, at which the clock on the wall shows this (first)."""
    aware = wall if zone is None else wall.replace(tzinfo=zone)
    return aware.astimezone(UTC)
