# SPDX-License-Identifier: EUPL-1.2
"""One device's coverage over time: days, arrivals, gaps, epochs.

Days are of UTC. What nobody sealed is a gap: whether something was there to be sealed is for the
office to say, which has the device's own attestations.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Final

from lakzegel_core.custody_state import DeviceState
from lakzegel_server.desk import Desk
from lakzegel_server.fleet.arrivals import DETAIL, KEPT, NEWEST
from lakzegel_server.fleet.days import Day
from lakzegel_server.fleet.model import Arrival

HOURS: Final = 24


@dataclass(frozen=True, slots=True)
class DayOf:
    """What came on one day."""

    day: date
    batches: int
    items: int
    size: int  # bytes
    batch_hours: tuple[int, ...]  # hours of the day, UTC, in which a batch came
    beat_hours: tuple[int, ...]  # and in which a heartbeat came


@dataclass(frozen=True, slots=True)
class Gap:
    """A time without a sealed batch that is longer than `late`; ``end`` None: it lasts.

    One that began before what is looked at begins there.
    """

    begin: datetime
    end: datetime | None


@dataclass(frozen=True, slots=True)
class EpochOf:
    """The life of one set of keys of the device."""

    epoch: int
    enrolled: datetime
    reason: str  # first, restored, unreadable, rotated (epochs.md §2)
    index: int  # of its enrolment in the log
    batches: int


@dataclass(frozen=True, slots=True)
class Timeline:
    """One device over time; ``days`` is without holes, the first day first."""

    device: str
    days: tuple[DayOf, ...]
    arrivals: tuple[Arrival, ...]  # the newest first; of at most five weeks, and at most 200
    gaps: tuple[Gap, ...]  # the first one first
    epochs: tuple[EpochOf, ...]  # the first one first


def read_timeline(
    desk: Desk, device: str, now: datetime, *, span: timedelta = timedelta(days=30)
) -> Timeline | None:
    """The timeline of an enrolled device; None where there is no such device."""
    with desk.log.looking() as custody:
        state = custody.devices.get(device)
        if state is None:
            return None
        epochs = tuple(_epochs(state))
        ended = state.revoked or state.final
    span = min(span, KEPT)
    first = (now - span).date()
    known = desk.fleet.days(device, first)
    window = now - min(span, DETAIL)
    arrivals = desk.fleet.arrivals(device, window)
    sealed = sorted(arrival.at for arrival in arrivals)
    first_known = sealed[0] if len(sealed) == NEWEST else max(window, epochs[0].enrolled)
    moments = [first_known, *sealed, now]
    return Timeline(
        device=device,
        days=tuple(_days(known, first, now.date())),
        arrivals=tuple(arrivals),
        gaps=tuple(_gaps(moments, desk.settings.fleet.late, ended=ended)),
        epochs=epochs,
    )


def _epochs(state: DeviceState) -> Iterator[EpochOf]:
    for one in (*state.closed_epochs, state.current):
        batches = 0 if one.head is None else one.head.batch + 1
        yield EpochOf(one.epoch, one.enrolled, one.reason, one.index, batches)


def _days(known: dict[date, Day], first: date, last: date) -> Iterator[DayOf]:
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        found = known.get(day, Day())
        yield DayOf(
            day,
            found.batches,
            found.items,
            found.size,
            tuple(_hours(found.batch_hours)),
            tuple(_hours(found.beat_hours)),
        )


def _hours(bits: int) -> Iterator[int]:
    return (hour for hour in range(HOURS) if bits >> hour & 1)


def _gaps(moments: Sequence[datetime], late: timedelta, *, ended: bool) -> Iterator[Gap]:
    """The times between that are too long; after the end of a custody there are none."""
    last = len(moments) - 1
    for number, (begin, end) in enumerate(pairwise(moments), 1):
        lasts = number == last
        if end - begin > late and not (lasts and ended):
            yield Gap(begin, None if lasts else end)
