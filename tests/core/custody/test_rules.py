# SPDX-License-Identifier: EUPL-1.2
"""What a custody refuses, by which error; a refusal changes nothing."""

import copy
from dataclasses import replace
from datetime import timedelta

import pytest

from lakzegel_core import limits, note
from lakzegel_core.batch import State
from lakzegel_core.custody import Custody
from lakzegel_core.delegation import Delegation
from lakzegel_core.enrolment import Reason, sign_enrolment
from lakzegel_core.errors import (
    ChainError,
    EpochError,
    ExhaustedError,
    ExpiredError,
    ForkError,
    FormatError,
    GapError,
    LakzegelError,
    LimitError,
    MissingSignatureError,
    NotAdmittedError,
    PolicyError,
    ReplayError,
    RevokedError,
    RoleError,
    SignatureError,
    UnknownKeyError,
)
from lakzegel_core.hold import HOLD, TERM
from lakzegel_core.keys import Algorithm, SigningKey
from lakzegel_core.limits import MAX_NOTE


@pytest.fixture
def refuse(world, parts):
    """Assert that a note is refused by exactly this type, and that nothing changed."""

    def refused(data, error, match=None):
        before = parts.dump(world.custody)
        for take in (world.custody.check, world.custody.apply):
            with pytest.raises(LakzegelError, match=match) as caught:
                take(data)
            assert type(caught.value) is error
        assert parts.dump(world.custody) == before

    return refused


@pytest.fixture
def device(world):
    return world.enrol()


def later(device, steps=1):
    """A clone of the device that is this many batches ahead."""
    clone = copy.copy(device)
    for _ in range(steps):
        clone.moved_on(clone.header())
    return clone


# the chain


def test_batches_follow_one_another(world, device):
    for number in range(3):
        header = world.send(device)
        head = world.custody.devices["laptop-1"].head
        assert (head.batch, head.index) == (number, world.custody.size - 1)
    assert world.custody.check(device.header()).entry.batch == 3
    assert header != device.header()


def test_a_check_changes_nothing(world, device, parts):
    before = parts.dump(world.custody)
    world.custody.check(device.header())
    assert parts.dump(world.custody) == before


def test_what_was_checked_can_be_taken_in_later(world, device, parts):
    twin = parts.World()
    other = twin.enrol()
    header = device.header()
    checked = world.custody.check(header)
    assert checked.id == parts.digest(header)
    world.custody.take(checked)
    twin.send(other)
    assert parts.dump(world.custody) == parts.dump(twin.custody)


def test_an_entry_is_taken_in_at_its_index(world, device):
    world.custody.apply(device.header(), index=40)
    assert world.custody.devices["laptop-1"].head.index == 40
    assert world.custody.size == 41


def test_a_gap_is_refused(world, device, refuse):
    refuse(later(device).header(), GapError, "expected batch 0, found batch 1")
    world.send(device)
    refuse(later(device, 2).header(), GapError, "expected batch 1, found batch 3")


def test_a_fork_is_refused(world, device, refuse):
    clone = copy.copy(device)
    world.send(device)
    refuse(clone.header(items=2), ForkError, "another batch has this number")
    world.send(device)
    refuse(clone.header(), ForkError)


def test_a_replay_is_refused_by_its_name(world, device, refuse):
    header = world.send(device)
    refuse(header, ReplayError, "in the log already, at index 3")


@pytest.mark.parametrize("previous", [bytes(32), b"\1" * 32])
def test_a_batch_after_another_one_is_refused(world, device, refuse, previous):
    refuse(device.header(previous=previous), GapError)
    world.send(device)
    refuse(device.header(previous=previous), GapError)


def test_the_first_batch_follows_the_enrolment(world, device, refuse):
    other = world.enrol("laptop-2")
    refuse(device.header(previous=other.previous), GapError)


def test_a_final_batch_ends_the_custody(world, device, refuse):
    world.send(device, state=State.FINAL)
    refuse(device.header(), ChainError, "the custody ended with batch 0")


