# SPDX-License-Identifier: EUPL-1.2
"""When batches wait by agreement, how fast they leave, and that nothing waits for ever."""

import subprocess
import threading
from datetime import datetime, timedelta

import pytest

from lakzegel_agent.backoff import Backoff
from lakzegel_agent.courier import Courier, Parts
from lakzegel_agent.gate import Gate, Verdict, recall_verdict
from lakzegel_agent.outlet import Agreed
from lakzegel_agent.pace import Bucket
from lakzegel_agent.power import OwnSurroundings, said_by
from lakzegel_agent.ship import Shipper
from lakzegel_core.shipping import Shipping, parse_shipping
from lakzegel_core.tables import load_toml

NIGHT = 'hours = "Mon-Sun 19:00-07:00"'
NOON = datetime(2026, 11, 24, 12)  # noqa: DTZ001 - what the clock on the wall shows


class Around:
    """A device's surroundings, as a test wants them."""

    def __init__(self, battery=None, metered=None):
        self.battery, self.meter = battery, metered

    def on_battery(self):
        return self.battery

    def metered(self):
        return self.meter


class Clock:
    def __init__(self, now=0.0):
        self.now = now

    def __call__(self):
        return self.now

    def wait(self, seconds):
        self.now += seconds


def shipping(text):
    return parse_shipping(load_toml(text, what="shipping", max_size=1000))


def gate(text, *, around=None, wall=NOON, clock=None):
    made = Gate(around or Around(), wall=lambda: wall, clock=clock or Clock())
    made.shipping = shipping(text)
    return made


@pytest.mark.parametrize(
    ("text", "around", "why"),
    [
        ("", Around(True, True), None),
        (NIGHT, Around(), "hours"),
        ('hours = "Tue 11:00-13:00"', Around(), None),
        ('on_battery = "wait"', Around(battery=True), "battery"),
        ('on_battery = "wait"', Around(battery=False), None),
        ('on_battery = "wait"', Around(battery=None), None),
        ('metered = "wait"', Around(metered=True), "metered"),
        ('metered = "wait"', Around(metered=None), None),
    ],
)
def test_batches_wait_for_what_was_agreed_and_for_nothing_that_cannot_be_told(text, around, why):
    verdict = gate(text, around=around).judge(0.0, pressed=False)
    assert verdict == Verdict(why)
    assert verdict.is_open is (why is None)


def test_after_the_longest_wait_they_leave_anyway():
    found = gate(NIGHT + '\nlongest_wait = "12h"')
    assert not found.judge(12 * 3600 - 1, pressed=False).is_open
    assert found.judge(12 * 3600, pressed=False) == Verdict("hours", "longest-wait")


def test_a_clock_that_was_set_back_makes_nothing_wait_for_ever():
    clock = Clock()
    found = gate(NIGHT, clock=clock)
    assert not found.judge(-1e9, pressed=False).is_open
    clock.now = 86_399.0
    assert not found.judge(-1e9, pressed=False).is_open
    clock.now = 86_400.0
    assert found.judge(-1e9, pressed=False).anyway == "longest-wait"
    found.rest()
    assert not found.judge(-1e9, pressed=False).is_open


def test_capture_that_waits_for_room_opens_the_gate():
    assert gate(NIGHT).judge(0.0, pressed=True) == Verdict("hours", "room")


# how fast


class Body:
    def __init__(self, *pieces):
        self.pieces = pieces

    def __len__(self):
        return sum(map(len, self.pieces))

    def __iter__(self):
        return iter(self.pieces)


def test_a_body_leaves_no_faster_than_agreed_and_whole():
    clock = Clock(1000.0)
    bucket = Bucket(clock=clock, wait=clock.wait)
    bucket.rate = 4096
    body = bucket.pace(Body(b"a" * 100_000, b"b", b"c" * 5))
    pieces = list(body)
    assert b"".join(pieces) == b"a" * 100_000 + b"b" + b"c" * 5
    assert len(body) == 100_006
    assert max(map(len, pieces)) <= 4096
    assert clock.now - 1000.0 == pytest.approx(100_006 / 4096, abs=1.1)


def test_two_bodies_share_one_bandwidth():
    clock = Clock(1000.0)
    bucket = Bucket(clock=clock, wait=clock.wait)
    bucket.rate = 10_000
    for _ in range(2):
        list(bucket.pace(Body(b"x" * 50_000)))
    assert clock.now - 1000.0 == pytest.approx(10.0, abs=1.1)


def test_without_a_bandwidth_nothing_is_cut_or_waits():
    clock = Clock()
    pieces = [b"a" * 300_000, b"b"]
    assert list(Bucket(clock=clock, wait=clock.wait).pace(Body(*pieces))) == pieces
    assert clock.now == 0.0


# what the system says


