# SPDX-License-Identifier: EUPL-1.2
"""A running agent tells its receiver how it fares; nothing waits for that, and it names nothing."""

import json
from datetime import timedelta
from types import SimpleNamespace

import pytest

from lakzegel_agent import guardtimes, readiness
from lakzegel_agent.backoff import Backoff
from lakzegel_agent.courier import Courier, Parts
from lakzegel_agent.errors import DiskFailedError, UnreachableError
from lakzegel_agent.heart import CADENCE, LEAST, MOST, UNKNOWN_ROUTE, Heart, cadence_of
from lakzegel_agent.ledgerrows import Seen
from lakzegel_agent.problems import NEXT, Found
from lakzegel_agent.readiness import Readiness, Report
from lakzegel_agent.ship import Shipper
from lakzegel_agent.transport import HttpReceiver, NeverError
from lakzegel_core.heartbeat import open_heartbeat

CANARY = "kanarie"
PHONE = f"""
[[source]]
name = "telefoon"
kind = "ios-backup"
path = "~/{CANARY}"
apps = ["whatsapp"]
custody = "telefoon-1"
[[readout]]
source = "telefoon"
every = "7d"
"""


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def heart(device, clock):
    return Heart(
        device.problems, boot=bytes(16), started=device.now, chance=lambda: 0.5, clock=clock
    )


def beat(heart, device, **more):
    heart.beat(device.liaison, device.current, skew=more.get("skew"))


def said(device, receiver):
    """What the newest heartbeat says, by the device's own key."""
    return open_heartbeat(receiver.heartbeats[-1], device.current.keys.header.verifier)


# when


def test_the_first_is_due_at_once_and_the_next_at_the_cadence(heart, device, receiver, clock):
    assert heart.due_in() == 0
    beat(heart, device)
    assert heart.due_in() == CADENCE
    clock.now += CADENCE
    assert heart.due_in() == 0
    assert len(receiver.heartbeats) == 1


def test_the_cadence_is_the_policys_within_bounds(heart, device, office, clock):
    office.publish(office.policy_toml(cadence="30m"))
    device.liaison.consult(device.current)
    beat(heart, device)
    assert heart.due_in() == 1800
    assert (cadence_of(5.0), cadence_of(0.0), cadence_of(7 * 86_400.0)) == (LEAST, CADENCE, MOST)


def test_jitter_is_a_tenth_either_way(device, clock):
    for chance, wait in ((0.0, 0.9), (1.0, 1.1)):
        heart = Heart(
            device.problems, boot=bytes(16), started=device.now, chance=lambda c=chance: c,
            clock=clock,
        )  # fmt: skip
        beat(heart, device)
        assert heart.due_in() == pytest.approx(CADENCE * wait)


def test_a_problem_that_is_raised_or_over_is_told_within_a_minute_and_once(heart, device, clock):
    beat(heart, device)
    clock.now += 10
    device.problems.add(device.ledger, "no-room", "x")
    assert heart.due_in() == LEAST - 10
    clock.now += LEAST
    assert heart.due_in() == 0
    beat(heart, device)
    assert heart.due_in() == CADENCE
    device.problems.clear(device.ledger, "no-room")
    assert heart.due_in() == LEAST


def test_a_receiver_that_does_not_know_them_is_asked_again_rarely(heart, device, receiver, clock):
    receiver.broken = [NeverError("no such route", status=404, code="missing")]
    beat(heart, device)
    device.problems.add(device.ledger, "no-room", "x")
    assert heart.due_in() == UNKNOWN_ROUTE
    assert not heart.has_news()
    clock.now += UNKNOWN_ROUTE
    beat(heart, device)
    assert heart.due_in() == CADENCE
    assert len(receiver.heartbeats) == 1


@pytest.mark.parametrize(
    "fault",
    [
        NeverError("revoked", status=403, code="revoked"),
        NeverError("replay", status=409, code="replay"),
        UnreachableError("down"),
    ],
)
def test_one_that_fails_is_no_problem_and_the_next_comes_at_its_time(
    heart, device, receiver, fault
):
    before = device.problems.listed()
    receiver.broken = [fault]
    beat(heart, device)
    assert device.problems.listed() == before
    assert heart.due_in() == CADENCE