def test_a_final_batch_is_not_undone_by_a_new_epoch(world, device, refuse):
    world.send(device, state=State.FINAL)
    token, admission = world.admit("again", group="all", count=2)
    device.next_epoch()
    world.apply(device.enrol(admission, token, Reason.UNREADABLE))
    refuse(device.header(), ChainError)


def test_a_device_that_was_never_enrolled_sends_nothing(parts, refuse):
    refuse(parts.Device("laptop-9").header(), NotAdmittedError, "has no enrolment in the log")


def test_a_header_of_anothers_key_is_refused(world, device, refuse, parts):
    other = world.enrol("laptop-2")
    forged = note.sign(note.parse(device.header()).text, [other.header_key])
    refuse(forged, UnknownKeyError)
    same_name = parts.make_key(device.header_key.verifier.name, salt="x")
    refuse(note.sign(note.parse(device.header()).text, [same_name]), UnknownKeyError)


def test_a_clock_that_went_back_is_told_not_refused(world, device):
    world.send(device)
    header = device.header(closed=world.custody.devices["laptop-1"].head.closed - timedelta(1))
    assert world.custody.apply(header).warnings == ("clock-back",)


def test_an_unknown_policy_is_told_not_refused(world, device, parts):
    unknown = parts.digest(b"policy")
    assert world.custody.check(device.header(policy=unknown)).warnings == ("policy-unknown",)
    applied = world.apply(world.office.policy_note(1, '["group:all"]'))
    assert world.custody.check(device.header(policy=applied.id)).warnings == ()
    others = world.apply(world.office.policy_note(1, '["group:others"]'))
    assert world.custody.check(device.header(policy=others.id)).warnings == ("policy-unknown",)


def test_a_note_of_another_log_is_refused(world, parts, refuse):
    elsewhere = parts.Office(origin="log.example/other")
    token = parts.make_key("log.example/other/token/1")
    refuse(elsewhere.admission(token, group="all"), FormatError, "is for log log.example/other")
    refuse(elsewhere.mark(), FormatError, "is for log")
    refuse(elsewhere.policy_note(1), PolicyError, "is for log")
    refuse(elsewhere.delegation(serial=2), FormatError, "is for log")


@pytest.mark.parametrize("kind", ["held", "query", "keyring", "x"])
def test_a_log_holds_no_other_kind(parts, refuse, kind):
    text = f"lakzegel.nl/{kind}/v1\nlog log.example/test\n".encode()
    refuse(note.sign(text, [parts.Office().held]), FormatError, f"a log holds no {kind}")


def test_an_entry_beyond_its_limit_is_not_parsed(refuse):
    refuse(b"lakzegel.nl/batch/v1\n" + bytes(MAX_NOTE), LimitError)


# admissions


def test_nothing_is_admitted_before_the_delegation(parts):
    office, device = parts.Office(), parts.Device("laptop-1", "all")
    custody = Custody.start(office.origin, pinned=None, threshold=None)
    token = parts.make_key("token")
    admission = office.admission(token, group="all")
    for data in (admission, office.policy_note(1), office.finding("a"), office.mark()):
        with pytest.raises(NotAdmittedError, match="no delegation yet"):
            custody.apply(data)
    with pytest.raises(NotAdmittedError):
        custody.apply(device.enrol(admission, token))
    assert custody.size == 0


def test_an_admission_of_a_stranger_is_refused(parts, refuse):
    token = parts.make_key("log.example/test/token/1")
    office = parts.Office("strangers")
    refuse(office.admission(token, group="all"), UnknownKeyError)
    for key in (parts.Office().held, *parts.Office().policy, *parts.Office().approval, token):
        refuse(parts.Office().admission(token, group="all", signer=key), UnknownKeyError)


def test_an_admission_is_logged_once_so_that_its_count_is_one_count(world, parts, refuse):
    token, admission = world.admit("one", group="all")
    world.apply(parts.Device("laptop-1", "all").enrol(admission, token))
    refuse(admission, ReplayError)
    refuse(parts.Device("laptop-2", "all").enrol(admission, token), ExhaustedError)