@pytest.mark.parametrize(
    ("said", "metered"),
    [("u 1", True), ("u 3", True), ("u 2", False), ("u 4", False), ("u 0", None), ("", None),
     (None, None), ("u 11", None), ("s yes", None)],
)  # fmt: skip
def test_what_the_network_manager_does_not_know_is_not_metered(said, metered):
    assert OwnSurroundings(run=lambda _: said).metered() is metered


def test_the_network_manager_is_asked_once_a_minute():
    clock, asked = Clock(), []
    around = OwnSurroundings(run=lambda command: asked.append(command) or "u 1", clock=clock)
    assert [around.metered() for _ in range(3)] == [True] * 3
    assert len(asked) == 1
    clock.now = 61.0
    assert around.metered()
    assert len(asked) == 2


def test_a_program_that_is_not_there_or_fails_tells_nothing(monkeypatch):
    assert said_by(("no-such-program-of-any-system",)) is None
    assert said_by(("false",)) is None
    assert said_by(("echo", "u", "1")) == "u 1"

    def late(*_, **more):
        raise subprocess.TimeoutExpired("busctl", more["timeout"])

    monkeypatch.setattr(subprocess, "run", late)
    assert said_by(("echo", "u", "1")) is None


# the courier's thread


@pytest.fixture
def shipping_out(device):
    """A courier behind a gate that a test opens and shuts."""
    around, made = Around(battery=True), []

    def make(text='on_battery = "wait"', **more):
        def parts(stopped):
            own = device.again_in_thread()
            bucket = Bucket()
            shipper = Shipper(
                own.link, ledger=own.ledger, spool=own.spool, problems=own.problems,
                clock=own.clock, stopped=stopped, pace=bucket.pace,
            )  # fmt: skip
            made_gate = Gate(around, wall=lambda: NOON)
            made_gate.shipping = shipping(text)
            outlet = Agreed(made_gate, bucket, own.ledger, own.spool, own.clock)
            return Parts(own.liaison, shipper, own.ledger.close, outlet)

        found = Courier(parts, device.current, backoff=Backoff(lambda: 0.0, first=0.001), **more)
        made.append(found)
        found.start()
        return found

    yield make, around
    for found in made:
        found.stop()


def test_what_waits_stays_in_the_spool_and_status_says_why(device, shipping_out, receiver):
    make, around = shipping_out
    device.seal()
    receiver.calls.clear()
    assert make(tries=1).finish().sent == 0
    assert receiver.calls == ["device"]  # the log is asked all the same
    assert recall_verdict(device.ledger)["waits"] == "battery"
    assert len(device.ledger.waiting()) == 1
    around.battery = False
    assert make(tries=1).finish().sent == 1
    assert recall_verdict(device.ledger)["waits"] is None


def test_what_waited_too_long_leaves_and_the_office_hears_of_it_once(device, shipping_out):
    make, _ = shipping_out
    device.seal()
    device.now += timedelta(hours=25)
    assert make(tries=1).finish().sent == 1
    said = [row for row in device.observed() if row["type"] == "shipped-anyway"]
    assert said == [{"type": "shipped-anyway", "against": "battery", "why": "longest-wait"}]
    assert recall_verdict(device.ledger)["anyway"] == "longest-wait"
    make(tries=1).finish()
    assert recall_verdict(device.ledger)["waits"] is None  # nothing is there that could wait


def test_the_gate_is_looked_at_again_by_itself(device, shipping_out, monkeypatch):
    monkeypatch.setattr("lakzegel_agent.courier.LOOK", 0.02)
    make, around = shipping_out
    device.seal()
    sent = threading.Event()
    own = Courier._drain

    def drain(self, parts):
        count = own(self, parts)
        around.battery = False
        if count:
            sent.set()
        return count

    monkeypatch.setattr(Courier, "_drain", drain)
    make().kick()
    assert sent.wait(30)


def test_a_capture_that_waits_for_room_makes_them_leave(device, shipping_out):
    make, _ = shipping_out
    device.seal()
    found = make()
    assert found.wait_for_room(lambda: not device.again_in_thread().ledger.waiting(), patience=30)


def test_the_policy_in_force_is_what_is_gone_by(device, office, shipping_out):
    make, around = shipping_out
    around.battery = True
    office.publish(office.policy_toml(1, more='[shipping]\nmetered = "wait"\n'))
    device.liaison.consult(device.current)
    device.seal()
    assert make().finish().sent == 1  # the battery is no matter of this policy's
    assert device.liaison.policy(device.current).policy.shipping == Shipping(metered="wait")


def test_once_everything_has_left_the_longest_wait_begins_anew(device, shipping_out, monkeypatch):
    rested = threading.Event()
    monkeypatch.setattr(Gate, "rest", lambda _: rested.set())
    make, around = shipping_out
    around.battery = False
    assert make(tries=1).finish().sent == 0
    assert not rested.is_set()
    device.seal()
    assert make(tries=1).finish().sent == 1
    assert rested.is_set()
