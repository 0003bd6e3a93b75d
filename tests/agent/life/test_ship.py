# SPDX-License-Identifier: EUPL-1.2
"""Shipping, receipts, back-off, and when a spooled batch may go."""

import errno
import threading
from datetime import timedelta

import pytest

from lakzegel_agent.backoff import Backoff, Cause
from lakzegel_agent.courier import Courier, Parts
from lakzegel_agent.errors import DiskFailedError, LedgerDamagedError
from lakzegel_agent.ship import Interruptible, Shipper, StoppedError
from lakzegel_agent.transport import (
    LaterError,
    NeverError,
    ProxyError,
    TlsError,
    UnreachableError,
    UnsureError,
)
from lakzegel_core.errors import FormatError
from lakzegel_core.keys import Algorithm


def shipper(device, stopped=lambda: False):
    return Shipper(
        device.link,
        ledger=device.ledger,
        spool=device.spool,
        problems=device.problems,
        clock=device.clock,
        stopped=stopped,
    )


def spooled(device):
    return sorted({path.name.split(".")[0] for path in device.spool.folder.iterdir()})


def test_batches_leave_oldest_first_and_count_once_their_receipt_is_verified(device, log):
    rows = [device.seal() for _ in range(3)]
    assert shipper(device).drain() == 3
    assert [row.id for row in device.ledger.sealed()] == [row.id for row in rows]
    assert device.ledger.last_receipt().index == len(log.entries) - 1
    assert device.ledger.seen().size == len(log.entries)
    assert spooled(device) == ["0-0", "0-1", "0-2"]


def test_what_is_closed_during_an_upload_is_sent_too(device, receiver, monkeypatch):
    device.seal()
    send = receiver.send_batch

    def seal_meanwhile(name, body, *, old):
        if len(receiver.batches) == 0:
            device.seal()
        return send(name, body, old=old)

    monkeypatch.setattr(receiver, "send_batch", seal_meanwhile)
    assert shipper(device).drain() == 2
    assert device.ledger.waiting() == []


def test_a_lost_answer_costs_another_upload_and_nothing_else(device, receiver, log):
    device.seal()
    receiver.lost = [UnreachableError("the line went dead")]
    with pytest.raises(UnreachableError):
        shipper(device).drain()
    assert len(device.ledger.waiting()) == 1
    size = len(log.entries)
    assert shipper(device).drain() == 1
    assert len(log.entries) == size


def test_what_fails_stops_those_behind_it(device, receiver):
    for _ in range(3):
        device.seal()
    receiver.broken = [None, LaterError("busy", after=None)]
    with pytest.raises(UnreachableError):
        shipper(device).drain()
    assert [row.batch for row in device.ledger.waiting()] == [1, 2]


def test_a_spool_file_that_is_not_what_was_closed_is_not_sent(device, receiver):
    device.seal()
    path = device.spool.path(0, 0, "head")
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    receiver.calls.clear()
    with pytest.raises(LedgerDamagedError):
        shipper(device).drain()
    assert receiver.calls == []


def test_an_upload_is_given_up_when_the_agent_ends(device):
    body = device.spool
    row = device.seal()
    upload = body.upload(row.epoch, row.batch)
    stop = threading.Event()
    pieces = iter(Interruptible(upload, stop.is_set))
    next(pieces)
    stop.set()
    with pytest.raises(StoppedError):
        next(pieces)
    assert len(Interruptible(upload, stop.is_set)) == row.size


def test_the_log_s_time_tells_a_wrong_clock(device, log):
    device.now = log.now - timedelta(hours=1)  # both began at a second, perhaps not at the same
    device.seal()
    shipper(device).drain()
    assert device.problems.has("clock-skew")
    assert device.observed() == [{"type": "clock-skew", "seconds": 3600}]
    device.now += timedelta(hours=1)
    device.seal()
    shipper(device).drain()
    assert not device.problems.has("clock-skew")


# release


def release(device):
    device.liaison.consult(device.current)
    return spooled(device)


def test_held_lets_go_only_what_the_office_holds(device, office, receiver, log):
    office.publish(office.policy_toml(1))
    device.seal()
    device.seal()
    shipper(device).drain()
    assert release(device) == ["0-0", "0-1"]
    receiver.held = office.hold(len(log.entries) - 1)
    assert release(device) == ["0-1"]
    receiver.held = office.hold(len(log.entries))
    assert release(device) == []
    assert device.ledger.sealed() == []


