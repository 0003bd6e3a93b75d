# SPDX-License-Identifier: EUPL-1.2
"""A source that is silent for much longer than is its habit is a finding, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from math import ceil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakzegel_agent.guards.base import Counted, Reading, Watched
from lakzegel_agent.guards.of_habits import Habit, recalled, week_of
from lakzegel_agent.guards.remembered import GuardNotes
from lakzegel_agent.guards.sources_silent import GUARD

from .conftest import NOW, Kept, Make, policy, readings

DAY = timedelta(days=1)
SOURCE = '[[source]]\nname = "mail"\nkind = "maildir"\npath = "~/Mail"\n'
ABSENCE = '[[absence]]\nsource = "mail"\nfrom = {begin}\nuntil = {until}\n'


@dataclass
class Mailbox:
    """A source, looked at day by day."""

    around: Make
    memory: Kept
    now: datetime = NOW
    sealed: int = 1_000
    said: str = SOURCE

    def look(self, new: int = 0) -> Reading:
        self.sealed += new
        notes = GuardNotes(self.memory, "sources-silent")
        surroundings = self.around(
            listed=(Watched("mail", "Postvak IN", "maildir", Path("/nowhere")),),
            history={"Postvak IN": Counted(self.sealed, self.sealed)},
            now=self.now,
            notes=notes,
            policy=policy(self.said),
        )
        (reading,) = readings(GUARD, surroundings)
        for name, value in notes.named():
            self.memory.remember(name, value)
        return reading

    def days(self, news: Iterable[int]) -> list[str]:
        states = []
        for new in news:
            states.append(str(self.look(new).state))
            self.now += DAY
        return states


@pytest.fixture
def mailbox(around: Make, memory: Kept) -> Mailbox:
    return Mailbox(around, memory)


def test_a_source_without_a_habit_is_not_judged(mailbox: Mailbox) -> None:
    assert set(mailbox.days([0] * 100)) == {"not-applicable"}
    assert set(mailbox.days([1] * 13 + [0] * 100)) == {"not-applicable"}


def test_what_was_there_on_the_first_day_is_no_activity(mailbox: Mailbox) -> None:
    mailbox.look()
    habit = recalled(GuardNotes(mailbox.memory, "sources-silent").get("Postvak IN"))
    assert habit is not None
    assert habit.active == []


def test_a_source_that_brings_something_each_day_is_silent_after_a_week(mailbox: Mailbox) -> None:
    mailbox.days([0] + [3] * 30)
    assert mailbox.days([0] * 8) == ["compliant"] * 6 + ["drifted"] * 2
    reading = mailbox.look()
    assert reading.reason == "silent"
    assert reading.since == datetime(2026, 12, 30, tzinfo=UTC)
    assert reading.value is not None
    assert mailbox.look(1).state == "compliant"


def test_weekends_are_part_of_a_habit(mailbox: Mailbox) -> None:
    week = [4, 4, 4, 4, 4, 0, 0]
    mailbox.days([0] + week * 8)
    assert mailbox.days([0] * 8)[-2:] == ["compliant", "drifted"]  # 9 days, 10 days


def test_a_silence_that_goes_on_does_not_become_the_habit(mailbox: Mailbox) -> None:
    mailbox.days([0] + [1] * 60)
    assert set(mailbox.days([0] * 200)[7:]) == {"drifted"}


def test_days_on_which_nobody_looked_are_no_silence(mailbox: Mailbox) -> None:
    mailbox.days([0] + [1] * 30)
    mailbox.now += 60 * DAY  # the laptop was in a drawer
    assert mailbox.look().state == "compliant"
    mailbox.now += DAY
    assert mailbox.look(1).state == "compliant"


def test_a_planned_absence_is_no_silence_and_does_not_count_afterwards(mailbox: Mailbox) -> None:
    mailbox.days([0] + [1] * 30)
    begin = (mailbox.now + DAY).date()
    until = begin + 20 * DAY
    mailbox.said = SOURCE + ABSENCE.format(begin=begin.isoformat(), until=until.isoformat())
    assert set(mailbox.days([0] * 20)) == {"compliant"}
    reading = mailbox.look()
    assert reading.value == {
        "weeks": reading.value["weeks"],  # type: ignore[index,call-overload]
        "absent_until": f"{until.isoformat()}T00:00:00Z",
    }
    mailbox.now += DAY
    assert mailbox.days([0] * 7)[:5] == ["compliant"] * 5
    assert mailbox.look().state == "drifted"


def test_an_absence_of_another_source_excuses_nothing(mailbox: Mailbox) -> None:
    other = SOURCE.replace("mail", "phone").replace("~/Mail", "~/phone")
    absence = ABSENCE.replace("mail", "phone").format(begin="2020-01-01", until="2040-01-01")
    mailbox.said = SOURCE + other + absence
    mailbox.days([0] + [1] * 30)
    assert mailbox.days([0] * 8)[-1] == "drifted"


@pytest.mark.parametrize(("begin", "until"), [(-60, -1), (60, 90)])
def test_an_absence_that_is_over_or_to_come_excuses_nothing(
    mailbox: Mailbox, begin: int, until: int
) -> None:
    mailbox.days([0] + [1] * 30)
    first, last = (mailbox.now + days * DAY for days in (begin, until))
    mailbox.said = SOURCE + ABSENCE.format(begin=first.date(), until=last.date())
    assert mailbox.days([0] * 8)[-1] == "drifted"


def test_the_volume_of_whole_weeks_is_told_and_changes_once_a_week(mailbox: Mailbox) -> None:
    mailbox.now = datetime(2026, 11, 2, 9, tzinfo=UTC)  # a Monday
    values = []
    for new in [0, 5, 0, 2, 0, 0, 0] + [1] * 7 + [0]:
        values.append(mailbox.look(new).value)
        mailbox.now += DAY
    assert values[6] == {"weeks": {}}
    assert values[7] == values[13] == {"weeks": {"2026-W45": 7}}
    assert values[14] == {"weeks": {"2026-W45": 7, "2026-W46": 7}}


def test_no_more_weeks_are_told_than_eight(mailbox: Mailbox) -> None:
    mailbox.days([1] * 200)
    value = mailbox.look().value
    assert isinstance(value, dict)
    assert len(value["weeks"]) == 8  # type: ignore[arg-type]


def test_another_ledger_begins_the_count_anew_and_keeps_the_habit(mailbox: Mailbox) -> None:
    mailbox.days([0] + [1] * 30)
    mailbox.sealed = 0
    assert mailbox.look().state == "compliant"
    mailbox.now += DAY
    assert mailbox.days([0] * 8)[-1] == "drifted"


@pytest.mark.parametrize(
    "kept",
    [b"", b"garbage", b"[]", b"7", b'{"sealed": "1", "latest": 1}', b'{"sealed": 1}', b"\xff"],
)
def test_what_is_not_understood_of_a_habit_begins_anew(mailbox: Mailbox, kept: bytes) -> None:
    notes = GuardNotes(mailbox.memory, "sources-silent")
    notes.put("Postvak IN", kept)
    for name, value in notes.named():
        mailbox.memory.remember(name, value)
    assert mailbox.look(5).state == "not-applicable"


def test_what_is_remembered_is_bounded(mailbox: Mailbox) -> None:
    mailbox.days([1] * 400)
    kept = GuardNotes(mailbox.memory, "sources-silent").get("Postvak IN")
    assert kept is not None
    assert len(kept) < 2_000


# properties

Look = tuple[bool, int, bool]  # whether somebody looks on that day, what is new, absent

LOOKS = st.lists(
    st.tuples(
        st.integers(0, 9).map(lambda n: n > 0),
        st.sampled_from([0, 0, 1, 7]),
        st.integers(0, 19).map(lambda n: n == 0),
    ),
    max_size=150,
)
ACTIVE = st.integers(14, 40).map(lambda many: [(True, 1, False)] * many)


def simulated(days: Sequence[Look]) -> list[bool]:
    """Plainly: every look's day by its number, the whole past read anew at each."""
    silent, numbers, number = [], [], 0
    first = True
    for looks, new, absent in days:
        if not looks:
            continue
        number += 0 if absent or first else 1
        if new and not first and number not in numbers:
            numbers.append(number)
        first = False
        recent = [one for one in numbers if numbers and one > numbers[-1] - 60]
        gaps = sorted(recent[at + 1] - recent[at] for at in range(len(recent) - 1))
        if len(recent) < 14:
            silent.append(False)
            continue
        usual = gaps[ceil(0.95 * len(gaps)) - 1]
        gap = number - recent[-1]
        silent.append(gap > 3 * usual and gap >= 7)
    return silent


