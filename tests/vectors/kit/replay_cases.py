# SPDX-License-Identifier: EUPL-1.2
# ruff: noqa: E501 - a table reads best with one case a line
"""Cases of whole logs, and of the proof of one item."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from kit import rotation
from kit.case import OK, Case
from kit.world import (
    ADMISSION,
    ADMISSION_NOTE,
    APPROVAL_1,
    APPROVAL_2,
    DELEGATION,
    DELEGATION_NOTE,
    DEVICE,
    ENROLMENT,
    ENROLMENT_NOTE,
    HELD,
    NOW,
    ORIGIN,
    POLICY_1,
    POLICY_2,
    POLICY_NOTE,
    STRANGER,
    TOKEN,
    TOML,
    TRAIL,
    device_key,
    enrolment,
    header,
    key,
    log,
    policy,
    second,
    vkey,
)
from lakzegel_core import note
from lakzegel_core.admission import sign_admission
from lakzegel_core.batch import State, batch_id, sign_header
from lakzegel_core.checkpoint import Checkpoint
from lakzegel_core.delegation import sign_delegation
from lakzegel_core.enrolment import Reason, sign_enrolment
from lakzegel_core.hold import Mark, sign_mark
from lakzegel_core.keyringchange import KeyringChange, sign_keyring_change
from lakzegel_core.keys import SigningKey
from lakzegel_core.policy import sign_policy
from lakzegel_core.revocation import Revocation, sign_revocation
from lakzegel_core.succession import Succession, sign_succession
from lakzegel_core.tiles import encode_entries
from lakzegel_core.trail import Trail, sign_trail
from lakzegel_core.withdrawal import Withdrawal, sign_withdrawal

F, E = "FormatError", "EpochError"
HEADER = device_key("header")
APPROVERS = [APPROVAL_1, APPROVAL_2]
POLICIES = [POLICY_1, POLICY_2]


def custody_cases() -> list[Case]:
    """Each sequence replays up to its last entry; that one gives what is expected."""
    sequences = [*_chains(), *_devices(), *_rotations(), *_office()]
    return [
        Case(
            name,
            expect,
            comment,
            encode_entries(entries),
            (
                ("origin", ORIGIN),
                ("entries", str(len(entries))),
                *vkey(*POLICIES),
                ("threshold", "2"),
            ),
        )
        for name, expect, comment, entries in sequences
    ]


Sequences = list[tuple[str, str, str, Sequence[bytes]]]


def _signed(*before: bytes, **changes: object) -> bytes:
    return sign_header(header(*before, **changes), HEADER)


def _chains() -> Sequences:
    four, six = log()[:4], log()
    head = batch_id(six[5])
    final = sign_header(second(*six[:5], state=State.FINAL), HEADER)
    third = {"batch": 2, "closed": NOW + timedelta(hours=1)}
    after_final = _signed(*six[:5], final, previous=batch_id(final), **third)
    revoked = sign_revocation(Revocation(ORIGIN, DEVICE, 0, 1, "stolen", NOW), ENROLMENT)
    none = sign_revocation(Revocation(ORIGIN, DEVICE, 0, None, "stolen", NOW), ENROLMENT)
    next_ = _signed(*six, previous=head, **third)
    other = sign_header(second(*six[:5], items=1), HEADER)
    return [
        ("six-entries", OK, "delegation, admission, enrolment, policy, two batches", six),
        ("third-batch", OK, "the next of the chain", (*six, next_)),
        ("replay", "ReplayError", "this very batch again", (*six, six[5])),
        ("fork", "ForkError", "another batch of the same number", (*six, other)),
        ("gap", "GapError", "batch 3 after batch 1", (*six, _signed(*six, previous=head, **{**third, "batch": 3}))),
        ("previous-of-another", "GapError", "the right number after another batch", (*six, _signed(*six, previous=bytes(32), **third))),
        ("first-after-nothing", "GapError", "batch 0 follows the enrolment", (*four, _signed(*four, previous=bytes(32)))),
        ("first-is-1", "GapError", "numbers begin at 0", (*four, _signed(*four, batch=1))),
        ("after-final", "ChainError", "the custody has ended", (*six[:5], final, after_final)),
        ("revoked", "RevokedError", "the device is trusted no more", (*six, revoked, next_)),
        ("revoked-further", "ReplayError", "trust is only taken away", (*six, revoked, revoked)),
        ("revoked-earlier", OK, "less is trusted than before", (*six, revoked, none)),
        ("revoked-beyond-log", "ChainError", "the log has no batch 9", (*six, sign_revocation(Revocation(ORIGIN, DEVICE, 0, 9, "stolen", NOW), ENROLMENT))),
        ("revoked-unknown", "NotAdmittedError", "no such device", (*six, sign_revocation(Revocation(ORIGIN, "test-phone", 0, 0, "stolen", NOW), ENROLMENT))),
        ("not-enrolled", "NotAdmittedError", "a header without enrolment", (*log()[:2], log()[4])),
        ("future-epoch", E, "epoch 1 was not opened", (*six, sign_header(header(*six, epoch=1), device_key("header", 1)))),
        ("stranger-signs", "UnknownKeyError", "keys come from the log alone", (*six, _by_stranger(next_))),
    ]  # fmt: skip


def _by_stranger(signed: bytes) -> bytes:
    return note.sign(note.parse(signed).text, [STRANGER])


def _opened(reason: Reason, *, token: SigningKey = TOKEN, **changes: object) -> bytes:
    six = log()
    fields = {"epoch": 1, "previous": batch_id(six[5]), "reason": reason}
    found = enrolment(*six, **{**fields, **changes})
    other = HEADER if reason is Reason.RESTORED else token
    return sign_enrolment(found, device_key("header", found.epoch), other)


def _devices() -> Sequences:
    six = log()
    known = {"known": batch_id(six[4])}
    restored = _opened(Reason.RESTORED, **known)
    late = enrolment(DELEGATION_NOTE, ADMISSION_NOTE, enrolled=NOW + timedelta(days=68))
    closed = sign_header(header(*six, batch=2, previous=batch_id(six[5])), HEADER)
    one = sign_admission(replace(ADMISSION, count=1), ENROLMENT)
    one_id = hashlib.sha256(one).digest()
    named = sign_admission(replace(ADMISSION, group=None, device="test-phone"), ENROLMENT)
    revoked = sign_revocation(Revocation(ORIGIN, DEVICE, 0, 1, "stolen", NOW), ENROLMENT)
    token = key(f"{ORIGIN}/token/2")
    next_term = replace(ADMISSION, token=token.verifier, custody="2030-2034")
    term = sign_admission(next_term, ENROLMENT)
    taken = (hashlib.sha256(ADMISSION_NOTE).digest(),)
    withdrawn = sign_withdrawal(Withdrawal(ORIGIN, taken, "stolen", NOW), ENROLMENT)
    again = sign_withdrawal(Withdrawal(ORIGIN, taken, "lost", NOW), ENROLMENT)
    both = sign_admission(replace(ADMISSION, device=DEVICE), ENROLMENT)
    of_term = _opened(Reason.UNREADABLE, token=token, admission=hashlib.sha256(term).digest())
    return [
        ("restored", OK, "a new epoch by the old header key", (*six, restored)),
        ("unreadable", OK, "a new epoch by the token", (*six, _opened(Reason.UNREADABLE))),
        ("old-epoch", E, "closed for ever by the new one", (*six, restored, closed)),
        ("epoch-skipped", E, "epoch 1 would be next", (*six, _opened(Reason.RESTORED, **{**known, "epoch": 2}))),
        ("epoch-after-another", E, "previous is the newest batch in the log", (*six, _opened(Reason.RESTORED, previous=batch_id(six[4]), known=bytes(32)))),
        ("restored-never-enrolled", E, "nothing to restore", (*six[:2], _opened(Reason.RESTORED, **known))),
        ("unreadable-never-enrolled", E, "epoch 1 without epoch 0", (*six[:2], _opened(Reason.UNREADABLE))),
        ("enrolled-twice", E, "epoch 0 was opened", (*six, _enrolled(enrolled=NOW + timedelta(hours=1)))),
        ("restored-revoked", "RevokedError", "revoked for ever", (*six, revoked, restored)),
        ("unreadable-revoked", "RevokedError", "the token does not help", (*six, revoked, _opened(Reason.UNREADABLE))),
        ("no-admission", "NotAdmittedError", "an id that is not in the log", (DELEGATION_NOTE, ENROLMENT_NOTE)),
        ("another-group", "NotAdmittedError", "admitted for a group", (*six[:2], _enrolled(group="other-group"))),
        ("another-device", "NotAdmittedError", "admitted by name", (DELEGATION_NOTE, named, _enrolled(group=None, admission=hashlib.sha256(named).digest()))),
        ("another-custody", "NotAdmittedError", "a device serves one custody", (*six, term, of_term)),
        ("expired", "ExpiredError", "enrolled at the expiry", (*six[:2], sign_enrolment(late, HEADER, TOKEN))),
        ("exhausted", "ExhaustedError", "the count is used up", (DELEGATION_NOTE, one, _enrolled(admission=one_id), _enrolled(admission=one_id, device="test-phone"))),
        ("withdrawn", "WithdrawnError", "the token lets nobody in any more", (*six[:2], withdrawn, ENROLMENT_NOTE)),
        ("withdrawn-after", OK, "who was let in goes on", (*six[:4], withdrawn, *six[4:])),
        ("withdrawn-restored", OK, "the old header key signs", (*six, withdrawn, restored)),
        ("withdrawn-unreadable", "WithdrawnError", "the token signs", (*six, withdrawn, _opened(Reason.UNREADABLE))),
        ("withdrawn-twice", "ReplayError", "it was taken back already", (*six, withdrawn, again)),
        ("withdrawn-unknown", "NotAdmittedError", "no such admission", (DELEGATION_NOTE, withdrawn)),
        ("withdrawn-by-stranger", "UnknownKeyError", "an enrolment key signs", (*six, _by_stranger(withdrawn))),
        ("admitted-by-name-in-a-group", OK, "that device, in its group", (DELEGATION_NOTE, both, _enrolled(admission=hashlib.sha256(both).digest()))),
        ("another-device-of-the-group", "NotAdmittedError", "admitted by name, in a group", (DELEGATION_NOTE, both, _enrolled(admission=hashlib.sha256(both).digest(), device="test-phone"))),
        ("token-of-another", "UnknownKeyError", "the admission's token signs", (*six[:2], sign_enrolment(enrolment(*six[:2]), HEADER, STRANGER))),
    ]  # fmt: skip


def _rotations() -> Sequences:
    six = log()
    head = batch_id(six[5])
    new = device_key("header", 1)
    rotated = rotation.rotated(*six, head=head)
    one = header(*six, rotated, epoch=1, previous=hashlib.sha256(rotated).digest())
    first = sign_header(one, new)
    old_key = _signed(*six, batch=2, previous=head)
    in_new = note.sign(one.to_text(), [HEADER])
    late = NOW + timedelta(hours=1)
    final = sign_header(second(*six[:5], state=State.FINAL), HEADER)
    revoked = sign_revocation(Revocation(ORIGIN, DEVICE, 0, 1, "stolen", NOW), ENROLMENT)
    twice = rotation.rotated(*six, rotated, head=head, by=new, epoch=2)
    at_once = rotation.rotated(*six[:4], head=None)
    return [
        ("rotated", OK, "the old header key vouches for the new keys", (*six, rotated)),
        ("rotated-first-batch", OK, "the new key signs batch 0 of its epoch", (*six, rotated, first)),
        ("rotated-before-any-batch", OK, "keys may be replaced at once", (*six[:4], at_once)),
        ("rotated-twice", OK, "the new key vouches for the newer one", (*six, rotated, twice)),
        ("rotated-by-token", "UnknownKeyError", "the old header key signs", (*six, rotation.rotated(*six, head=head, by=TOKEN))),
        ("rotated-by-stranger", "UnknownKeyError", "the old header key signs", (*six, rotation.rotated(*six, head=head, by=STRANGER))),
        ("rotated-replay", E, "this very note again", (*six, rotated, rotated)),
        ("rotated-replay-later", E, "this very note again", (*six, rotated, first, rotated)),
        ("rotated-fork", E, "other keys for the same epoch", (*six, rotated, rotation.rotated(*six, rotated, head=head, enrolled=late))),
        ("rotated-after-older-batch", E, "previous is the newest batch in the log", (*six, rotation.rotated(*six, head=batch_id(six[4])))),
        ("rotated-epoch-skipped", E, "epoch 1 would be next", (*six, rotation.rotated(*six, head=head, epoch=2))),
        ("rotated-old-key", E, "signs nothing from then on", (*six, rotated, old_key)),
        ("rotated-old-key-in-new-epoch", "UnknownKeyError", "signs for its own epoch", (*six, rotated, in_new)),
        ("rotated-unknown", E, "the new key counts once the log holds it", (*six, first)),
        ("rotated-after-final", "ChainError", "the custody has ended", (*six[:5], final, rotation.rotated(*six[:5], final, head=batch_id(final)))),
        ("rotated-revoked", "RevokedError", "revoked for ever", (*six, revoked, rotated)),
        ("rotated-never-enrolled", E, "there are no keys to replace", (*six[:2], rotation.rotated(*six[:2], head=None))),
    ]  # fmt: skip


def _enrolled(**changes: object) -> bytes:
    device = str(changes.get("device", DEVICE))
    return sign_enrolment(enrolment(*log()[:2], **changes), device_key("header", 0, device), TOKEN)


def _change() -> KeyringChange:
    old = header(*log()[:4]).keyring
    where = {"origin": ORIGIN, "device": DEVICE, "epoch": 0, "batch": 0}
    return KeyringChange(
        **where,
        old=old,
        new=bytes([1] * 32),
        generation=1,
        reason="dispose",
        recipients=bytes(32),
        destroyed=(1,),
        certificate=None,
        at=NOW,
    )


def _trails() -> dict[str, Any]:
    """Stretches of a trail: two that follow each other, and what must not be taken."""
    since = NOW - timedelta(hours=12)
    first = Trail(ORIGIN, 0, None, 3, bytes(32), since, NOW, TRAIL.verifier)
    begun = sign_trail(first, TRAIL)
    head = hashlib.sha256(begun).digest()
    second = replace(first, number=1, previous=head, since=NOW)
    later = SigningKey.from_seed(TRAIL.verifier.name, TRAIL.verifier.algorithm, bytes(range(32)))
    introduced = sign_trail(replace(second, key=later.verifier), TRAIL)
    third = replace(second, number=2, previous=hashlib.sha256(introduced).digest())
    after = replace(third, key=later.verifier)
    held = SigningKey.from_seed(TRAIL.verifier.name, HELD.verifier.algorithm, HELD.seed)
    return {
        "own": (begun, sign_trail(second, TRAIL)),
        "forked": sign_trail(replace(first, count=4), TRAIL),
        "stranger": note.sign(first.to_text(), [STRANGER]),
        "next": (begun, introduced, sign_trail(after, later)),
        "old": sign_trail(after, TRAIL),
        "held": sign_trail(replace(first, key=held.verifier), held),
    }


def _office() -> Sequences:
    six = log()
    newer = sign_delegation(replace(DELEGATION, serial=2), POLICIES)
    again = sign_policy(ORIGIN, policy(TOML.replace("2027-06-30", "2027-07-30")), POLICIES)
    next_policy = sign_policy(ORIGIN, policy(TOML.replace("serial = 7", "serial = 8")), POLICIES)
    enrolment_key, held_key = (one.verifier.to_text() for one in (ENROLMENT, HELD))
    text = DELEGATION.to_text().replace(enrolment_key.encode(), held_key.encode())
    two_roles = note.sign(text, POLICIES)
    token_role = replace(DELEGATION, serial=2, enrolment=(TOKEN.verifier,))
    other_log = sign_delegation(replace(DELEGATION, origin="log.example/other"), POLICIES)
    first = _change()
    changed = sign_keyring_change(first, APPROVERS)
    alone = sign_keyring_change(first, APPROVERS[:1])
    forked = sign_keyring_change(replace(first, generation=2, old=bytes(32)), APPROVERS)
    mark = Mark("hold", ORIGIN, "woo-2027-014", "on", None, NOW)
    hold = sign_mark(mark, APPROVAL_1)
    off = sign_mark(replace(mark, state="off", at=NOW + timedelta(days=1)), APPROVAL_1)
    former = Checkpoint("log.example/former", 6, bytes(32))
    goes_on = Succession(ORIGIN, former, "key-lost", NOW)
    continues = sign_succession(goes_on, POLICIES)
    trails = _trails()
    strangers = sign_delegation(
        replace(DELEGATION, policy=(STRANGER.verifier,), threshold=1), [STRANGER]
    )
    return [
        ("delegation-first", OK, "the pinned policy keys sign it", six[:1]),
        ("delegation-newer", OK, "a higher serial", (*six, newer)),
        ("keyring-change", OK, "generation 1 of the first batch", (*six, changed)),
        ("keyring-change-again", "GapError", "generation 2 would be next", (*six, changed, changed)),
        ("keyring-change-of-another", "ForkError", "replaces a keyring not in force", (*six, changed, forked)),
        ("keyring-change-alone", "MissingSignatureError", "two distinct approvers", (*six, alone)),
        ("policy-newer", OK, "a higher serial", (*six, next_policy)),
        ("delegation-again", "PolicyError", "not a higher serial", (*six, DELEGATION_NOTE)),
        ("delegation-by-strangers", "MissingSignatureError", "its own keys do not count", (strangers,)),
        ("key-in-two-roles", "RoleError", "one key, one role", (two_roles,)),
        ("token-becomes-enrolment", "RoleError", "one key, one role, for ever", (*six, sign_delegation(token_role, POLICIES))),
        ("another-log", F, "an entry is for one log", (other_log,)),
        ("admission-before-delegation", "NotAdmittedError", "nobody may admit yet", (ADMISSION_NOTE,)),
        ("admission-by-stranger", "UnknownKeyError", "an enrolment key signs", (DELEGATION_NOTE, sign_admission(ADMISSION, STRANGER))),
        ("admission-again", "ReplayError", "its count would begin anew", (*six, ADMISSION_NOTE)),
        ("hold-again", "ReplayError", "not newer than the one in the log", (*six, hold, off, hold)),
        ("hold-ends", OK, "a newer state of the same hold", (*six, hold, off)),
        ("policy-before-delegation", "NotAdmittedError", "no policy keys yet", (POLICY_NOTE,)),
        ("policy-again", "PolicyError", "not a higher serial for this audience", (*six, again)),
        ("succession", OK, "right after the first delegation", (DELEGATION_NOTE, continues)),
        ("succession-later", "ChainError", "other entries came before", (*six, continues)),
        ("succession-twice", "ChainError", "one log is continued", (DELEGATION_NOTE, continues, continues)),
        ("succession-first", "NotAdmittedError", "no policy keys yet", (continues,)),
        ("succession-by-one", "MissingSignatureError", "the threshold is two", (DELEGATION_NOTE, sign_succession(goes_on, POLICIES[:1]))),
        ("trail", OK, "two stretches of the receiver's trail", (*six, *trails["own"])),
        ("trail-before-delegation", "NotAdmittedError", "there is no log yet to speak of", (trails["own"][0],)),
        ("trail-again", "ReplayError", "this very one", (*six, trails["own"][0], trails["own"][0])),
        ("trail-forked", "ForkError", "another one of the same number", (*six, trails["own"][0], trails["forked"])),
        ("trail-gap", "GapError", "it begins with number 0", (*six, trails["own"][1])),
        ("trail-after-another", "ForkError", "the right number after another one", (*six, trails["forked"], trails["own"][1])),
        ("trail-by-stranger", "UnknownKeyError", "the first names its own key, not another's", (*six, trails["stranger"])),
        ("trail-next-key", OK, "the old key introduces the new one", (*six, *trails["next"])),
        ("trail-old-key", "UnknownKeyError", "the new one signs from then on", (*six, *trails["next"][:2], trails["old"])),
        ("trail-key-of-another-role", "RoleError", "one key, one role", (*six, trails["held"])),
        ("kind-unknown", F, "a log holds no held statement", (DELEGATION_NOTE, b"lakzegel.nl/held/v1\n")),
        ("not-ours", F, "not a kind of ours", (DELEGATION_NOTE, b"hello\n")),
    ]  # fmt: skip