def test_an_admission_admits_as_many_as_it_says(world, parts, refuse):
    token, admission = world.admit("two", group="all", count=2)
    for name in ("laptop-1", "laptop-2"):
        world.apply(parts.Device(name, "all").enrol(admission, token))
    refuse(parts.Device("laptop-3", "all").enrol(admission, token), ExhaustedError, "used 2 times")


def test_an_admission_that_expired_admits_nobody(world, parts, refuse):
    token, admission = world.admit("one", group="all")
    expires = world.custody.admissions[parts.digest(admission)].admission.expires
    device = parts.Device("laptop-1", "all")
    refuse(device.enrol(admission, token, enrolled=expires), ExpiredError, "expired at 2026-12-24")
    world.apply(device.enrol(admission, token, enrolled=expires - timedelta(seconds=1)))


def test_an_admission_is_for_its_device_or_group_only(world, parts, refuse):
    token, admission = world.admit("named", device="laptop-1")
    refuse(parts.Device("laptop-2").enrol(admission, token), NotAdmittedError, "laptop-1")
    refuse(parts.Device("laptop-1", "all").enrol(admission, token), NotAdmittedError, "its group")
    world.apply(parts.Device("laptop-1").enrol(admission, token))
    token, admission = world.admit("grouped", group="some")
    refuse(parts.Device("laptop-3", "all").enrol(admission, token), NotAdmittedError)
    refuse(parts.Device("laptop-3").enrol(admission, token), NotAdmittedError)


def test_another_admissions_token_opens_nothing(world, parts, refuse):
    token, _ = world.admit("one", group="all")
    _, admission = world.admit("other", group="all")
    refuse(parts.Device("laptop-1", "all").enrol(admission, token), UnknownKeyError)


def test_an_admission_that_is_not_in_the_log_admits_nobody(world, parts, refuse):
    token = parts.make_key("log.example/test/token/x")
    admission = world.office.admission(token, group="all")
    refuse(
        parts.Device("laptop-1", "all").enrol(admission, token), NotAdmittedError, "no admission"
    )


def test_the_receiver_cannot_mint_a_device(world, parts, refuse):
    """It has no enrolment key: its own admission, and a device under a real one, are refused."""
    own = parts.make_key("log.example/test/receiver")
    token = parts.make_key("log.example/test/token/minted")
    refuse(world.office.admission(token, group="all", signer=own), UnknownKeyError)
    _, admission = world.admit("real", group="all")
    device = parts.Device("minted", "all")
    refuse(device.enrol(admission, own), UnknownKeyError)
    refuse(device.enrol(admission, device.header_key), UnknownKeyError)


# epochs


def test_a_restored_device_opens_the_next_epoch_with_its_old_key(world, device, refuse, parts):
    world.send(device)
    token, admission = world.admit("again", group="all")
    clone = copy.copy(device)
    old = device.next_epoch()
    refuse(device.enrol(admission, token, Reason.RESTORED), UnknownKeyError)
    world.apply(device.enrol(admission, old, Reason.RESTORED))
    assert world.custody.admissions[parts.digest(admission)].used == 0
    refuse(clone.header(), EpochError, "closed for ever by epoch 1")
    world.send(device)
    state = world.custody.devices["laptop-1"]
    assert (state.epoch, [e.epoch for e in state.closed_epochs]) == (1, [0])


def test_an_unreadable_state_needs_a_token(world, device, refuse, parts):
    world.send(device)
    token, admission = world.admit("again", group="all")
    old = device.next_epoch()
    refuse(device.enrol(admission, old, Reason.UNREADABLE), UnknownKeyError)
    world.apply(device.enrol(admission, token, Reason.UNREADABLE))
    assert world.custody.admissions[parts.digest(admission)].used == 1