def test_a_held_statement_that_another_signed_lets_nothing_go(device, office, receiver, log, kit):
    office.publish(office.policy_toml(1))
    device.seal()
    shipper(device).drain()
    office.held = kit.new_key("records.example/held")
    receiver.held = office.hold(len(log.entries))
    assert release(device) == ["0-0"]
    assert device.problems.has("held-refused")


def test_a_held_statement_about_another_log_lets_nothing_go(device, office, receiver, log, kit):
    office.publish(office.policy_toml(1))
    device.seal()
    shipper(device).drain()
    true = office.log
    office.log = kit.Log(entries=[b"x"] * len(log.entries))
    receiver.held = office.hold(len(log.entries))
    office.log = true
    assert release(device) == ["0-0"]
    assert device.problems.has("held-refused")


def quorum(office, *keys, threshold):
    names = ", ".join(f"'{key.verifier.to_text()}'" for key in keys)
    return office.policy_toml(
        1, release="sealed", more=f"[quorum]\nwitnesses = [{names}]\nthreshold = {threshold}\n"
    )


def cosigner(kit, name):
    return kit.new_key(name, Algorithm.ED25519_COSIGNATURE)


def test_sealed_lets_go_once_the_quorum_has_seen_it(device, office, log, kit):
    one, two = cosigner(kit, "one.example/w"), cosigner(kit, "two.example/w")
    office.publish(quorum(office, one, two, threshold=2))
    device.seal()
    shipper(device).drain()
    assert release(device) == ["0-0"]
    log.cosigners = [one]
    assert release(device) == ["0-0"]
    log.cosigners = [one, two]
    assert release(device) == []


def test_sealed_wants_a_witness_outside_the_receiver(device, office, log, kit):
    inside = cosigner(kit, "log.example/test/witness")
    office.publish(quorum(office, inside, threshold=1))
    device.seal()
    shipper(device).drain()
    log.cosigners = [inside]
    assert release(device) == ["0-0"]
    log.cosigners = [inside, office.witness]
    assert release(device) == []


# back-off


def test_waits_double_up_to_a_cap_and_are_never_short():
    backoff = Backoff(lambda: 1.0, first=1.0, cap=10.0)
    assert [backoff.failed() for _ in range(6)] == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]
    backoff.worked()
    assert backoff.failed() == 1.0
    lowest = Backoff(lambda: 0.0, first=1.0, cap=10.0)
    assert [lowest.failed() for _ in range(5)] == [0.5, 1.0, 2.0, 4.0, 5.0]


def test_after_weeks_without_network_the_wait_is_still_the_cap():
    backoff = Backoff(lambda: 1.0, rows={Cause.UNREACHABLE: 100_000})
    assert backoff.failed() == 300.0


def test_each_cause_waits_by_itself_up_to_a_cap_of_its_own():
    backoff = Backoff(lambda: 1.0)
    assert [backoff.failed(Cause.TLS) for _ in range(3)] == [2.0, 4.0, 8.0]
    assert backoff.failed(Cause.UNREACHABLE) == 1.0
    assert backoff.failed(Cause.BUSY, after=90.0) == 90.0
    assert backoff.failed(Cause.TLS) == 16.0
    assert backoff.failures == 6
    longest = {cause: max(backoff.failed(cause) for _ in range(20)) for cause in Cause}
    assert longest[Cause.UNREACHABLE] == 300.0
    assert longest[Cause.BUSY] == 600.0
    assert longest[Cause.PROXY] == 900.0
    assert longest[Cause.TLS] == 3600.0
    backoff.worked()
    assert [backoff.failed(cause) for cause in (Cause.TLS, Cause.UNREACHABLE)] == [2.0, 1.0]


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (UnreachableError("down"), "unreachable"),
        (LaterError("busy", after=0.0), "busy"),
        (ProxyError("proxy"), "proxy-refused"),
        (TlsError("tls"), "tls-failed"),
        (FormatError("receipt", "nonsense"), "receipt-refused"),
        (DiskFailedError("ledger"), "disk-error"),
        (OSError(errno.EIO, "Input/output error"), "disk-error"),
    ],
)
def test_a_failure_is_stated_by_its_cause_and_by_no_other(device, courier, receiver, fault, code):
    device.seal()
    receiver.broken = [UnreachableError("down"), *[fault] * 99]
    assert courier(tries=3).finish().gave_up
    codes = [problem.code for problem in device.again_in_thread().problems.listed()]
    assert [one for one in codes if one != "no-policy"] == [code]