def looked(days: Sequence[Look], clock: Callable[[int], date]) -> list[bool]:
    habit: Habit | None = None
    sealed, found = 0, []
    for at, (looks, new, absent) in enumerate(days):
        if not looks:
            continue
        sealed += new
        habit = Habit(sealed, clock(at).toordinal()) if habit is None else recalled(habit.pack())
        assert habit is not None
        habit.look(clock(at), sealed, absent=absent)
        found.append(habit.is_silent())
    return found


@settings(max_examples=200, deadline=None)
@given(ACTIVE, LOOKS)
def test_it_says_what_a_plain_simulation_says(begin: list[Look], days: list[Look]) -> None:
    start = date(2026, 1, 1)
    assert looked([*begin, *days], lambda at: start + at * DAY) == simulated([*begin, *days])


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(-4_000, 4_000), st.sampled_from([0, 1, 1])), min_size=1, max_size=120
    )
)
def test_no_clock_makes_a_source_silent_that_is_not(looks: list[tuple[int, int]]) -> None:
    """Whatever the clock says: between seven days without anything there are seven looks."""
    today = date(2026, 11, 30)
    habit = Habit(0, today.toordinal())
    habit.day, habit.active = 40, list(range(1, 41))
    sealed, empty = 0, 0
    for moved, new in looks:
        sealed += new
        empty = 0 if new else empty + 1
        habit.look(today + moved * DAY, sealed, absent=False)
        assert not habit.is_silent() or empty >= 7
        assert habit.usual() is not None


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 5_000), min_size=1, max_size=60))
def test_a_clock_that_is_set_back_raises_no_alarm_and_forgets_nothing(backs: list[int]) -> None:
    today = date(2026, 11, 30)
    habit = Habit(0, today.toordinal())
    habit.day, habit.active = 40, list(range(1, 41))
    for back in sorted(backs):
        habit.look(today - back * DAY, 0, absent=False)
    assert not habit.is_silent()
    assert (habit.day, habit.active) == (40, list(range(1, 41)))