def test_a_device_is_enrolled_first_once(world, device, refuse, parts):
    token, admission = world.admit("again", group="all")
    again = parts.Device("laptop-1", "all")
    refuse(again.enrol(admission, token), EpochError, "epoch 1 would be next")
    first = sign_enrolment(again.describe(admission), again.header_key, token)
    refuse(first, EpochError)


def test_the_same_enrolment_twice_is_refused(world, refuse, parts):
    token, admission = world.admit("two", group="all", count=2)
    data = parts.Device("laptop-1", "all").enrol(admission, token)
    world.apply(data)
    refuse(data, EpochError)


@pytest.mark.parametrize("epoch", [2, 7])
def test_no_epoch_is_skipped(world, device, refuse, epoch):
    world.send(device)
    token, admission = world.admit("again", group="all")
    device.epoch = epoch
    refuse(device.enrol(admission, token, Reason.UNREADABLE), EpochError, "epoch 1 would be next")
    refuse(device.header(), EpochError, "has no enrolment in the log")


def test_a_new_epoch_follows_the_newest_batch_in_the_log(world, device, refuse, parts):
    first = world.send(device)
    world.send(device)
    token, admission = world.admit("again", group="all")
    old = device.next_epoch()
    for previous in (parts.digest(first), parts.digest(b"x")):
        data = device.enrol(admission, old, Reason.RESTORED, previous=previous)
        refuse(data, EpochError, "does not follow the newest batch")
    refuse(device.enrol(admission, token, Reason.UNREADABLE, previous=None), EpochError)
    world.apply(device.enrol(admission, old, Reason.RESTORED))


def test_a_device_that_was_never_enrolled_restores_nothing(world, refuse, parts):
    token, admission = world.admit("one", group="all")
    device = parts.Device("laptop-1", "all", epoch=1, newest=parts.digest(b"x"))
    refuse(device.enrol(admission, token, Reason.RESTORED), EpochError, "nothing to restore")
    refuse(device.enrol(admission, token, Reason.UNREADABLE), EpochError, "was never enrolled")


def test_a_device_stays_in_its_custody(world, device, refuse):
    world.send(device)
    token, admission = world.admit("elsewhere", group="all", custody="next-term")
    device.next_epoch()
    refuse(device.enrol(admission, token, Reason.UNREADABLE), NotAdmittedError, "another custody")


# keys that are replaced


def rotated(device, admission, **changes):
    """The device with new keys, and the note that its old header key vouches for them by."""
    ahead = copy.copy(device)
    old = ahead.next_epoch()
    return ahead, ahead.enrol(admission, old, Reason.ROTATED, **changes)


@pytest.fixture
def admission(world, device):
    return world.notes[1]


def test_the_old_header_key_vouches_for_the_new_keys(world, device, admission, refuse, parts):
    world.send(device)
    ahead, data = rotated(device, admission)
    refuse(ahead.header(), EpochError, "has no enrolment in the log")
    world.apply(data)
    assert world.custody.admissions[parts.digest(admission)].used == 1
    refuse(device.header(), EpochError, "closed for ever by epoch 1")
    refuse(note.sign(note.parse(ahead.header()).text, [device.header_key]), UnknownKeyError)
    world.send(ahead)
    state = world.custody.devices["laptop-1"]
    assert (state.header_key, state.witness_key) == (
        ahead.header_key.verifier,
        ahead.witness_key.verifier,
    )
    assert (state.current.reason, state.current.inherited) == (Reason.ROTATED, 1)


def test_a_rotation_counts_once_and_in_its_place(world, device, admission, refuse):
    ahead, data = rotated(device, admission)
    _, other = rotated(device, admission, seen_size=2)
    world.apply(data)
    refuse(data, EpochError, "epoch 2 would be next")
    refuse(other, EpochError, "epoch 2 would be next")
    world.send(ahead)
    refuse(data, EpochError, "epoch 2 would be next")
    refuse(other, EpochError, "epoch 2 would be next")


