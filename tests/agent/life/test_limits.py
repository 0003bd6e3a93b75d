# SPDX-License-Identifier: EUPL-1.2
"""The agent's own weight: a pause first, an end only when that did not help."""

import threading

import pytest

from lakzegel_agent import journal
from lakzegel_agent.health import Load, own_load
from lakzegel_agent.limits import Governor, Limits, OverLimitsError
from lakzegel_agent.notify import Quiet
from lakzegel_agent.vitals import Vitals

MIB = 2**20


class Machine:
    """A clock that only waiting moves, and what the agent weighs at each moment."""

    def __init__(self):
        self.now, self.rss, self.cpu, self.rate = 0.0, 100 * MIB, 0.0, 0.0
        self.pauses, self.after = [], {}
        self.governor = Governor(
            Limits(),
            stop=threading.Event(),
            on_pause=self.pauses.append,
            load=lambda: Load(3, self.rss, self.cpu),
            now=lambda: self.now,
            wait=self.rest,
        )

    def rest(self, seconds):
        self.now += seconds
        for at, rss in sorted(self.after.items()):
            if self.now >= at:
                self.rss = rss

    def work(self, seconds, share):
        for _ in range(int(seconds)):
            self.now += 1
            self.cpu += share
            self.governor.check()


def test_an_agent_within_its_limits_is_never_paused():
    machine = Machine()
    machine.work(3_600, 0.19)
    assert machine.pauses == []
    assert machine.governor.is_quiet()


def test_a_burst_is_no_average():
    machine = Machine()
    machine.work(50, 1.0)
    assert machine.pauses == []


def test_too_much_processor_time_is_spread_by_pauses():
    machine = Machine()
    machine.work(600, 1.0)
    assert set(machine.pauses) == {"processor"}
    assert machine.cpu / machine.now < 0.25
    assert not machine.governor.is_quiet()
    machine.now += 300
    assert machine.governor.is_quiet()


def test_the_first_pass_is_as_fast_as_it_can_be():
    machine = Machine()
    machine.governor.is_first = True
    machine.work(3_600, 2.0)
    assert machine.pauses == []


def test_processor_time_that_goes_on_in_a_pause_ends_the_agent():
    machine = Machine()

    def burn(seconds):
        machine.now += seconds
        machine.cpu += seconds

    machine.governor._wait = burn
    with pytest.raises(OverLimitsError, match="20% of a core"):
        machine.work(600, 1.0)


def test_memory_that_comes_back_in_a_pause_is_forgiven_once():
    machine = Machine()
    machine.work(10, 0.1)
    machine.rss, machine.after = 600 * MIB, {machine.now + 20: 100 * MIB}
    machine.work(10, 0.1)
    assert machine.pauses == ["memory"]
    machine.rss, machine.after = 600 * MIB, {machine.now + 20: 100 * MIB}
    with pytest.raises(OverLimitsError, match="512 MiB"):
        machine.work(10, 0.1)


def test_memory_that_does_not_come_back_ends_the_agent():
    machine = Machine()
    machine.rss = 600 * MIB
    with pytest.raises(OverLimitsError):
        machine.work(10, 0.1)
    assert machine.now < 80
    assert machine.pauses == ["memory"]


def test_a_pause_ends_when_the_agent_is_to_end():
    machine = Machine()
    machine.rss = 600 * MIB
    machine.governor._stop.set()
    machine.work(10, 0.1)


def test_processes_that_ended_are_counted_on():
    before = own_load().cpu_seconds
    assert own_load().cpu_seconds >= before >= 0


def test_the_end_is_a_problem_that_outlives_it_and_a_line_of_the_log(device, tmp_path):
    limits = Limits(memory=1, pause=0.0)
    vitals = Vitals(
        device.ledger, device.problems, pulse=Quiet(), stop=threading.Event(), limits=limits
    )
    with journal.open_log(tmp_path / "log"), pytest.raises(OverLimitsError):
        vitals.progress()
    (found,) = device.again().problems.listed()
    assert found.code == "over-limits"
    assert found.detail.startswith("ended: ")
    text = (tmp_path / "log/agent.log").read_text()
    assert [w in text for w in ('"pause"', '"end"', '"problem-raised"')] == [True] * 3


def test_it_is_over_after_a_time_without_a_pause(device):
    device.problems.add(device.ledger, "over-limits", "ended")
    vitals = Vitals(device.ledger, device.problems, pulse=Quiet(), stop=threading.Event())
    vitals.passed()
    assert not device.problems.has("over-limits")
