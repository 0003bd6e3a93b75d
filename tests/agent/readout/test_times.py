# SPDX-License-Identifier: EUPL-1.2
"""When a phone may, is to, and should have been read out, by a clock on a wall in Amsterdam."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakzegel_agent.readouttimes import due, open_until, overdue
from lakzegel_core.readouts import Readout
from lakzegel_core.windows import parse_hours, parse_times

WALL = ZoneInfo("Europe/Amsterdam")
WEEK = 7 * 86_400.0


def agreed(window="Fri 17:00-20:00", every=WEEK, *spared):
    hours = () if window is None else parse_hours(window, what="window")
    not_during = tuple(one for text in spared for one in parse_times(text, what="spared"))
    return Readout("phone", every, window, hours, not_during)


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=WALL).astimezone(UTC)


def wall(moment):
    return None if moment is None else moment.astimezone(WALL).strftime("%Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-11-20 16:59", None),
        ("2026-11-20 17:00", "2026-11-20 20:00"),
        ("2026-11-20 19:59", "2026-11-20 20:00"),
        ("2026-11-20 20:00", None),
        ("2026-11-19 18:00", None),
        ("2026-07-17 17:30", "2026-07-17 20:00"),
    ],
)
def test_a_window_is_open_at_the_hours_on_the_wall_in_winter_and_summer(now, until):
    assert wall(open_until(agreed(), at(now), WALL)) == until


def test_a_night_belongs_to_the_day_on_which_it_begins():
    night = agreed("Mon-Thu 22:00-06:00")
    assert wall(open_until(night, at("2026-11-20 05:59"), WALL)) == "2026-11-20 06:00"
    assert open_until(night, at("2026-11-20 22:30"), WALL) is None
    assert open_until(night, at("2026-11-23 05:00"), WALL) is None
    assert wall(open_until(night, at("2026-11-23 23:00"), WALL)) == "2026-11-24 06:00"


def test_what_is_spared_is_closed():
    spared = agreed("Fri 17:00-20:00", WEEK, "2026-12-24..2027-01-02", "Fri 18:00-18:30")
    assert open_until(spared, at("2026-11-20 17:59"), WALL) is not None
    assert open_until(spared, at("2026-11-20 18:15"), WALL) is None
    assert open_until(spared, at("2026-12-25 17:30"), WALL) is None
    assert open_until(spared, at("2027-01-02 17:30"), WALL) is None
    assert open_until(spared, at("2027-01-08 17:30"), WALL) is not None


def test_without_hours_any_time_is_fine_that_is_not_spared():
    always = agreed(None, WEEK, "2026-12-24")
    assert open_until(always, at("2026-12-23 03:00"), WALL) is not None
    assert open_until(always, at("2026-12-24 03:00"), WALL) is None


@pytest.mark.parametrize("last", ["2026-11-20 17:00", "2026-11-20 18:31", "2026-11-20 19:59"])
def test_a_read_out_counts_from_the_begin_of_its_window(last):
    assert wall(due(agreed(), at(last), WALL)) == "2026-11-27 17:00"
    assert wall(overdue(agreed(), at(last), WALL)) == "2026-11-27 20:00"


def test_one_outside_the_windows_counts_from_itself():
    assert wall(due(agreed(), at("2026-11-17 10:00"), WALL)) == "2026-11-24 10:00"
    assert wall(overdue(agreed(), at("2026-11-17 10:00"), WALL)) == "2026-11-27 20:00"


def test_a_window_that_is_spared_makes_nothing_overdue():
    holidays = agreed("Fri 17:00-20:00", WEEK, "2026-12-24..2027-01-02")
    assert wall(overdue(holidays, at("2026-12-18 17:30"), WALL)) == "2027-01-08 20:00"


def test_without_hours_it_is_overdue_after_a_day():
    assert wall(overdue(agreed(None), at("2026-11-17 10:00"), WALL)) == "2026-11-25 10:00"


def test_what_never_opens_is_overdue_all_the_same():
    never = agreed("Fri 17:00-20:00", WEEK, "Fri 00:00-24:00")
    assert wall(overdue(never, at("2026-11-17 10:00"), WALL)) == "2026-11-25 10:00"


def test_a_week_over_a_change_of_the_clock_still_meets_its_window():
    """Summer time ended on 25 October 2026: a week of seconds is an hour less on the wall."""
    last = at("2026-10-23 17:10")
    assert wall(due(agreed(), last, WALL)) == "2026-10-30 16:00"
    assert wall(overdue(agreed(), last, WALL)) == "2026-10-30 20:00"
    spring = at("2027-03-26 17:10")
    assert wall(due(agreed(), spring, WALL)) == "2027-04-02 18:00"
    assert wall(overdue(agreed(), spring, WALL)) == "2027-04-02 20:00"


def test_hours_that_summer_time_leaves_out_do_not_come_that_day():
    """On 28 March 2027 the clock goes from 02:00 to 03:00."""
    night = agreed("Sun 02:10-02:50", WEEK)
    midnight = at("2027-03-28 00:00")
    assert all(
        open_until(night, midnight + timedelta(minutes=5 * step), WALL) is None
        for step in range(100)
    )
    assert wall(overdue(night, at("2027-03-21 02:20"), WALL)) == "2027-04-04 02:50"


def test_hours_that_come_twice_are_open_twice():
    """On 25 October 2026 the clock goes from 03:00 back to 02:00."""
    night = agreed("Sun 02:00-02:30")
    first = datetime(2026, 10, 25, 0, 15, tzinfo=UTC)
    assert open_until(night, first, WALL) is not None
    assert open_until(night, first + timedelta(minutes=30), WALL) is None
    assert open_until(night, first + timedelta(hours=1), WALL) is not None


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)),  # noqa: DTZ001  # made aware below
    st.sampled_from(["Fri 17:00-20:00", "Mon-Sun 00:00-24:00", "Sat-Sun 23:00-01:00"]),
    st.sampled_from([3_600.0, 86_400.0, WEEK]),
)
def test_nothing_is_overdue_before_it_is_due_and_a_window_was_open(moment, window, every):
    last, readout = moment.replace(tzinfo=UTC), agreed(window, every)
    wanted, late = due(readout, last, WALL), overdue(readout, last, WALL)
    assert last - timedelta(days=1) < wanted - timedelta(seconds=every) <= last
    assert wanted < late <= wanted + timedelta(days=15)