def test_nobody_but_the_old_key_vouches_for_new_ones(world, device, admission, refuse, parts):
    world.send(device)
    token, again = world.admit("again", group="all")
    stranger = parts.make_key(device.header_key.verifier.name, salt="x")
    ahead = copy.copy(device)
    ahead.next_epoch()
    for signer in (token, stranger, ahead.header_key, world.office.enrolment):
        refuse(ahead.enrol(again, signer, Reason.ROTATED), UnknownKeyError)


def test_who_replaces_keys_has_everything_in_the_log(world, device, admission, refuse, parts):
    first = parts.digest(world.send(device))
    world.send(device)
    for head in (first, None):
        stale = rotated(device, admission, previous=head, known=head)[1]
        refuse(stale, EpochError, "does not follow the newest batch")


def test_no_keys_are_replaced_after_the_end(world, device, admission, refuse):
    world.send(device, state=State.FINAL)
    refuse(rotated(device, admission)[1], ChainError, "the custody ended with epoch 0")


def test_a_revoked_device_replaces_no_keys(world, device, admission, refuse):
    world.apply(world.office.revocation("laptop-1", 0, None))
    refuse(rotated(device, admission)[1], RevokedError)


def test_after_128_epochs_in_a_row_it_takes_a_token(world, device, admission, refuse):
    for _ in range(limits.MAX_INHERITED):
        device, data = rotated(device, admission)
        world.apply(data)
    refuse(rotated(device, admission)[1], LimitError, "128 epochs in a row")
    token, again = world.admit("again", group="all")
    ahead = copy.copy(device)
    ahead.next_epoch()
    world.apply(ahead.enrol(again, token, Reason.UNREADABLE))
    world.apply(rotated(ahead, again)[1])
    assert world.custody.devices["laptop-1"].current.inherited == 1


# revocations


def test_a_revoked_device_sends_and_enrols_no_more(world, device, refuse):
    world.send(device)
    clone = copy.copy(device)
    world.apply(world.office.revocation("laptop-1", 0, 0))
    state = world.custody.devices["laptop-1"]
    assert (state.revoked, state.revocation_index) == (True, world.custody.size - 1)
    refuse(device.header(), RevokedError, r"was revoked \(stolen\)")
    token, admission = world.admit("again", group="all")
    old = clone.next_epoch()
    for signer, reason in ((old, Reason.RESTORED), (token, Reason.UNREADABLE)):
        refuse(clone.enrol(admission, signer, reason), RevokedError)


def test_a_revocation_names_what_the_log_holds(world, device, refuse):
    refuse(world.office.revocation("laptop-1", 0, 0), ChainError, "holds no epoch 0 batch 0")
    refuse(world.office.revocation("laptop-1", 1, None), ChainError)
    refuse(world.office.revocation("laptop-9", 0, None), NotAdmittedError)
    world.send(device)
    refuse(world.office.revocation("laptop-1", 0, 1), ChainError)
    world.apply(world.office.revocation("laptop-1", 0, 0))


def test_an_earlier_revocation_does_not_come_back(world, device, refuse):
    for _ in range(3):
        world.send(device)
    generous = world.office.revocation("laptop-1", 0, 2)
    world.apply(generous)
    world.apply(world.office.revocation("laptop-1", 0, 0))
    refuse(generous, ReplayError, "not trusted that far")
    refuse(world.office.revocation("laptop-1", 0, 0, reason="again"), ReplayError)
    world.apply(world.office.revocation("laptop-1", 0, None))
    assert world.custody.devices["laptop-1"].revocation.last == (0, -1)


def test_only_an_enrolment_key_revokes(world, device, refuse):
    for key in (world.office.held, *world.office.policy, device.header_key):
        refuse(world.office.revocation("laptop-1", 0, None, signer=key), UnknownKeyError)


# roles