def test_a_clock_that_flutters_around_midnight_counts_no_day_twice() -> None:
    today = date(2026, 11, 30)
    habit = Habit(0, today.toordinal())
    for _ in range(50):
        habit.look(today + DAY, 0, absent=False)
        habit.look(today, 0, absent=False)
    assert habit.day == 1


def test_weeks_are_those_of_the_calendar() -> None:
    assert week_of(date(2027, 1, 3)) == "2026-W53"
    assert week_of(date(2027, 1, 4)) == "2027-W01"


def test_a_clock_that_was_years_ahead_does_not_blind_the_guard(mailbox: Mailbox) -> None:
    mailbox.days([0] + [1] * 30)
    back = mailbox.now
    mailbox.now += 3_650 * DAY
    assert mailbox.look().state == "compliant"
    mailbox.now = back
    assert mailbox.days([0] * 9)[-1] == "drifted"


@given(st.lists(st.integers(1, 12), min_size=13, max_size=40))
def test_the_usual_gap_is_the_one_that_95_of_100_do_not_exceed(gaps: list[int]) -> None:
    habit = Habit(0, 0, active=[sum(gaps[:at]) for at in range(len(gaps) + 1)])
    usual = habit.usual()
    assert usual in gaps
    assert sum(gap <= usual for gap in gaps) >= 0.95 * len(gaps)
    assert sum(gap < usual for gap in gaps) < 0.95 * len(gaps)
