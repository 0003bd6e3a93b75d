# SPDX-License-Identifier: EUPL-1.2
"""What one item's proof proves to somebody who has only keys, and what it cannot prove."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lakzegel_core import note
from lakzegel_core.admission import Admission, sign_admission
from lakzegel_core.batch import Seen
from lakzegel_core.encoding import b64
from lakzegel_core.enrolment import Reason
from lakzegel_core.errors import (
    CommitmentMismatchError,
    ConsistencyError,
    DigestMismatchError,
    EpochError,
    ExpiredError,
    FormatError,
    InclusionError,
    LakzegelError,
    LimitError,
    MissingSignatureError,
    NotAdmittedError,
    PolicyError,
    RevokedError,
    SignatureError,
    SizeMismatchError,
    UnknownKeyError,
)
from lakzegel_core.itemjudge import JudgeKeys
from lakzegel_core.itemproof import MAX_ITEM_PROOF, Anchor, LoggedNote, parse_item_proof
from lakzegel_core.itemstanding import Standing
from lakzegel_core.merkle import leaf_hash
from lakzegel_core.quorum import Quorum

PAYLOADS = (b"voor", b"Beste minister,", b"na")
DATA = PAYLOADS[1]
NOW = datetime(2026, 11, 24, 2, tzinfo=UTC)


@pytest.fixture
def device(court):
    return court.world.enrol("minister")


@pytest.fixture
def sealed(court, device):
    batch = court.seal(device, PAYLOADS)
    court.world.enrol("secretaris")
    return batch


@pytest.fixture
def proof(court, device, sealed):
    return court.prove(device, sealed, 1)


def test_the_verdict_is_one_sentence(court, proof):
    found = court.judge(proof, DATA)
    assert found.sentence() == (
        "device minister committed to these 15 bytes in source 'mail' before 2026-11-24T02:06:00Z"
    )
    assert (found.epoch, found.batch, found.index, found.kind) == (0, 0, 1, "observation")
    assert found.cosigners == (court.office.witness.verifier.name,)
    assert found.after is None


def test_the_anchors_narrow_the_time(court, proof, sealed):
    narrow = replace(
        proof, after=court.anchor(sealed.seen_size), before=court.anchor(sealed.index + 1)
    )
    found = court.judge(narrow, DATA)
    assert (found.after, found.before) == (NOW + timedelta(minutes=3), NOW + timedelta(minutes=4))
    assert " after 2026-11-24T02:03:00Z and before 2026-11-24T02:04:00Z" in found.sentence()


def test_a_proof_comes_back_with_and_without_its_context(court, proof, sealed):
    hidden = replace(proof, context=None)
    anchored = replace(proof, after=court.anchor(1), before=court.anchor(sealed.index + 1))
    for one in (proof, hidden, anchored):
        again = parse_item_proof(one.to_bytes())
        assert again == one
        assert court.judge(again, DATA).device == "minister"


# the item


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        (b"", SizeMismatchError),
        (DATA + b"\n", SizeMismatchError),
        (DATA[:-1] + b".", DigestMismatchError),
        (PAYLOADS[0], SizeMismatchError),
    ],
)
def test_another_file_is_not_proven(court, proof, payload, error):
    with pytest.raises(error):
        court.judge(proof, payload)


def test_another_items_core_or_context_is_not_what_was_committed_to(court, proof, sealed):
    other = sealed.items[0][1]
    for changes in (
        {"core": other.core_bytes},
        {"context": other.context_bytes, "context_hash": leaf_hash(other.context_bytes)},
        {"context": None, "context_hash": leaf_hash(other.context_bytes)},
        {"core": proof.core.replace(b'"size":15', b'"size":16')},
    ):
        with pytest.raises(CommitmentMismatchError):
            court.judge(replace(proof, **changes), DATA)


def test_core_and_context_cannot_be_exchanged_for_their_hashes(court, proof):
    swapped = {"core": proof.context, "context": None, "context_hash": leaf_hash(proof.core)}
    with pytest.raises(CommitmentMismatchError):
        court.judge(replace(proof, **swapped), DATA)


def test_another_items_entry_index_or_path_is_not_in_the_batch(court, proof, device, sealed):
    other = court.prove(device, sealed, 0)
    for changes in (
        {"entry": other.entry},
        {"item": 0},
        {"item": 3},
        {"contents": other.contents},
        {"contents": proof.contents[:-1]},
        {"contents": (*proof.contents, bytes(32))},
    ):
        with pytest.raises(InclusionError):
            court.judge(replace(proof, **changes), DATA)


def test_another_batches_item_is_not_in_this_one(court, device, proof):
    later = court.seal(device, PAYLOADS)
    fresh = court.prove(device, later, 1)
    mixed = replace(fresh, entry=proof.entry, core=proof.core, context=proof.context,
                    context_hash=proof.context_hash, contents=proof.contents)  # fmt: skip
    with pytest.raises(InclusionError):
        court.judge(mixed, DATA)


# the log


def test_both_signatures_of_the_log_are_needed(court, proof):
    whole = note.parse(proof.checkpoint)
    for kept in (whole.signatures[:1], whole.signatures[1:]):
        stripped = note.Note(whole.text, kept).to_bytes()
        with pytest.raises(MissingSignatureError):
            court.judge(replace(proof, checkpoint=stripped), DATA)


def test_a_judge_may_demand_a_quorum(court, proof):
    witness, mirror = court.office.witness.verifier, court.office.mirror.verifier
    court.judge(proof, DATA, keys=replace(court.keys, quorum=Quorum((witness,), 1)))
    with pytest.raises(MissingSignatureError):
        court.judge(proof, DATA, keys=replace(court.keys, quorum=Quorum((witness, mirror), 2)))


def test_every_note_is_in_the_log_at_its_place(court, proof):
    for n, one in enumerate(proof.notes):
        for changed in (
            replace(one, index=one.index + 1),
            replace(one, path=one.path[:-1]),
            replace(one, path=(bytes(32), *one.path[1:])),
        ):
            notes = (*proof.notes[:n], changed, *proof.notes[n + 1 :])
            with pytest.raises(InclusionError):
                court.judge(replace(proof, notes=notes), DATA)


@pytest.mark.parametrize("seen", [Seen(2, bytes(32)), Seen(0, bytes(32))])
def test_what_the_device_saw_is_this_log(court, device, seen):
    forked = court.prove(device, court.seal(device, PAYLOADS, seen=seen), 1)
    with pytest.raises(ConsistencyError, match="not proven to extend"):
        court.judge(forked, DATA)


def test_what_the_device_saw_is_not_larger_than_its_place(court, device):
    batch = court.seal(device, PAYLOADS, seen=Seen(6, bytes(32)))
    for _ in range(3):
        court.seal(device, PAYLOADS)
    with pytest.raises(ConsistencyError, match="a larger log than there was"):
        court.judge(court.prove(device, batch, 1), DATA)


def test_after_is_not_later_than_what_the_device_saw(court, proof, sealed):
    for size in range(1, sealed.seen_size + 1):
        court.judge(replace(proof, after=court.anchor(size)), DATA)
    for size in range(sealed.seen_size + 1, len(court.notes) + 1):
        with pytest.raises(ConsistencyError, match="had not seen yet"):
            court.judge(replace(proof, after=court.anchor(size)), DATA)


def test_before_holds_the_header(court, proof, sealed):
    for size in range(1, sealed.index + 1):
        with pytest.raises(ConsistencyError, match="without the header"):
            court.judge(replace(proof, before=court.anchor(size)), DATA)
    for size in range(sealed.index + 1, len(court.notes) + 1):
        court.judge(replace(proof, before=court.anchor(size)), DATA)


def test_the_anchors_are_of_the_same_history_and_signed(court, parts, proof, sealed):
    good = court.anchor(sealed.index + 1)
    fork = type(court)(parts)
    for _ in range(sealed.index):
        fork.world.apply(fork.office.policy_note(len(fork.notes)))
    whole = note.parse(good.checkpoint)
    strangers = tuple(parts.make_key(k.verifier.name, k.verifier.algorithm, "x")
                      for k in court.signers)  # fmt: skip
    for anchor, error in (
        (replace(good, path=()), ConsistencyError),
        (replace(good, path=(*good.path, bytes(32))), ConsistencyError),
        (Anchor(fork.checkpoint(), good.path), ConsistencyError),
        (court.anchor(sealed.index + 1, signers=strangers), MissingSignatureError),
        (replace(good, checkpoint=note.Note(whole.text, whole.signatures[:1]).to_bytes()),
         MissingSignatureError),
    ):  # fmt: skip
        with pytest.raises(error):
            court.judge(replace(proof, before=anchor), DATA)


def test_a_time_that_no_calendar_has_is_refused(court, proof, sealed):
    anchor = court.anchor(sealed.index + 1, now=2**62)
    with pytest.raises(FormatError, match="no calendar"):
        court.judge(replace(proof, before=anchor), DATA)


# the right to sign


def test_every_note_is_needed(court, proof):
    errors = (NotAdmittedError, NotAdmittedError, EpochError, FormatError)
    for gone, error in enumerate(errors):
        notes = proof.notes[:gone] + proof.notes[gone + 1 :]
        with pytest.raises(error):
            court.judge(replace(proof, notes=notes), DATA)


def test_the_notes_are_in_the_order_of_the_log_each_once(court, proof):
    notes = proof.notes
    for order in (notes[::-1], (*notes, notes[-1]), (notes[1], notes[0], *notes[2:]), ()):
        with pytest.raises(FormatError):
            court.judge(replace(proof, notes=order), DATA)


def test_one_header_belongs_and_nothing_about_others(court, device, sealed):
    later = court.seal(device, PAYLOADS)
    policy = len(court.notes)
    court.world.apply(court.office.policy_note(1))
    for index in (later.index, policy):
        proof = court.prove(device, sealed, 1)
        notes = tuple(sorted((*proof.notes, court.logged(index)), key=lambda one: one.index))
        with pytest.raises(FormatError):
            court.judge(replace(proof, notes=notes), DATA)


def test_another_devices_enrolment_gives_no_right(court, proof):
    others = court.logged(len(court.notes) - 1)
    notes = (*proof.notes[:2], others, *proof.notes[3:])
    with pytest.raises(LakzegelError):
        court.judge(replace(proof, notes=tuple(sorted(notes, key=lambda one: one.index))), DATA)
    both = tuple(sorted((*proof.notes, others), key=lambda one: one.index))
    with pytest.raises((FormatError, NotAdmittedError)):
        court.judge(replace(proof, notes=both), DATA)


def test_other_policy_keys_prove_nothing(court, parts, proof):
    strangers = tuple(key.verifier for key in parts.Office("strangers").policy)
    with pytest.raises(UnknownKeyError):
        court.judge(proof, DATA, keys=replace(court.keys, policy=strangers))
    with pytest.raises(MissingSignatureError):
        court.judge(proof, DATA, keys=replace(court.keys, policy=(*court.keys.policy, strangers[0]),
                                              threshold=3))  # fmt: skip


def test_a_later_delegation_is_signed_by_the_one_before(court, device, sealed):
    office = court.office
    new = [office.key("policy-2"), office.key("privacy-2")]
    names = tuple(key.verifier for key in new)
    court.world.apply(office.delegation(2, policy=names))
    assert court.judge(court.prove(device, sealed, 1), DATA)
    court.world.apply(office.delegation(3, policy=names, signers=new))
    proof = court.prove(device, sealed, 1)
    assert court.judge(proof, DATA)
    without = tuple(one for one in proof.notes if one.index != len(court.notes) - 2)
    with pytest.raises(SignatureError):
        court.judge(replace(proof, notes=without), DATA)


def standing_of(court, *datas):
    """The standing of notes that need not be in the log."""
    notes = [LoggedNote(n, data, ()) for n, data in enumerate(datas)]
    return Standing.of(notes, court.office.origin, court.keys.policy, 2)


def chain(court, parts, **changes):
    """Delegation, admission, enrolment and header of a device that no log has met."""
    office, device = court.office, parts.Device("laptop-1", "all")
    token = parts.make_key("log.example/test/token/1")
    stated = Admission(office.origin, token.verifier, None, "all", 1, NOW + timedelta(30), "term")
    admission = sign_admission(replace(stated, **changes.pop("admission", {})), office.enrolment)
    enrolment = device.enrol(admission, token, **changes)
    return device, token, [office.delegation(), admission, enrolment, device.header()]


def test_the_links_hold_one_after_another(court, parts):
    _, _, datas = chain(court, parts)
    assert standing_of(court, *datas).header.device == "laptop-1"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"enrolled": NOW + timedelta(30)}, ExpiredError),
        ({"admission": {"group": "some"}}, NotAdmittedError),
        ({"admission": {"group": None, "device": "laptop-2"}}, NotAdmittedError),
        ({"group": None}, NotAdmittedError),
    ],
)
def test_the_admission_covers_the_device(court, parts, changes, error):
    with pytest.raises(error):
        standing_of(court, *chain(court, parts, **changes)[2])


def test_a_delegation_does_not_come_back(court, parts):
    _, _, datas = chain(court, parts)
    newer = court.office.delegation(2)
    with pytest.raises(PolicyError):
        standing_of(court, newer, *datas)


def test_notes_of_another_log_are_not_taken(court, parts):
    other = parts.Office(origin="log.example/other")
    _, _, datas = chain(court, parts)
    with pytest.raises(FormatError, match=r"log\.example/other"):
        standing_of(court, other.delegation(), *datas[1:])
    token = parts.make_key("log.example/other/token/1")
    with pytest.raises(FormatError, match=r"log\.example/other"):
        standing_of(court, datas[0], other.admission(token, group="all"), *datas[2:])


def test_a_minted_device_stands_on_nothing(court, parts):
    device, token, datas = chain(court, parts)
    own = parts.make_key("log.example/test/receiver")
    minted = court.office.admission(token, group="all", signer=own)
    with pytest.raises(UnknownKeyError):
        standing_of(court, datas[0], minted, device.enrol(minted, token), device.header())
    forged = device.enrol(datas[1], own)
    with pytest.raises(UnknownKeyError):
        standing_of(court, datas[0], datas[1], forged, device.header())


def test_a_restored_epoch_stands_on_the_one_before(court, parts):
    device, _, datas = chain(court, parts)
    device.moved_on(datas[3])
    old = device.next_epoch()
    restored = device.enrol(datas[1], old, Reason.RESTORED)
    header = device.header()
    assert standing_of(court, *datas[:3], restored, header).header.epoch == 1
    with pytest.raises(EpochError, match="the epoch before is not shown"):
        standing_of(court, *datas[:2], restored, header)
    with pytest.raises(EpochError, match="its enrolment is not shown"):
        standing_of(court, *datas[:3], header)
    skipping = parts.Device("laptop-1", "all", epoch=2, newest=device.previous)
    skipped = skipping.enrol(datas[1], old, Reason.RESTORED)
    with pytest.raises(EpochError, match="the epoch before is not shown"):
        standing_of(court, *datas[:3], skipped, skipping.header())
    with pytest.raises(UnknownKeyError):
        standing_of(
            court, *datas[:3], device.enrol(datas[1], parts.make_key("x"), Reason.RESTORED), header
        )


def test_keys_that_were_replaced_stand_on_the_ones_before(court, parts):
    device, token, datas = chain(court, parts)
    device.moved_on(datas[3])
    old_key = device.header()
    old = device.next_epoch()
    rotated = device.enrol(datas[1], old, Reason.ROTATED)
    header = device.header()
    assert standing_of(court, *datas[:3], rotated, header).header.epoch == 1
    with pytest.raises(EpochError, match="the epoch before is not shown"):
        standing_of(court, *datas[:2], rotated, header)
    with pytest.raises(EpochError, match="its enrolment is not shown"):
        standing_of(court, *datas[:3], header)
    with pytest.raises(EpochError, match="epoch 0 was closed by epoch 1"):
        standing_of(court, *datas[:3], rotated, old_key)
    for signer in (token, device.header_key):
        forged = device.enrol(datas[1], signer, Reason.ROTATED)
        with pytest.raises(SignatureError):
            standing_of(court, *datas[:3], forged, header)


# revocations


@pytest.mark.parametrize(("batch", "stands"), [(0, True), (None, False)])
def test_a_revocation_takes_away_what_came_after_its_last_trusted_batch(
    court, device, sealed, batch, stands
):
    court.world.apply(court.office.revocation("minister", 0, batch))
    proof = court.prove(device, sealed, 1)
    assert proof.notes[-1].index == len(court.notes) - 1
    if stands:
        assert court.judge(proof, DATA)
    else:
        with pytest.raises(RevokedError, match="not trusted beyond epoch 0 batch -1"):
            court.judge(proof, DATA)


def test_a_revocation_that_is_left_out_is_not_missed(court, device, sealed, proof):
    """As docs/spec/proof.md §4 says: who must be sure asks for the log."""
    court.world.apply(court.office.revocation("minister", 0, None))
    shown = court.prove(device, sealed, 1)
    stripped = replace(shown, notes=shown.notes[:-1])
    assert court.judge(stripped, DATA)
    assert court.judge(proof, DATA)


def test_a_revocation_by_a_stranger_takes_nothing_away(court, parts):
    _, token, datas = chain(court, parts)
    forged = court.office.revocation("laptop-1", 0, None, signer=token)
    with pytest.raises(UnknownKeyError):
        standing_of(court, *datas, forged)
    others = court.office.revocation("laptop-2", 0, None)
    with pytest.raises(FormatError, match="another device"):
        standing_of(court, *datas, others)


# the file


def test_no_line_can_go_come_twice_or_change_places(court, proof, sealed):
    whole = replace(proof, after=court.anchor(1), before=court.anchor(sealed.index + 1))
    lines = whole.to_bytes().splitlines(keepends=True)
    for n in range(len(lines)):
        for changed in (
            lines[:n] + lines[n + 1 :],
            [*lines[: n + 1], *lines[n:]],
            [*lines[:n], *lines[n + 1 : n + 2], lines[n], *lines[n + 2 :]],
        ):
            data = b"".join(changed)
            if data == b"".join(lines):
                continue
            with pytest.raises(LakzegelError):
                court.judge(parse_item_proof(data), DATA)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:-1],
        lambda data: data + b"\n",
        lambda data: data + b"extra 1\n",
        lambda data: b"\n" + data,
        lambda data: data.replace(b"\n", b"\r\n"),
        lambda data: data.replace(b"item 1", b"item 01"),
        lambda data: data.replace(b"item 1", b"item -1"),
        lambda data: data.replace(b"note 0 ", b"note  0 "),
        lambda data: data.replace(b"note 0 ", b"note 00 "),
        lambda data: data.replace(b"proof/v1", b"proof/v2"),
        lambda data: data.replace(b"core ", b"core\xc3\xa9 "),
        lambda data: data.replace(b"\ncontext ", b"\ncontext-hash "),
        lambda data: data[:0],
    ],
)
def test_no_other_text_is_a_proof(proof, change):
    with pytest.raises(FormatError):
        parse_item_proof(change(proof.to_bytes()))


def test_a_proof_within_its_limits_only(proof):
    hashes = (bytes(32),) * 64
    for changed in (
        replace(proof, contents=hashes),
        replace(proof, seen=hashes),
        replace(proof, notes=(replace(proof.notes[0], path=hashes),)),
        replace(proof, notes=(LoggedNote(0, b"x", ()),) * 257),
    ):
        with pytest.raises(LimitError):
            parse_item_proof(changed.to_bytes())
    with pytest.raises(LimitError):
        parse_item_proof(bytes(MAX_ITEM_PROOF + 1))


# the key file


def test_the_key_file_comes_back(court):
    assert JudgeKeys.from_text(court.keys.to_text()) == court.keys


def test_no_other_key_file_is_taken(court):
    text = court.keys.to_text()
    lines = text.splitlines(keepends=True)
    for changed in (
        "",
        "".join(lines[1:]),
        lines[0] + text,
        text.replace("threshold 2", "threshold 0"),
        text.replace("threshold 2", "threshold 3"),
        text.replace("threshold 2", "threshold two"),
        text.replace("threshold 2\n", ""),
        text + "threshold 2\n",
        text + "quorum 1\n",
        text.replace("quorum 0", "quorum 2"),
        text + "trust everybody\n",
        text.replace("policy ", "police ", 1),
        text + f"witness {court.office.witness.verifier.to_text()}\n",
        text + f"policy {b64(bytes(33))}\n",
    ):
        with pytest.raises(LakzegelError):
            JudgeKeys.from_text(changed)