# the counter


def test_the_counter_rises_whatever_the_clock_does_and_over_restarts(heart, device, receiver):
    counters = []
    for change in (0, 0, 3600, -86_400):
        device.now += timedelta(seconds=change)
        beat(heart, device)
        counters.append(said(device, receiver).counter)
    assert counters == sorted(set(counters))
    again = device.again()
    later = Heart(again.problems, boot=bytes(16), started=again.now, chance=lambda: 0.5)
    beat(later, again)
    assert said(again, receiver).counter > counters[-1]
    again.ledger.close()


def test_a_device_that_was_put_back_counts_on_from_its_clock(heart, device, receiver):
    for _ in range(3):
        beat(heart, device)
    last = said(device, receiver).counter
    device.ledger.remember("heartbeat", b"%d" % (last - 2))  # of an old image
    device.now += timedelta(minutes=1)
    beat(heart, device)
    assert said(device, receiver).counter == device.now.timestamp() > last


def test_a_counter_that_cannot_be_kept_is_not_sent(heart, device, receiver, monkeypatch):
    def fail(*_):
        raise DiskFailedError("ledger")

    monkeypatch.setattr(device.ledger, "remember", fail)
    beat(heart, device)
    assert receiver.heartbeats == []
    assert heart.due_in() == CADENCE


# what


def test_it_says_what_status_shows_in_counts_codes_and_hours(heart, device, receiver, office):
    office.publish(office.policy_toml(7, more="[limits]\nbatch = '1 MiB'\nspool = '4 MiB'\n"))
    device.liaison.consult(device.current)
    row = device.seal()
    device.ledger.mark_sealed(row.id, 5, b"receipt", Seen(9, bytes(32), b""), at=device.now)
    device.seal()
    device.problems.add(device.ledger, "no-room", "x")
    found = {"a": Found("1", 3), "b": Found("2", 4)}
    device.problems.state(device.ledger, "files-failed", found)
    beat(heart, device, skew=-4)
    told = said(device, receiver)
    assert (told.device, told.epoch, told.policy, told.skew) == ("minister", 0, 7, -4)
    assert (told.spool.batches, told.spool.limit) == (2, 4 * 2**20)
    assert told.spool.size == device.spool.used()
    assert (told.receipt.index, told.at) == (5, device.now)
    assert told.ledger.found == 0
    hour = device.now.replace(minute=0, second=0)
    rows = [(one.code, one.count, one.since) for one in told.problems]
    assert rows == [("files-failed", 7, hour), ("no-room", 1, hour)]
    assert told.started == hour


def test_guards_sources_and_readouts_are_counted_by_state(heart, device, receiver, office):
    office.publish(office.policy_toml(1, more=PHONE))
    device.liaison.consult(device.current)
    rows = [
        {"id": "signal-timers", "state": "drifted", "subjects": {"drifted": 2, "compliant": 5}},
        {"id": "mail-filters", "state": None, "subjects": {"drifted": 1}},
    ]
    device.ledger.remember(guardtimes.SHOWN, json.dumps(rows).encode())
    sources = (Readiness("a", "a", ""), Readiness("b", "b", "missing"), Readiness("c", "c", ""))
    device.ledger.remember(readiness.NAME, readiness._pack(Report(sources, (), {})))
    beat(heart, device)
    told = said(device, receiver)
    assert [(g.guard, g.state, g.count) for g in told.guards] == [
        ("signal-timers", "compliant", 5), ("signal-timers", "drifted", 2),
    ]  # fmt: skip
    assert [(s.state, s.count) for s in told.sources] == [("covered", 2), ("missing", 1)]
    (readout,) = told.readouts
    assert (readout.source, readout.overdue) == ("telefoon", False)


