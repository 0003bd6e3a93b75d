# SPDX-License-Identifier: EUPL-1.2
"""Read-outs kept over weeks of a simulated clock: windows, sleeps, clocks that are set."""

import threading
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from lakzegel_agent.errors import UsageError
from lakzegel_agent.problems import Problems
from lakzegel_agent.readoutkeeper import Agreed, ReadoutKeeper
from lakzegel_agent.readoutphones import gate_of
from lakzegel_core.encoding import format_time
from lakzegel_core.policy import Source
from lakzegel_core.readouts import Readout
from lakzegel_core.windows import parse_hours

WALL = ZoneInfo("Europe/Amsterdam")
LABEL = "phone (telefoon-1)"
MONDAY = datetime(2026, 11, 16, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Notebook:
    """A ledger's values and queue, in memory."""

    def __init__(self):
        self.values = {}
        self.observed = []

    def remember(self, name, value):
        self.values[name] = value

    def recall(self, name):
        return self.values.get(name)

    def keyed(self, *parts):
        return b"\0".join(parts).ljust(16, b"\0")[-16:]

    def observe(self, source, value):
        self.observed.append((source, value))

    def read_out(self, made):
        self.remember(f"readout-last/{LABEL}", format_time(made).encode())


class Host:
    """A keeper, its clock, and programs that only note that they ran."""

    def __init__(self, command="idevicebackup2", window="Fri 17:00-20:00"):
        self.now = MONDAY
        self.ledger = Notebook()
        self.problems = Problems(lambda: self.now)
        self.ran = []
        self.why = ""
        self.programs = {"idevicebackup2": ("/usr/bin/idevicebackup2", "backup")}
        self.woken = threading.Event()
        self.waiting = threading.Event()
        self.hours = () if window is None else parse_hours(window, what="window")
        self.readout = Readout("phone", 7 * 86_400.0, window, self.hours, (), command)
        self.gates = {}
        self.keeper = ReadoutKeeper(
            programs=self.listed, run=self.run, wake=self.wake, clock=lambda: self.now, zone=WALL
        )

    def listed(self):
        if self.programs is None:
            raise UsageError("readout.toml: not TOML")
        return self.programs

    def run(self, arguments, limit, stop):
        self.ran.append((self.now, arguments, limit))
        if not self.why:
            self.ledger.read_out(self.now)
        if self.why == "stopped":
            self.waiting.set()
            stop.wait(30)
        return self.why

    def wake(self):
        self.woken.set()

    def attend(self):
        self.keeper.attend(self.ledger, self.problems, [Agreed(self.readout, LABEL)], self.gates)

    def minute(self):
        """One look at the clock, and the agent's turn if it was woken."""
        self.keeper.tick()
        worker = self.keeper._worker  # to wait for its end
        if worker is not None and self.why != "stopped":
            worker.join()
        if self.woken.is_set():
            self.woken.clear()
            self.attend()

    def until(self, text, step=MINUTE):
        end = datetime.fromisoformat(text).replace(tzinfo=WALL).astimezone(UTC)
        while self.now < end:
            self.now += step
            self.minute()

    def codes(self):
        return {problem.code for problem in self.problems.listed()}

    def times(self):
        return [at.astimezone(WALL).strftime("%d %H:%M") for at, _, _ in self.ran]


@pytest.fixture
def host():
    made = Host()
    made.attend()
    yield made
    made.keeper.stop()


def test_it_is_started_once_in_each_window(host):
    host.until("2026-12-05 00:00", 5 * MINUTE)
    assert host.times() == ["20 17:00", "27 17:00", "04 17:00"]
    assert host.ran[0][1:] == (("/usr/bin/idevicebackup2", "backup"), 3 * 3_600.0)
    assert host.codes() == set()


def test_a_window_that_was_slept_through_is_made_good_in_the_next_and_said(host):
    host.until("2026-11-20 21:00", 5 * MINUTE)
    host.now += timedelta(days=7)
    host.minute()
    assert host.codes() == {"readout-overdue"}
    host.until("2026-12-04 18:00", 5 * MINUTE)
    assert host.times() == ["20 17:00", "04 17:00"]
    assert host.codes() == set()
    overdue = [value for _, value in host.ledger.observed if value["type"] == "readout-overdue"]
    assert overdue == [{"type": "readout-overdue", "due": "2026-11-27T16:00:00Z", "why": ""}]


def test_one_that_fails_is_tried_again_and_says_why(host):
    host.why = "exit-255"
    host.until("2026-11-20 18:10")
    assert host.times() == ["20 17:00", "20 17:30", "20 18:00"]
    assert host.codes() == {"readout-failed"}
    assert "exit-255" in next(iter(host.problems.listed())).detail
    host.why = ""
    host.until("2026-11-20 21:00")
    assert host.times()[3:] == ["20 18:30"]
    assert host.codes() == set()
    said = [value["why"] for _, value in host.ledger.observed]
    assert said == ["exit-255", "exit-255", "exit-255", ""]


def test_one_that_never_succeeds_becomes_overdue_once(host):
    host.why = "timed-out"
    host.until("2026-12-10 00:00", 10 * MINUTE)
    assert host.codes() == {"readout-failed", "readout-overdue"}
    overdue = [value for _, value in host.ledger.observed if value["type"] == "readout-overdue"]
    assert [value["why"] for value in overdue] == ["timed-out"]


@pytest.mark.parametrize(("programs", "why"), [({}, "not-allowed"), (None, "bad-settings")])
def test_a_policy_starts_nothing_that_the_device_does_not_allow(host, programs, why):
    host.programs = programs
    host.until("2026-11-20 17:10")
    assert host.ran == []
    assert [value["why"] for _, value in host.ledger.observed] == [why]


def test_a_clock_that_is_set_back_delays_nothing(host):
    host.until("2026-11-20 17:10")
    host.now -= timedelta(days=1)
    host.attend()
    host.until("2026-11-27 17:30", 5 * MINUTE)
    assert host.times() == ["20 17:00", "20 17:30", "27 17:00"]


def test_a_clock_that_was_far_ahead_does_not_silence_it_for_years(host):
    host.ledger.read_out(MONDAY + timedelta(days=3_000))
    host.attend()
    host.until("2026-11-20 18:00", 5 * MINUTE)
    assert host.times() == ["20 17:00"]


def test_without_a_program_it_waits_for_somebody_and_says_what_is_late():
    host = Host(command=None)
    host.attend()
    host.until("2026-11-27 20:01", 15 * MINUTE)
    assert host.ran == []
    assert host.codes() == {"readout-overdue"}
    host.ledger.read_out(host.now)
    host.attend()
    assert host.codes() == set()


def test_an_agent_that_starts_again_remembers_since_when(host):
    host.ledger.values.clear()
    again = Host(command=None)
    again.attend()
    begun = dict(again.ledger.values)
    again.now += timedelta(days=8)
    third = Host(command=None)
    third.ledger.values, third.now = begun, again.now
    third.attend()
    assert third.ledger.values == begun
    third.now += timedelta(days=5)
    third.attend()
    assert third.codes() == {"readout-overdue"}


def test_a_program_under_way_ends_with_the_agent(host):
    host.why = "stopped"
    host.until("2026-11-20 17:00", 5 * MINUTE)
    assert host.waiting.wait(10)
    host.minute()
    host.keeper.stop()
    assert len(host.ran) == 1
    host.attend()
    assert [value["why"] for _, value in host.ledger.observed] == ["stopped"]


def test_a_phone_that_nobody_knows_is_a_problem_without_its_serial_number(
    host, iphone, engine, ours
):
    phone = iphone("f" * 40, "C39TEST0002")
    source = Source("phone", "ios-backup", None, 0.0, apps=("messages",), custody="telefoon-1")
    host.gates = {"phone": gate_of(source, bytes(engine.root), [ours])}
    host.attend()
    (problem,) = host.problems.listed()
    assert (problem.code, problem.count) == ("unknown-phone", 1)
    assert "C39" not in str(problem)
    phone.status("uploading")
    host.attend()
    assert host.codes() == set()
