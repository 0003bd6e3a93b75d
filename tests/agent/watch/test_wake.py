# SPDX-License-Identifier: EUPL-1.2
"""When the agent is woken, and for what."""

import threading
import time

import pytest

from lakzegel_agent.schedule import QUIET, Active, Timetable, poll_after, rescan_after
from lakzegel_agent.wake import LEAST_SETTLE, MOST_SETTLE, MOST_TOUCHED, Sleep, Wake


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def wake(clock):
    """One whose first look at everything was taken."""
    found = Wake(threading.Event(), now=clock)
    assert found.take() is None
    return found


def test_a_hint_is_due_once_its_root_rests(wake, clock):
    wake.settles({b"/a": 2.0})
    wake.root(b"/a")
    clock.now += 1.9
    assert wake.take() == {}
    wake.root(b"/a")
    clock.now += 1.9
    assert wake.take() == {}
    clock.now += 0.2
    assert wake.take() == {b"/a": None}
    assert wake.take() == {}


def test_a_busy_root_keeps_no_other_waiting(wake, clock):
    wake.settles({b"/busy": 2.0, b"/quiet": 2.0})
    wake.root(b"/quiet")
    for _ in range(3):
        wake.root(b"/busy")
        clock.now += 1.0
    assert wake.take() == {b"/quiet": None}


def test_a_root_that_never_rests_is_looked_at_all_the_same(wake, clock):
    wake.settles({b"/a": 2.0})
    end = clock.now + MOST_SETTLE
    while clock.now < end:
        wake.root(b"/a")
        assert wake.take() == {}
        clock.now += 1.0
    assert wake.take() == {b"/a": None}


def test_a_root_without_a_settle_time_rests_a_moment(wake, clock):
    wake.root(b"/a")
    assert wake.take() == {}
    clock.now += LEAST_SETTLE
    assert wake.take() == {b"/a": None}


def test_the_first_waking_and_the_clocks_are_for_everything(clock):
    wake = Wake(threading.Event(), now=clock)
    assert wake.take() is None
    wake.all()
    assert wake.take() is None
    assert wake.take() == {}


def test_a_hint_stays_over_a_look_at_everything_until_it_rests(wake, clock):
    wake.settles({b"/a": 2.0})
    wake.root(b"/a")
    wake.all()
    assert wake.take() is None
    clock.now += 2.0
    assert wake.take() == {b"/a": None}


def test_what_is_to_be_polled_waits_for_no_rest(wake):
    wake.settles({b"/a": 2.0})
    wake.root(b"/a")
    wake.look([b"/a", b"/b"])
    assert wake.take() == {b"/a": None, b"/b": None}


def test_what_hints_named_is_looked_at_and_no_more(wake, clock):
    wake.root(b"/a", [b"x/1"])
    wake.root(b"/a", [b"x/1", b"y/2"])
    wake.root(b"/b", [b"z"])
    clock.now += 1.0
    assert wake.take() == {b"/a": frozenset([b"x/1", b"y/2"]), b"/b": frozenset([b"z"])}
    wake.root(b"/a", [b"later"])
    clock.now += 1.0
    assert wake.take() == {b"/a": frozenset([b"later"])}


@pytest.mark.parametrize("order", [0, 1])
def test_a_hint_that_names_nothing_is_for_the_whole_root(wake, clock, order):
    for paths in ([b"x"], None) if order else (None, [b"x"]):
        wake.root(b"/a", paths)
    clock.now += 1.0
    assert wake.take() == {b"/a": None}


def test_a_root_where_very_much_was_touched_is_looked_at_whole(wake, clock):
    for number in range(MOST_TOUCHED + 1):
        wake.root(b"/a", [b"%d" % number])
    wake.root(b"/a", [b"1"])
    clock.now += 1.0
    assert wake.take() == {b"/a": None}


def test_a_root_that_is_polled_is_looked_at_whole_whatever_was_touched(wake):
    wake.root(b"/a", [b"x"])
    wake.look([b"/a"])
    assert wake.take() == {b"/a": None}
    assert wake.take() == {}


def test_what_may_wait_comes_with_what_is_polled(wake):
    wake.later([b"/a"])
    assert wake.take() == {}
    wake.poll([b"/b"])
    assert wake.take() == {b"/a": None, b"/b": None}
    wake.poll([])
    assert wake.take() == {}


def test_a_hint_ends_the_wait_when_it_is_due():
    wake = Wake(threading.Event())
    wake.take()
    done = threading.Event()
    wake.settles({b"/a": 0.2})

    def wait():
        wake.wait()
        done.set()

    threading.Thread(target=wait).start()
    started = time.monotonic()
    wake.root(b"/a")
    assert done.wait(10)
    assert time.monotonic() - started >= 0.2
    assert wake.take() == {b"/a": None}


def test_the_end_ends_the_wait():
    stop = threading.Event()
    wake = Wake(stop)
    wake.take()
    stop.set()
    wake.wait()


def test_the_end_of_a_sleep_wakes_for_everything():
    ahead = iter([100.0, 100.0, 3700.0])
    wake = Wake(threading.Event(), sleep=Sleep(lambda: next(ahead, 3700.0)))
    wake.take()
    wake.wait()
    assert wake.take() is None
    assert wake.sleeps == 1


def test_a_sleep_is_told_once_and_a_clock_that_creeps_is_none():
    ahead = iter([0.0, 0.1, 60.0, 60.1, 0.0])
    sleep = Sleep(lambda: next(ahead))
    assert [sleep.is_over() for _ in range(4)] == [False, True, False, True]


def test_a_device_that_is_awake_did_not_sleep():
    assert not Sleep().is_over()


def test_what_is_due_is_called():
    called = threading.Event()
    timetable = Timetable()
    timetable.every(0.05, called.set)
    timetable.start()
    assert called.wait(10)
    timetable.stop()


def test_looking_costs_no_more_than_its_share_of_a_core():
    assert rescan_after(0.0) == 900
    assert rescan_after(0.9) == 900
    assert rescan_after(1.0) == 1_800
    assert rescan_after(1e9) == 14_400
    assert poll_after(0.5) == 60
    assert poll_after(2.0) == 240
    assert poll_after(1e9) == 900


def test_while_something_happens_the_log_is_asked_often_and_else_once_a_minute(clock):
    active = Active(clock)
    assert active.is_time()
    clock.now += QUIET - 1
    assert active.is_time()
    clock.now += 5
    assert not active.is_time()
    clock.now += QUIET
    assert active.is_time()
    assert not active.is_time()
    active.did()
    assert active.is_time()