def test_no_name_that_the_agent_knows_is_in_it(heart, device, receiver, office):
    """Everything that is kept beside what a heartbeat says has the canary in it."""
    office.publish(office.policy_toml(1, more=PHONE))
    device.liaison.consult(device.current)
    about = [f"/home/{CANARY}/{CANARY}.eml"]
    for code in NEXT:
        device.problems.add(device.ledger, code, f"{CANARY} in ~/{CANARY}: kapot", about=about)
    rows = [
        {"id": f"{CANARY} x", "state": f"{CANARY}@y", "subjects": {f"{CANARY}/z": 1},
         "reasons": {CANARY: 1}, "since": CANARY, "looked": CANARY, "mode": CANARY}
    ]  # fmt: skip
    device.ledger.remember(guardtimes.SHOWN, json.dumps(rows).encode())
    sources = (Readiness(CANARY, CANARY, ""), Readiness(CANARY, CANARY, f"{CANARY} is weg"))
    report = Report(sources, (CANARY,), {f"source {CANARY}": "2026-11-24T02:00:00Z"}, (CANARY,))
    device.ledger.remember(readiness.NAME, readiness._pack(report))
    device.ledger.observe("device", {"type": CANARY})
    beat(heart, device)
    note = receiver.heartbeats[-1].decode()
    assert CANARY not in note.lower()
    told = said(device, receiver)
    assert {one.code for one in told.problems} == set(NEXT)
    assert [(one.guard, one.state) for one in told.guards] == [("other", "other")]
    assert {one.state for one in told.sources} == {"covered", "other"}


def test_without_tls_nothing_is_known_of_certificates(tmp_path):
    receiver = HttpReceiver("http://127.0.0.1:1", ca_file=tmp_path / "none.pem")
    assert receiver.trusted_until() is None
    (tmp_path / "none.pem").write_text("geen certificaat")
    assert receiver.trusted_until() is None
    receiver.close()


# the courier's thread


@pytest.fixture
def courier(device):
    """Makes couriers with a heart, of parts of their own thread."""
    made = []

    def make(heart, **more):
        def parts(stopped):
            own = device.again_in_thread()
            shipper = Shipper(
                own.link, ledger=own.ledger, spool=own.spool, problems=own.problems,
                clock=own.clock, stopped=stopped,
            )  # fmt: skip
            return Parts(own.liaison, shipper, own.ledger.close)

        backoff = Backoff(lambda: 0.0, first=0.001)
        found = Courier(parts, device.current, backoff=backoff, heart=heart, **more)
        made.append(found)
        found.start()
        return found

    yield make
    for found in made:
        found.stop()


def test_it_goes_after_what_waits_and_takes_nothing_along_before_its_time(
    device, courier, receiver, heart, clock
):
    device.seal()
    receiver.calls.clear()
    found = courier(heart)
    assert receiver.beaten.wait(10)  # nobody told it to ship yet
    assert receiver.calls == ["heartbeat"]
    found.kick()
    found.finish()
    assert receiver.calls == ["heartbeat", "batch", "cosignature", "device"]
    receiver.beaten.clear()
    clock.now += CADENCE
    found = courier(heart)
    found.kick()
    assert receiver.beaten.wait(10)
    assert receiver.calls[-1] == "heartbeat"


def test_news_is_told_when_the_thread_is_nudged(device, courier, receiver, heart, clock):
    found = courier(heart)
    assert receiver.beaten.wait(10)
    receiver.beaten.clear()
    device.problems.add(device.ledger, "no-room", "x")
    clock.now += LEAST
    found.nudge()
    assert receiver.beaten.wait(10)
    assert len(receiver.heartbeats) == 2


@pytest.mark.parametrize(("halted", "sent"), [(False, 0), (True, 1)])
def test_none_is_tried_while_the_receiver_is_away_and_one_that_was_told_never_says_so(
    device, heart, receiver, halted, sent
):
    found = Courier(lambda _: None, device.current, backoff=Backoff(lambda: 0.0), heart=heart)
    found.outcome = SimpleNamespace(fault=UnreachableError("down"), halted=halted)
    found._beat(SimpleNamespace(liaison=device.liaison, shipper=SimpleNamespace(skew=None)))
    assert len(receiver.heartbeats) == sent
    assert heart.due_in() == (CADENCE if sent else LEAST)