def test_no_key_has_a_second_role(world, device, refuse, parts):
    office = world.office
    for taken in (office.policy[0], office.enrolment, office.held, device.header_key):
        refuse(office.admission(taken, group="all"), RoleError)
    token, admission = world.admit("next", group="all")
    fresh = parts.Device("laptop-2", "all")
    stated = fresh.describe(admission)
    for taken in (office.held, token, device.header_key, office.approval[0]):
        key = SigningKey.from_seed(stated.header.name, Algorithm.ED25519, taken.seed)
        signed = sign_enrolment(replace(stated, header=key.verifier), key, token)
        refuse(signed, RoleError)
    for taken in (office.witness, device.witness_key, office.held):
        key = SigningKey.from_seed(
            stated.witness.name, Algorithm.ED25519_COSIGNATURE, taken.seed
        ).verifier
        refuse(sign_enrolment(replace(stated, witness=key), fresh.header_key, token), RoleError)


def test_header_and_witness_keys_differ(world, refuse, parts):
    token, admission = world.admit("next", group="all")
    device = parts.Device("laptop-2", "all")
    stated = device.describe(admission)
    same = SigningKey.from_seed(
        stated.witness.name, Algorithm.ED25519_COSIGNATURE, device.header_key.seed
    )
    data = sign_enrolment(replace(stated, witness=same.verifier), device.header_key, token)
    refuse(data, RoleError)


def test_a_new_epoch_has_new_keys(world, device, refuse):
    world.send(device)
    token, admission = world.admit("again", group="all")
    old = device.next_epoch()
    stated = device.describe(admission, Reason.UNREADABLE)
    kept = SigningKey.from_seed(stated.header.name, Algorithm.ED25519, old.seed)
    refuse(sign_enrolment(replace(stated, header=kept.verifier), kept, token), RoleError)


# delegations


def successor(office, serial=2, **changes):
    """A delegation that names another held key."""
    return office.delegation(serial, held=office.key("held-2").verifier, **changes)


def test_a_delegation_is_followed_by_a_newer_one_of_its_own_policy_keys(world, refuse, parts):
    office = world.office
    refuse(successor(office, 1), PolicyError, "not newer")
    refuse(office.delegation(), PolicyError, "not newer")
    refuse(successor(office, signers=office.policy[:1]), MissingSignatureError)
    refuse(successor(office, signers=office.policy[::-1]), UnknownKeyError)
    refuse(successor(office, signers=parts.Office("strangers").policy), UnknownKeyError)
    world.apply(successor(office))
    refuse(office.finding("laptop-1"), UnknownKeyError)
    world.apply(office.finding("laptop-1", signer=office.key("held-2")))


def test_new_policy_keys_are_signed_in_by_the_old_ones(world, refuse):
    office = world.office
    new = [office.key("policy-2"), office.key("privacy-2")]
    keys = tuple(key.verifier for key in new)
    refuse(successor(office, policy=keys, signers=new), UnknownKeyError)
    world.apply(successor(office, policy=keys))
    refuse(office.policy_note(1), UnknownKeyError)
    world.apply(office.policy_note(1, signers=new))
    refuse(successor(office, 3), UnknownKeyError)


def test_a_key_keeps_its_role_in_the_next_delegation(world, device, refuse):
    office = world.office
    with pytest.raises(RoleError):
        successor(office, approval=(office.held.verifier, office.policy[0].verifier))
    refuse(office.delegation(2, held=office.key("x").verifier, approval=(office.held.verifier,)),
           RoleError)  # fmt: skip
    refuse(office.delegation(2, held=device.header_key.verifier), RoleError)


def test_the_first_delegation_is_signed_by_the_pinned_keys(parts):
    office, strangers = parts.Office(), parts.Office("strangers")
    pinned = [key.verifier for key in office.policy]
    custody = Custody.start(office.origin, pinned=pinned, threshold=2)
    for data in (strangers.delegation(), office.delegation(signers=office.policy[:1])):
        with pytest.raises(SignatureError):
            custody.apply(data)
    own = office.delegation(policy=tuple(k.verifier for k in strangers.policy))
    custody.apply(own)
    assert isinstance(custody.require_delegation(), Delegation)


