# SPDX-License-Identifier: EUPL-1.2
"""A device that was restored from an image, cloned, revoked, or lied to about its own past."""

import shutil

import pytest

from lakzegel_agent.epochs import Standing
from lakzegel_agent.errors import RefusedError
from lakzegel_agent.link import LogAlarmError
from lakzegel_agent.ship import Shipper
from lakzegel_agent.transport import NeverError, UnreachableError
from lakzegel_core import note
from lakzegel_core.encoding import b64
from lakzegel_core.enrolment import Reason, peek_enrolment
from lakzegel_core.errors import InclusionError, SignatureError


def ship(device):
    shipper = Shipper(
        device.link,
        ledger=device.ledger,
        spool=device.spool,
        problems=device.problems,
        clock=device.clock,
        stopped=lambda: False,
    )
    return shipper.drain()


def image(device, tmp_path):
    """A copy of the device's disk as it is now."""
    device.ledger.close()
    place = tmp_path / "image"
    shutil.copytree(device.root, place)
    return place, type(device)(device.root, device.receiver, device.pins, device.now)


def restored(device, place):
    return type(device)(place, device.receiver, device.pins, device.now)


def test_a_device_in_step_with_the_log_goes_on(device):
    device.seal()
    ship(device)
    _, standing = device.liaison.consult(device.current)
    assert standing is Standing.GO_ON
    assert device.liaison.settle_epoch(device.current).enrolment.epoch == 0


def test_a_batch_whose_answer_was_lost_is_no_reason_for_a_new_epoch(device, receiver, log):
    device.seal()
    receiver.lost = [UnreachableError("the line went dead")]
    with pytest.raises(UnreachableError):
        ship(device)
    assert device.liaison.settle_epoch(device.current).enrolment.epoch == 0
    before = len(log.entries)
    assert ship(device) == 1
    assert len(log.entries) == before


def test_a_restored_image_opens_a_new_epoch_and_says_what_it_knew(device, tmp_path, log):
    first = device.seal()
    ship(device)
    place, device = image(device, tmp_path)
    second = device.seal()
    ship(device)
    old = restored(device, place)
    found = old.liaison.settle_epoch(old.current)
    made = found.enrolment
    assert (made.epoch, made.reason) == (1, Reason.RESTORED)
    assert (made.previous, made.known) == (second.id, first.id)
    assert old.ledger.epoch().epoch == 1
    assert old.observed() == [
        {"type": "epoch", "epoch": 1, "previous": b64(second.id), "known": b64(first.id)}
    ]
    old.seal()
    assert ship(old) == 1
    assert peek_enrolment(log.entries[-2]).epoch == 1
    old.ledger.close()
    device.ledger.close()


def test_the_clone_that_is_left_behind_is_told_so(device, tmp_path):
    device.seal()
    ship(device)
    place, device = image(device, tmp_path)
    device.seal()
    ship(device)
    old = restored(device, place)
    old.liaison.settle_epoch(old.current)
    with pytest.raises(NeverError):
        device.liaison.settle_epoch(device.current)
    assert device.problems.has("superseded")
    old.ledger.close()
    device.ledger.close()


def test_a_renewal_whose_answer_was_lost_is_finished_and_not_begun_again(
    device, receiver, tmp_path, log
):
    place, device = image(device, tmp_path)
    device.seal()
    ship(device)
    old = restored(device, place)
    receiver.lost = [None, UnreachableError("the line went dead")]
    with pytest.raises(UnreachableError):
        old.liaison.settle_epoch(old.current)
    assert old.ledger.epoch().epoch == 0
    old = old.again()
    assert old.liaison.settle_epoch(old.current).enrolment.epoch == 1
    kinds = [entry.split(b"\n")[0] for entry in log.entries]
    assert kinds.count(b"lakzegel.nl/enrolment/v1") == 2
    old.ledger.close()
    device.ledger.close()


def test_a_renewal_that_the_log_will_not_take_is_set_aside(device, receiver, tmp_path):
    place, device = image(device, tmp_path)
    device.seal()
    ship(device)
    old = restored(device, place)
    receiver.broken = [None, NeverError("went on", status=409, code="epoch")]
    with pytest.raises(RefusedError):
        old.liaison.settle_epoch(old.current)
    assert old.liaison.settle_epoch(old.current).enrolment.epoch == 1
    old.ledger.close()
    device.ledger.close()


def test_a_header_that_another_signed_in_its_name_opens_no_epoch(device, receiver, log, kit):
    row = device.seal()
    real = device.current.keys.header
    forged = device.spool.path(row.epoch, row.batch, "head").read_bytes()
    text, _, _ = forged.rpartition(b"\n\n")
    other = kit.new_key(real.verifier.name)
    log.entries.append(note.sign(text + b"\n", [other]))
    index = len(log.entries) - 1

    def put(value):
        value["entries"].append(receiver.entry("header", index))
        return value

    receiver.alter_answer = put
    log.custody = lambda: type(log)(entries=log.entries[:-1]).custody()
    with pytest.raises(SignatureError):
        device.liaison.consult(device.current)
    assert device.problems.has("answer-refused")
    assert device.ledger.epoch().epoch == 0


def hide(role):
    def alter(value):
        value["entries"] = [entry for entry in value["entries"] if entry["role"] != role]
        return value

    return alter


def test_a_receiver_that_hides_the_last_batch_is_noticed(device, receiver):
    device.seal()
    ship(device)
    receiver.alter_answer = hide("header")
    with pytest.raises(LogAlarmError, match="holds a receipt"):
        device.liaison.consult(device.current)
    assert device.problems.has("rollback")
    assert any((device.root / "evidence").iterdir())


def test_a_receiver_that_shows_an_older_batch_for_the_newest_is_noticed(device, receiver):
    device.seal()
    ship(device)
    older = len(receiver.log.entries) - 1
    device.seal()
    ship(device)

    def swap(value):
        value["entries"] = [
            receiver.entry("header", older) if entry["role"] == "header" else entry
            for entry in value["entries"]
        ]
        return value

    receiver.alter_answer = swap
    with pytest.raises(LogAlarmError, match="rollback"):
        device.liaison.consult(device.current)


def test_a_receiver_that_hides_the_enrolment_is_noticed(device, receiver):
    receiver.alter_answer = hide("enrolment")
    with pytest.raises(LogAlarmError, match="enrolment"):
        device.liaison.consult(device.current)


def test_a_revoked_device_is_told_so_and_sends_nothing_more(device, office):
    device.seal()
    office.revoke()
    _, standing = device.liaison.consult(device.current)
    assert standing is Standing.REVOKED
    assert device.problems.has("revoked")
    with pytest.raises(NeverError) as caught:
        ship(device)
    assert caught.value.code == "revoked"
    assert len(device.ledger.waiting()) == 1


def test_an_answer_with_a_false_proof_changes_nothing(device, receiver):
    seen = device.ledger.seen()
    receiver.log.append(receiver_policy(receiver, device))

    def break_proof(value):
        value["entries"][1]["path"] = value["entries"][1]["path"][:-1]
        return value

    receiver.alter_answer = break_proof
    with pytest.raises(InclusionError):
        device.liaison.consult(device.current)
    assert device.ledger.seen() == seen


def receiver_policy(receiver, device):
    device.seal()
    return device.spool.path(0, 0, "head").read_bytes()
