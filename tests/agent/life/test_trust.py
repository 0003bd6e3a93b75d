# SPDX-License-Identifier: EUPL-1.2
"""What a receiver may answer, and what is refused of it."""

import json
from dataclasses import replace

import pytest

from lakzegel_agent.answer import MAX_ANSWER, parse_answer
from lakzegel_agent.link import LogAlarmError
from lakzegel_agent.ship import header_in
from lakzegel_agent.transport import NeverError
from lakzegel_agent.trust import LogViolationError, open_receipt, open_tree
from lakzegel_core import note
from lakzegel_core.checkpoint import open_checkpoint
from lakzegel_core.encoding import b64
from lakzegel_core.errors import (
    FormatError,
    InclusionError,
    LimitError,
    MissingSignatureError,
    PolicyError,
    SignatureError,
    UnknownKeyError,
)
from lakzegel_core.limits import MAX_HEADER
from lakzegel_core.receipt import make_receipt
from lakzegel_core.tlogproof import TlogProof


def consult(device):
    return device.liaison.consult(device.current)


def without(checkpoint, log):
    """The checkpoint without its ML-DSA-44 line."""
    whole = note.parse(checkpoint)
    kept = tuple(s for s in whole.signatures if s.key_id != log.mldsa.verifier.key_id)
    return note.Note(whole.text, kept).to_bytes()


def test_an_honest_answer_is_proven_and_its_tree_is_remembered(device, log):
    device.seal()
    answer, _ = consult(device)
    assert answer.enrolment[0].id == device.current.id
    assert device.ledger.seen().size == len(log.entries)


def test_a_receipt_with_another_index_proves_nothing(device, log):
    entry = log.entries[1]
    right = log.receipt(1, 0)
    assert open_receipt(right, entry=entry, log=log.keys, seen=None).index == 1
    wrong = make_receipt(0, log.path(1), log.checkpoint(), old_size=0)
    with pytest.raises(InclusionError):
        open_receipt(wrong, entry=entry, log=log.keys, seen=None)


def test_a_receipt_whose_post_quantum_signature_was_stripped_is_refused(device, receiver, log):
    device.seal()

    def strip(data):
        proof = TlogProof.parse(data)
        return replace(proof, checkpoint=without(proof.checkpoint, log)).to_bytes()

    receiver.alter_receipt = strip
    shipper_fails(device, MissingSignatureError)


def test_a_receipt_of_another_log_is_refused(device, receiver, log, kit):
    device.seal()
    other = kit.Log(entries=[*log.entries])

    def of_other(_):
        other.entries = list(log.entries)
        return other.receipt(len(other.entries) - 1, device.ledger.seen().size)

    receiver.alter_receipt = of_other
    shipper_fails(device, SignatureError)


def shipper_fails(device, error):
    row = device.ledger.waiting()[0]
    body = device.spool.upload(row.epoch, row.batch)
    header = header_in(device.spool.beginning(row.epoch, row.batch, MAX_HEADER))
    with pytest.raises(error):
        device.link.send_batch(header, body)
    assert device.ledger.waiting() == [row]


def test_an_answer_whose_checkpoint_lacks_a_signature_is_refused(device, receiver, log):
    def strip(value):
        value["checkpoint"] = b64(without(log.checkpoint(), log))
        return value

    receiver.alter_answer = strip
    with pytest.raises(MissingSignatureError):
        consult(device)


def test_a_log_that_shrank_is_a_rollback_and_the_evidence_is_kept(device, log, kit):
    before = log.copy()
    log.append(device_batch(device))
    consult(device)
    seen = device.ledger.seen()
    device = device.again(kit.FakeReceiver(before))
    with pytest.raises(LogAlarmError) as caught:
        consult(device)
    assert caught.value.kind == "rollback"
    assert device.problems.has("rollback")
    kept = sorted(path.name.split("-")[0] for path in (device.root / "evidence").iterdir())
    assert kept == ["rollback", "seen"]
    assert device.ledger.seen() == seen
    assert [o["type"] for o in device.observed()] == ["rollback"]


def device_batch(device):
    """A batch of this device, already in its ledger."""
    row = device.seal()
    return device.spool.path(row.epoch, row.batch, "head").read_bytes()


def test_a_log_that_forked_is_noticed_at_the_same_size(device, receiver, office, log, kit):
    fork = log.copy()
    log.append(office.policy_note(office.policy_toml(1)))
    fork.append(office.policy_note(office.policy_toml(2)))
    consult(device)
    device = device.again(kit.FakeReceiver(fork))
    with pytest.raises(LogAlarmError) as caught:
        consult(device)
    assert caught.value.kind == "fork"
    assert device.problems.has("fork")


def test_a_log_that_forked_and_grew_is_noticed(device, office, log, kit):
    fork = log.copy()
    log.append(office.policy_note(office.policy_toml(1)))
    for serial in (2, 3, 4):
        fork.append(office.policy_note(office.policy_toml(serial)))
    consult(device)
    device = device.again(kit.FakeReceiver(fork))
    with pytest.raises(LogAlarmError, match="fork"):
        consult(device)