def test_without_pins_the_first_delegation_vouches_for_itself_only(parts):
    office, strangers = parts.Office(), parts.Office("strangers")
    custody = Custody.start(office.origin, pinned=None, threshold=None)
    with pytest.raises(SignatureError):
        custody.apply(office.delegation(signers=strangers.policy))
    custody.apply(office.delegation())
    with pytest.raises(SignatureError):
        custody.apply(strangers.delegation(2))


# policies


def test_policies_for_one_audience_have_rising_serials(world, refuse):
    office = world.office
    first = office.policy_note(3, '["group:all", "device:laptop-7"]')
    world.apply(first)
    refuse(first, PolicyError, "not newer than 3, which is logged for")
    refuse(office.policy_note(2), PolicyError)
    refuse(office.policy_note(3, '["device:laptop-7"]'), PolicyError)
    world.apply(office.policy_note(1, '["group:others"]'))
    world.apply(office.policy_note(4))


def test_a_policy_needs_its_signatures(world, refuse, parts):
    office = world.office
    refuse(office.policy_note(1, signers=office.policy[:1]), MissingSignatureError)
    refuse(office.policy_note(1, signers=[office.policy[0]] * 2), UnknownKeyError)
    refuse(office.policy_note(1, signers=parts.Office("strangers").policy), UnknownKeyError)


def test_a_device_gets_the_highest_serial_that_is_for_it(world, device):
    assert world.custody.policy_for("laptop-1") is None
    assert world.custody.policy_for("laptop-9") is None
    office = world.office
    world.apply(office.policy_note(5, '["group:others"]'))
    world.apply(office.policy_note(3, '["device:laptop-1"]'))
    assert world.custody.policy_for("laptop-1").policy.serial == 3
    world.apply(office.policy_note(4, '["group:all"]'))
    assert world.custody.policy_for(device.name).policy.serial == 4


# keyrings, findings, marks


def test_keyrings_are_replaced_one_generation_after_another(world, device, refuse):
    change = world.office.keyring_change
    refuse(change("laptop-9", 1), NotAdmittedError)
    refuse(change("laptop-1", 2), GapError, "expected keyring generation 1, found generation 2")
    world.apply(change("laptop-1", 1, old=b"a", new=b"b"))
    refuse(change("laptop-1", 1, old=b"a", new=b"b"), GapError)
    refuse(change("laptop-1", 3, old=b"b", new=b"c"), GapError)
    refuse(change("laptop-1", 2, old=b"a", new=b"c"), ForkError, "replaces another keyring")
    world.apply(change("laptop-1", 2, old=b"b", new=b"c"))
    world.apply(change("laptop-1", 1, batch=1))
    assert device.name == "laptop-1"


def test_two_distinct_approvers_replace_a_keyring(world, device, refuse):
    one, other = world.office.approval
    for signers in ([one], [one, one], [other, one], [one, world.office.enrolment]):
        with pytest.raises(SignatureError):
            world.custody.apply(world.office.keyring_change(device.name, 1, signers=signers))
    refuse(world.office.keyring_change(device.name, 1, signers=[one]), MissingSignatureError)


def test_only_the_held_key_states_findings(world, refuse):
    world.apply(world.office.finding("laptop-1"))
    for key in (world.office.enrolment, *world.office.approval, *world.office.policy):
        refuse(world.office.finding("laptop-1", signer=key), UnknownKeyError)


@pytest.mark.parametrize(("kind", "states"), [(HOLD, ("on", "off")), (TERM, ("opened", "closed"))])
def test_a_mark_does_not_come_back(world, refuse, kind, states):
    office = world.office
    start = office.describe().issued
    marks = [office.mark(kind, states[n % 2], at=start + timedelta(hours=n)) for n in range(3)]
    for data in marks:
        world.apply(data)
        refuse(data, ReplayError, "not newer")
    for data in marks[:2]:
        refuse(data, ReplayError)
    world.apply(office.mark(kind, states[1], name="another"))
    refuse(
        office.mark(kind, states[0], at=start + timedelta(9), signer=office.held), UnknownKeyError
    )
