# SPDX-License-Identifier: EUPL-1.2
"""Watches over years: made anew when something was lost, tried again where there were too few."""

import threading

import pytest

from lakzegel_agent import watchkeeper
from lakzegel_agent.wake import Wake
from lakzegel_agent.watch import ABSENT, NO_WATCH, SHARE
from lakzegel_agent.watchkeeper import FIRST_RETRY, LAST_RETRY, WatchKeeper


class Watched:
    """A watcher's twin in memory."""

    made: list = []  # noqa: RUF012  # a fixture empties it
    unsure_next: dict = {}  # noqa: RUF012

    def __init__(self, roots, lost):
        self.roots, self.lost = frozenset(roots), lost
        self.unsure = dict(self.unsure_next)
        self.well, self.stopped = True, False
        self.made.append(self)

    @classmethod
    def start(cls, roots, *, hint, lost, mounts):  # noqa: ARG003
        return cls(roots, lost)

    def is_well(self):
        return self.well

    def stop(self):
        self.stopped = True


@pytest.fixture
def clock():
    class Clock:
        now = 0.0

        def __call__(self):
            return self.now

    return Clock()


@pytest.fixture
def made(monkeypatch):
    monkeypatch.setattr(Watched, "made", [])
    monkeypatch.setattr(Watched, "unsure_next", {})
    monkeypatch.setattr(watchkeeper, "Watcher", Watched)
    return Watched.made


@pytest.fixture
def wake():
    found = Wake(threading.Event())
    found.take()
    return found


@pytest.fixture
def keeper(wake, clock, made):
    return WatchKeeper(wake, now=clock, mounts=lambda: ())


def test_watches_stay_while_nothing_is_the_matter(keeper, made, wake):
    keeper.attend([b"/a", b"/b"])
    keeper.attend([b"/b", b"/a"])
    assert len(made) == 1
    assert wake.take() == {}


def test_other_roots_are_watched_anew_and_looked_at(keeper, made, wake):
    keeper.attend([b"/a"])
    keeper.attend([b"/a", b"/b"])
    assert [watcher.stopped for watcher in made] == [True, False]
    assert wake.take() == {b"/a": None, b"/b": None}


def test_an_overflow_is_counted_and_wakes_for_everything(keeper, made, wake):
    keeper.attend([b"/a"])
    made[0].lost()
    made[0].well = False
    assert wake.take() is None
    assert keeper.state()["overflows"] == 1
    keeper.attend([b"/a"])
    assert len(made) == 2
    assert keeper.state()["overflows"] == 1


def test_too_few_watches_are_tried_again_ever_less_often(keeper, made, clock):
    Watched.unsure_next = {b"/a": NO_WATCH}
    keeper.attend([b"/a"])
    assert keeper.polled() == {b"/a"}
    waits = []
    last = 0.0
    while len(made) < 10:
        clock.now += 10.0
        before = len(made)
        keeper.attend([b"/a"])
        if len(made) > before:
            waits.append(clock.now - last)
            last = clock.now
    assert waits[:4] == [FIRST_RETRY, 120.0, 240.0, 480.0]
    assert waits[-1] == LAST_RETRY
    Watched.unsure_next = {}
    clock.now += LAST_RETRY
    keeper.attend([b"/a"])
    assert keeper.polled() == frozenset()
    clock.now += 10 * LAST_RETRY
    keeper.attend([b"/a"])
    assert len(made) == 11


def test_a_watch_that_is_refused_later_is_tried_again_too(keeper, made, clock):
    keeper.attend([b"/a"])
    made[0].unsure[b"/a"] = NO_WATCH
    keeper.attend([b"/a"])
    assert len(made) == 1
    clock.now += FIRST_RETRY
    keeper.attend([b"/a"])
    assert len(made) == 2


def test_shares_are_polled_for_good_and_absent_roots_are_told_elsewhere(keeper, made, clock):
    Watched.unsure_next = {b"/a": SHARE, b"/b": ABSENT}
    keeper.attend([b"/a", b"/b"])
    clock.now += 10 * LAST_RETRY
    keeper.attend([b"/a", b"/b"])
    assert len(made) == 1
    assert keeper.polled() == {b"/a", b"/b"}
    assert keeper.reasons() == {"share": 1}
    assert keeper.state() == {
        "folders": 2,
        "polled": {"share": 1},
        "overflows": 0,
        "sleeps": 0,
    }


def test_the_end_ends_the_watches(keeper, made):
    keeper.attend([b"/a"])
    keeper.stop()
    assert made[0].stopped
    assert keeper.polled() == frozenset()