def test_an_alarm_ends_when_the_log_that_was_seen_is_shown_again(device, log, kit, receiver):
    before = log.copy()
    log.append(device_batch(device))
    consult(device)
    device = device.again(kit.FakeReceiver(before))
    with pytest.raises(LogAlarmError):
        consult(device)
    device = device.again(receiver)
    consult(device)
    assert not device.problems.has("rollback")


def test_a_refusal_for_conflict_is_followed_by_a_look_at_the_log(device, log, kit):
    before = log.copy()
    log.append(device_batch(device))
    consult(device)
    receiver = kit.FakeReceiver(before)
    device = device.again(receiver)
    with pytest.raises(LogAlarmError):
        consult(device)
    assert receiver.calls == ["device", "checkpoint"]


def test_an_entry_that_is_not_where_the_answer_says_is_refused(device, receiver):
    def move(value):
        value["entries"][1]["index"] = 0
        return value

    receiver.alter_answer = move
    with pytest.raises(InclusionError):
        consult(device)


def test_a_delegation_that_other_keys_signed_is_refused(device, receiver, office, log, kit):
    office.policy = [kit.new_key("records.example/policy"), kit.new_key("privacy.example/policy")]
    log.entries.append(office.delegate(2))

    def swap(value):
        value["entries"][0] = receiver.entry("delegation", len(log.entries) - 1)
        return value

    receiver.alter_answer = swap
    log.custody = lambda: type(log)(entries=log.entries[:-1]).custody()
    with pytest.raises(UnknownKeyError):
        consult(device)


def test_a_delegation_that_was_replaced_is_not_taken_for_the_one_in_force(device, receiver, office):
    office.log.append(office.delegate(2))
    consult(device)

    def older(value):
        value["entries"][0] = receiver.entry("delegation", 0)
        return value

    receiver.alter_answer = older
    with pytest.raises(PolicyError, match="delegation 1"):
        consult(device)


def test_an_answer_about_another_device_is_refused(device, receiver, office, tmp_path, kit):
    other = kit.Device(tmp_path / "other", receiver, office.pins)
    other.enrol(office.admit(tmp_path / "token-2", device="other"))

    def swap(value):
        index = len(receiver.log.entries) - 1
        value["entries"][1] = receiver.entry("enrolment", index)
        return value

    receiver.alter_answer = swap
    with pytest.raises(FormatError, match="speaks of device other"):
        consult(device)
    other.ledger.close()


def test_a_tree_as_large_as_the_one_seen_must_be_the_same(log, kit):
    other = kit.Log(log.ed25519, log.mldsa, [b"x"])
    log.entries.append(b"y")
    with pytest.raises(LogViolationError):
        open_tree(other.checkpoint(), log=log.keys, seen=log.tree())


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda _: b"x" * (MAX_ANSWER + 1), LimitError),
        (lambda _: b"[" * 100_000, FormatError),
        (lambda _: b"nonsense", FormatError),
        (lambda v: json.dumps([v]).encode(), FormatError),
        (lambda v: json.dumps({**v, "checkpoint": 7}).encode(), FormatError),
        (lambda v: json.dumps({**v, "entries": {}}).encode(), FormatError),
        (lambda v: json.dumps({**v, "consistency": ["AA=="]}).encode(), FormatError),
        (lambda v: json.dumps({**v, "consistency": ["A" * 44] * 65}).encode(), LimitError),
        (lambda v: json.dumps({**v, "entries": v["entries"] * 2}).encode(), FormatError),
        (lambda v: json.dumps({**v, "held": {"note": "AAAA"}}).encode(), FormatError),
        (lambda v: json.dumps({**v, "annex": "A" * (2 * 2**20)}).encode(), LimitError),
    ],
)
def test_an_answer_of_another_shape_is_refused(device, receiver, change, error):
    kept = []
    receiver.alter_answer = lambda value: kept.append(value) or value
    consult(device)
    parse_answer(json.dumps(kept[0]).encode())
    with pytest.raises(error):
        parse_answer(change(kept[0]))


def test_an_index_that_is_no_number_is_refused(device, receiver):
    kept = []
    receiver.alter_answer = lambda value: kept.append(value) or value
    consult(device)
    for index in (True, "1", -1, 2**60, 1.0):
        kept[0]["entries"][0]["index"] = index
        with pytest.raises(FormatError):
            parse_answer(json.dumps(kept[0]).encode())


def test_a_cosignature_by_this_device_holds_and_carries_the_logs_two_lines(device, receiver, log):
    device.link.cosign(device.current.keys.witness)
    (data,) = receiver.cosignatures
    witness = device.current.enrolment.witness
    signed = open_checkpoint(data, log.keys, witnesses=[witness])
    assert [c.key for c in signed.cosignatures] == [witness]
    assert len(note.parse(data).signatures) == 3


def test_a_refusal_that_hides_no_rollback_stays_a_refusal(device, receiver):
    device.seal()
    receiver.broken = [NeverError("no", status=409, code="gap")]
    row = device.ledger.waiting()[0]
    body = device.spool.upload(row.epoch, row.batch)
    header = header_in(device.spool.beginning(row.epoch, row.batch, MAX_HEADER))
    with pytest.raises(NeverError):
        device.link.send_batch(header, body)
    assert list((device.root / "evidence").iterdir()) == []