def test_the_receiver_may_ask_for_a_longer_wait_and_not_for_a_shorter_one():
    backoff = Backoff(lambda: 1.0)
    assert backoff.failed(after=60.0) == 60.0
    assert backoff.failed(after=0.0) == 2.0


# the courier's thread


@pytest.fixture
def courier(device):
    """Makes couriers of the device's parts, with ledgers of their own thread."""
    made = []

    def make(**more):
        current = device.current

        def parts(stopped):
            own = device.again_in_thread()
            own_shipper = shipper(own, stopped)
            return Parts(own.liaison, own_shipper, own.ledger.close)

        found = Courier(parts, current, backoff=Backoff(lambda: 0.0, first=0.001), **more)
        made.append(found)
        found.start()
        return found

    yield make
    for found in made:
        found.stop()


def test_finish_ships_everything_and_consults_once(device, courier, receiver):
    device.seal()
    device.seal()
    receiver.calls.clear()
    outcome = courier(tries=2).finish()
    assert (outcome.sent, outcome.fault) == (2, None)
    assert receiver.calls == ["batch", "batch", "cosignature", "device"]


def test_it_tries_again_until_the_receiver_is_back(device, courier, receiver):
    device.seal()
    receiver.broken = [UnreachableError("down")] * 3
    outcome = courier(tries=9).finish()
    assert outcome.sent == 1
    assert not device.again_in_thread().problems.has("unreachable")


def test_a_receiver_that_may_not_be_the_newest_is_told_what_was_seen(device, courier, receiver):
    device.seal()
    receiver.broken = [UnsureError("catching up", after=None), LaterError("later", after=None)]
    receiver.calls.clear()
    assert courier(tries=9).finish().sent == 1
    assert receiver.calls[:3] == ["batch", "cosignature", "batch"]


def test_it_gives_up_as_often_as_it_was_told(device, courier, receiver):
    device.seal()
    receiver.broken = [UnreachableError("down")] * 99
    outcome = courier(tries=3).finish()
    assert outcome.gave_up
    assert isinstance(outcome.fault, UnreachableError)
    assert len(device.ledger.waiting()) == 1


def test_a_fork_halts_shipping_and_keeps_everything(device, courier, receiver):
    device.seal()
    receiver.broken = [NeverError("another batch has this number", status=409, code="fork")]
    outcome = courier(tries=3).finish()
    assert outcome.halted
    assert device.again_in_thread().problems.has("fork")
    assert spooled(device) == ["0-0"]


def test_with_a_doubt_it_asks_before_it_sends(device, courier, receiver):
    device.seal()
    receiver.calls.clear()
    found = courier(tries=3)
    found.doubt = True
    found.finish()
    assert receiver.calls[0] == "device"


def test_waiting_for_room_ends_when_the_office_holds_what_is_there(
    device, courier, receiver, office, log
):
    office.publish(office.policy_toml(1))
    device.liaison.consult(device.current)
    device.seal()
    found = courier()
    receiver.held = office.hold(len(log.entries))
    true_hold = office.hold

    def hold_when_there(value):
        receiver.held = true_hold(len(log.entries))
        return value

    receiver.alter_answer = hold_when_there
    assert found.wait_for_room(lambda: not spooled(device), patience=30.0)


def test_waiting_for_room_ends_when_nothing_can_be_sent(device, courier, receiver):
    device.seal()
    receiver.broken = [UnreachableError("down")] * 99
    assert not courier(tries=2).wait_for_room(lambda: False, patience=30.0)


def test_it_says_when_the_policy_changed(device, courier, office):
    heard = threading.Event()
    found = courier(heard=heard.set)
    office.publish(office.policy_toml(1))
    found.consult()
    assert heard.wait(10)
