# SPDX-License-Identifier: EUPL-1.2
"""The agent under Windows' service manager, a recorded one (docs/spec/services.md §3)."""

import threading
from contextlib import contextmanager

import pytest

from lakzegel_agent.errors import UsageError
from lakzegel_agent.services.scm import (
    NO_ERROR,
    NOT_IMPLEMENTED,
    RESUMED,
    Accepts,
    Control,
    State,
    Status,
)
from lakzegel_agent.services.windowsservice import NAME, WindowsService
from tests.agent.services.recorded import NOT_ACCEPTED, NOT_ACTIVE, RecordedScm

HINT = 0.3


class Elsewhere:
    """A terminal."""

    def serve(self, work):
        return "in a terminal", work


class Running:
    """A service that works until it is told to end."""

    def __init__(self, work, **parts):
        self.scm = RecordedScm()
        self.died, self.gave_way = [], []
        parts = {"hint": HINT, "stop_within": 5.0, "die": self.died.append, **parts}
        parts["give_way"] = lambda: self.gave_way.append(True)
        self._service = WindowsService(self.scm, otherwise=Elsewhere(), **parts)
        self._work = work
        self.result = self.fault = None
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def _serve(self):
        try:
            self.result = self._service.serve(self._work)
        except Exception as error:  # noqa: BLE001 - the test looks at it
            self.fault = error

    @contextmanager
    def begun(self):
        self._thread.start()
        self.scm.wait_for(State.RUNNING)
        yield self
        self._thread.join(10)
        assert not self._thread.is_alive()
        assert self.scm.broken == []

    @property
    def states(self):
        return [one.state for one in self.scm.told]


def until_told(life):
    life.stop.wait(10)
    return 0


def test_it_begins_runs_and_ends_as_the_manager_orders():
    with Running(until_told).begun() as one:
        assert one.scm.name == NAME
        assert one.scm.order(Control.STOP) == NO_ERROR
    assert (one.result, one.gave_way) == (0, [True])
    assert list(dict.fromkeys(one.states)) == [
        State.START_PENDING,
        State.RUNNING,
        State.STOP_PENDING,
        State.STOPPED,
    ]
    assert one.scm.told[-1] == Status(State.STOPPED)


def test_while_the_end_lasts_the_manager_hears_of_progress():
    go_on = threading.Event()

    def slow(life):
        life.stop.wait(10)
        go_on.wait(10)
        return 0

    with Running(slow).begun() as one:
        one.scm.order(Control.STOP)
        one.scm.wait_for_count(State.STOP_PENDING, 5)
        go_on.set()
    pending = [s.checkpoint for s in one.scm.told if s.state == State.STOP_PENDING]
    assert len(pending) >= 5
    assert pending == sorted(set(pending))
    assert one.died == []


def test_an_end_that_does_not_come_is_made():
    hang = threading.Event()
    with Running(lambda _life: hang.wait(20) or 0, stop_within=0.2).begun() as one:
        one.scm.order(Control.STOP)
        one.scm.wait_for(State.STOPPED)
        hang.set()
    assert one.died == [0]
    assert one.states.count(State.STOPPED) == 1


@pytest.mark.parametrize("control", [Control.STOP, Control.PRESHUTDOWN])
def test_a_second_order_to_end_changes_nothing(control):
    go_on = threading.Event()

    def slow(life):
        life.stop.wait(10)
        go_on.wait(10)
        return 0

    one = Running(slow)
    with one.begun():
        assert one.scm.order(control) == NO_ERROR
        assert one.scm.order(Control.STOP) == NOT_ACCEPTED
        assert one._service.control(Control.STOP, 0) == NO_ERROR  # as one that was on its way
        go_on.set()
    assert one.result == 0
    assert one.scm.order(Control.STOP) == NOT_ACTIVE


def test_it_accepts_nothing_before_it_runs_and_all_of_it_then():
    with Running(until_told).begun() as one:
        begin, running = one.scm.told[:2]
        one.scm.order(Control.STOP)
    assert begin.accepts == Accepts.NOTHING
    assert running.accepts == (
        Accepts.STOP
        | Accepts.PARAMCHANGE
        | Accepts.POWEREVENT
        | Accepts.SESSIONCHANGE
        | Accepts.PRESHUTDOWN
    )


@pytest.mark.parametrize(
    ("control", "event", "looks"),
    [
        (Control.PARAMCHANGE, 0, True),
        (Control.POWEREVENT, RESUMED, True),
        (Control.POWEREVENT, 4, False),  # it goes to sleep
        (Control.SESSIONCHANGE, 5, True),  # a user signs in
        (Control.SESSIONCHANGE, 8, True),  # and unlocks
        (Control.SESSIONCHANGE, 6, False),  # and signs out
        (Control.INTERROGATE, 0, False),
    ],
)
def test_what_happens_to_the_machine_has_it_look_or_not(control, event, looks):
    lives = []

    def work(life):
        life.wake.take()  # what there is to see at the start
        lives.append(life)
        return until_told(life)

    one = Running(work)
    with one.begun():
        while not lives:
            threading.Event().wait(0.001)
        assert one.scm.order(control, event) == NO_ERROR
        assert (lives[0].wake.take() is None) is looks
        one.scm.order(Control.STOP)


@pytest.mark.parametrize("control", [2, 3, 7, 11, 128, 255])
def test_an_order_that_it_does_not_know_is_said_to_be_none(control):
    with Running(until_told).begun() as one:
        assert one._service.control(control, 0) == NOT_IMPLEMENTED
        one.scm.order(Control.STOP)


@pytest.mark.parametrize("code", [0, 1, 2])
def test_work_that_ends_by_itself_says_how(code):
    with Running(lambda _life: code).begun() as one:
        pass
    assert one.result == code
    assert one.scm.told[-1] == Status(State.STOPPED, code=code)


def test_a_fault_comes_out_and_the_manager_starts_it_anew():
    def wrong(_life):
        raise UsageError("not enrolled")

    with Running(wrong).begun() as one:
        pass
    assert isinstance(one.fault, UsageError)
    assert one.scm.told[-1].code == 4


def test_in_a_terminal_it_is_no_service():
    service = WindowsService(RecordedScm(started_it=False), otherwise=Elsewhere())
    assert service.serve(until_told) == ("in a terminal", until_told)
