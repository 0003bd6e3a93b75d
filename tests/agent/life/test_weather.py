# SPDX-License-Identifier: EUPL-1.2
"""What each part of a working agent does while its disk takes nothing; whole agents: tests/soak."""

import errno
import threading

import pytest

from lakzegel_agent.backoff import Backoff
from lakzegel_agent.courier import Courier, Parts
from lakzegel_agent.coveragepulse import NAME, Pulse
from lakzegel_agent.errors import DiskFailedError, SpoolFullError
from lakzegel_agent.problems import Problems, read_problems
from lakzegel_agent.ship import Shipper
from lakzegel_agent.weather import Weather

FAILING = DiskFailedError("ledger: the disk fails")


class Memory:
    """A ledger that keeps nothing for a while."""

    def __init__(self, ledger):
        self._ledger = ledger
        self.fails = False
        self.recall, self.keyed = ledger.recall, ledger.keyed

    def remember(self, name, value):
        if self.fails:
            raise FAILING
        self._ledger.remember(name, value)


@pytest.fixture
def memory(device):
    return Memory(device.ledger)


@pytest.fixture
def weather(device, memory):
    return Weather(memory, device.problems)


def failing(error):
    def work():
        raise error

    return work


def codes(problems):
    return {problem.code for problem in problems}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (FAILING, "disk-failed"),
        (SpoolFullError("spool: no room"), "spool-full"),
        (OSError(errno.EIO, "Input/output error"), "disk-failed"),
        (OSError(errno.EROFS, "Read-only file system"), "disk-failed"),
        (OSError(errno.ENOSPC, "No space left on device"), "spool-full"),
    ],
)
@pytest.mark.parametrize("lets_it_be_kept", [True, False])
def test_what_the_disk_does_not_take_is_stated_until_it_does(
    device, memory, weather, error, code, lets_it_be_kept
):
    memory.fails = not lets_it_be_kept
    assert weather.through(failing(error)) is None
    assert weather.is_blocked
    assert codes(device.problems.listed()) == {code}
    memory.fails = False
    assert weather.through(lambda: 7) == 7
    assert not weather.is_blocked
    assert not device.problems.listed()
    assert not read_problems(device.ledger)


def test_what_is_no_fault_of_the_disk_is_not_taken_for_one(device, weather):
    with pytest.raises(OSError, match="many"):
        weather.through(failing(OSError(errno.EMFILE, "Too many open files")))
    assert not weather.is_blocked
    assert not device.problems.listed()


def test_a_problem_that_cannot_be_kept_is_shown_and_is_new_until_it_is(device, memory):
    problems = Problems(device.clock)
    memory.fails = True
    for _ in range(2):
        with pytest.raises(DiskFailedError):
            problems.add(memory, "fork", "two logs")
        assert codes(problems.listed()) == {"fork"}
    memory.fails = False
    assert problems.add(memory, "fork", "two logs")  # so that the office hears of it
    assert not problems.add(memory, "fork", "two logs")
    assert codes(read_problems(device.ledger)) == {"fork"}


def test_that_a_problem_is_over_is_kept_once_it_can_be(device, memory):
    problems = Problems(device.clock)
    problems.add(memory, "fork", "two logs")
    memory.fails = True
    with pytest.raises(DiskFailedError):
        problems.clear(memory, "fork")
    assert not problems.listed()
    memory.fails = False
    problems.clear(memory, "no-room")  # whatever is said next
    assert not read_problems(device.ledger)


def test_a_courier_that_cannot_open_the_ledger_begins_once_it_can(device):
    device.seal()
    tries = []

    def parts(stopped):
        tries.append(1)
        if len(tries) < 3:
            raise FAILING
        own = device.again_in_thread()
        shipper = Shipper(
            own.link,
            ledger=own.ledger,
            spool=own.spool,
            problems=own.problems,
            clock=own.clock,
            stopped=stopped,
        )
        return Parts(own.liaison, shipper, own.ledger.close)

    courier = Courier(parts, device.current, backoff=Backoff(lambda: 0.0, first=0.001))
    courier.start()
    outcome = courier.finish()
    assert (outcome.sent, outcome.fault, outcome.halted) == (1, None, False)


def test_marks_go_on_after_a_moment_in_which_the_ledger_could_not_be_opened(device, monkeypatch):
    monkeypatch.setattr("lakzegel_agent.coveragepulse.BEAT", 0.01)
    opened, begun = [], threading.Event()

    def open_ledger():
        opened.append(1)
        if len(opened) < 3:
            raise FAILING
        begun.set()
        return device.again_in_thread().ledger

    pulse = Pulse(open_ledger)
    pulse.begin(device.ledger)
    first = device.ledger.recall(NAME)
    assert begun.wait(20)
    pulse.stop(device.ledger)
    assert len(opened) == 3
    assert device.ledger.recall(NAME) != first
