# SPDX-License-Identifier: EUPL-1.2
# ruff: noqa: E501 - a table reads best with one case a line
"""Cases of the notes that a log holds, and of held statements, queries and heartbeats."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import timedelta

from kit.case import OK, Case, Edit, Inputs, common, edited
from kit.world import (
    ADMISSION,
    ADMISSION_NOTE,
    APPROVAL_1,
    APPROVAL_2,
    COSIGNER,
    DELEGATION,
    DELEGATION_NOTE,
    DEVICE,
    ENROLMENT,
    GROUP,
    HELD,
    NOW,
    OFFICE,
    ORIGIN,
    POLICY_1,
    POLICY_2,
    STRANGER,
    TOKEN,
    TRAIL,
    WITNESS,
    device_key,
    enrolment,
    key,
    reader,
    vkey,
)
from lakzegel_core import note
from lakzegel_core.checkpoint import Checkpoint
from lakzegel_core.encoding import b64
from lakzegel_core.enrolment import Reason
from lakzegel_core.finding import Finding
from lakzegel_core.heartbeat import Heartbeat
from lakzegel_core.heartbeatrows import (
    Figures,
    GuardCount,
    LastReceipt,
    ProblemCount,
    ReadoutDue,
    SourceCount,
    SpoolUse,
)
from lakzegel_core.held import Held
from lakzegel_core.hold import Mark
from lakzegel_core.keyringchange import KeyringChange
from lakzegel_core.keys import Algorithm, SigningKey
from lakzegel_core.query import Query
from lakzegel_core.revocation import Revocation
from lakzegel_core.succession import Succession
from lakzegel_core.trail import Trail
from lakzegel_core.withdrawal import Withdrawal

F, L, E = "FormatError", "LimitError", "EpochError"
ZERO = b64(bytes(32))
AT = (
    "time-with-offset",
    "at 2026-11-24T02:07:45Z",
    "at 2026-11-24T03:07:45+01:00",
    F,
    "times are in UTC",
)
SHORT = b64(bytes(31))


def family(
    text: bytes,
    keys: Sequence[SigningKey],
    inputs: Inputs,
    edits: Sequence[Edit],
    why: str,
) -> list[Case]:
    """The good note, what every note must refuse, and what this one must."""
    return [
        Case("plain", OK, why, note.sign(text, keys), inputs),
        *common(text, keys, STRANGER, inputs),
        *edited(text, keys, inputs, edits),
    ]


def delegation_cases() -> list[Case]:
    inputs = (*vkey(POLICY_1, POLICY_2), ("threshold", "2"))
    text = DELEGATION.to_text()
    approval = f"approval {APPROVAL_1.verifier.to_text()}\n"
    enrolment_line = f"enrolment {ENROLMENT.verifier.to_text()}\n"
    witness = WITNESS.verifier.to_text()
    plain_witness = key(WITNESS.verifier.name).verifier.to_text()
    many = "".join(f"enrolment {key(f'e{n}.example/test').verifier.to_text()}\n" for n in range(9))
    edits: list[Edit] = [
        ("approval-none", approval + f"approval {APPROVAL_2.verifier.to_text()}\n", "", OK, "nobody can destroy"),
        ("threshold-0", "threshold 2", "threshold 0", L, "at least one must sign"),
        ("threshold-3", "threshold 2", "threshold 3", L, "more than there are keys"),
        ("enrolment-none", enrolment_line, "", L, "somebody must admit"),
        ("enrolment-9", enrolment_line, many, L, "8 at most"),
        ("witness-plain", witness, plain_witness, F, "a witness cosigns: type 0x04"),
        ("held-cosigner", f"held {HELD.verifier.to_text()}", f"held {key('records.example/test-held', COSIGNER).verifier.to_text()}", F, "the held key signs notes: type 0x01"),
        ("approver-twice", approval, approval + approval, "RoleError", "one approver could be two"),
        ("enrolment-is-held", f"enrolment {ENROLMENT.verifier.to_text()}", f"enrolment {HELD.verifier.to_text()}", "RoleError", "one key, one role"),
        ("approval-before-enrolment", enrolment_line + approval, approval + enrolment_line, F, "lines have one order"),
        ("serial-leading-zero", "serial 1", "serial 01", F, "one spelling"),
        ("serial-too-large", "serial 1", "serial 9007199254740992", L, "2^53"),
        ("key-id-of-another", "enrolment records.example/test-enrolment+", "enrolment records.example/tost-enrolment+", F, "the id covers the name"),
        ("time-with-offset", "issued 2026-11-24T02:07:45Z", "issued 2026-11-24T03:07:45+01:00", F, "times are in UTC"),
    ]  # fmt: skip
    return family(text, [POLICY_1, POLICY_2], inputs, edits, "signed by both policy keys")


def admission_cases() -> list[Case]:
    group = f"group {GROUP}\n"
    token = TOKEN.verifier.to_text()
    edits: list[Edit] = [
        ("one-device", group, f"device {DEVICE}\n", OK, "for one device"),
        ("device-and-group", group, f"device {DEVICE}\n{group}", OK, "that device, in its group"),
        ("group-and-device", group, f"{group}device {DEVICE}\n", F, "lines have one order"),
        ("nobody", group, "", F, "one of both at least"),
        ("group-capital", GROUP, "Test-group", F, "a-z, 0-9 and inner hyphens"),
        ("group-hyphen-last", GROUP, "test-group-", F, "hyphens inside only"),
        ("group-too-long", GROUP, "g" * 64, F, "63 at most"),
        ("count-0", "count 2", "count 0", F, "at least one"),
        ("count-with-sign", "count 2", "count +2", F, "int() would take this"),
        ("count-underscore", "count 2", "count 1_0", F, "int() would take this"),
        ("count-arabic", "count 2", "count ٢", F, "int() would take this"),
        ("token-cosigner", token, WITNESS.verifier.to_text(), F, "a token signs notes: type 0x01"),
        ("expires-without-time", "expires 2027-01-31T02:07:45Z", "expires 2027-01-31", F, "a moment"),
        ("expires-fraction", "02:07:45Z", "02:07:45.5Z", F, "whole seconds"),
        ("expires-leap", "02:07:45Z", "02:07:60Z", F, "no leap second"),
        ("expires-30-february", "2027-01-31", "2027-02-30", F, "no such day"),
        ("expires-week-date", "2027-01-31T02:07:45Z", "2027-W04-7T02:07:45Z", F, "ISO 8601 has more spellings"),
        ("custody-missing", "custody 2026-2030\n", "", F, "the term of office"),
    ]  # fmt: skip
    return family(
        ADMISSION.to_text(), [ENROLMENT], vkey(ENROLMENT), edits, "two devices of a group"
    )


def enrolment_cases() -> list[Case]:
    before = (DELEGATION_NOTE, ADMISSION_NOTE)
    text = enrolment(*before).to_text()
    inputs = (("other", TOKEN.verifier.to_text()),)
    header, witness = device_key("header"), device_key("witness")
    edits: list[Edit] = [
        ("no-group", f"group {GROUP}", "group -", OK, "admitted by its own name"),
        ("reason-restored", "reason first", "reason restored", E, "a first epoch is first"),
        ("reason-rotated", "reason first", "reason rotated", E, "a first epoch is first"),
        ("reason-unknown", "reason first", "reason lost", F, "first, restored, unreadable or rotated"),
        ("previous-in-epoch-0", "previous -", f"previous {ZERO}", E, "a first epoch follows no batch"),
        ("known-in-epoch-0", "known -", f"known {ZERO}", E, "a first epoch follows no batch"),
        ("header-of-another-device", f"header {header.verifier.to_text()}", f"header {device_key('header', 0, 'other').verifier.to_text()}", F, "its name says whose it is"),
        ("header-of-epoch-1", f"header {header.verifier.to_text()}", f"header {device_key('header', 1).verifier.to_text()}", F, "its name says which epoch"),
        ("witness-plain", witness.verifier.to_text(), key(witness.verifier.name).verifier.to_text(), F, "a witness cosigns: type 0x04"),
        ("annex-cut", "\nadmission", "q\nadmission", F, "a recipient with its checksum"),
        ("admission-short", f"admission {b64(hashlib.sha256(ADMISSION_NOTE).digest())}", f"admission {SHORT}", F, "32 bytes"),
        ("seen-without-size", "seen 2 ", "seen ", F, "size and root"),
        ("device-with-dot", f"device {DEVICE}", "device test.laptop", F, "a-z, 0-9 and inner hyphens"),
        ("epoch-leading-zero", "epoch 0", "epoch 00", F, "one spelling"),
        ("time-with-offset", "enrolled 2026-11-24T02:07:45Z", "enrolled 2026-11-24T03:07:45+01:00", F, "times are in UTC"),
    ]  # fmt: skip
    return [
        *family(text, [header, TOKEN], inputs, edits, "a first epoch, signed by its key and the token"),
        *_later_epochs(before),
        Case("order-reversed", "UnknownKeyError", "the header key first", note.sign(text, [TOKEN, header]), inputs),
    ]  # fmt: skip


def _later_epochs(before: tuple[bytes, ...]) -> list[Case]:
    old, new = device_key("header"), device_key("header", 1)
    head = hashlib.sha256(b"the newest batch in the log").digest()
    known = hashlib.sha256(b"the newest batch that the device knows").digest()
    by_old = (("other", old.verifier.to_text()),)
    by_token = (("other", TOKEN.verifier.to_text()),)
    restored = enrolment(*before, epoch=1, reason=Reason.RESTORED, previous=head, known=known)
    unreadable = enrolment(*before, epoch=1, reason=Reason.UNREADABLE, previous=head)
    text, lost = restored.to_text(), unreadable.to_text()
    good = (f"previous {b64(head)}", f"known {b64(known)}")
    edits: list[Edit] = [
        ("restored-nothing-new", good[1], f"known {b64(head)}", E, "the log holds nothing that it does not know"),
        ("restored-no-previous", good[0], "previous -", E, "the log holds nothing of it"),
        ("first-in-epoch-1", "reason restored", "reason first", E, "only epoch 0 is first"),
    ]  # fmt: skip
    lost_edits = [
        ("unreadable-knows", "known -", f"known {b64(known)}", E, "unreadable state knows nothing")
    ]
    rotated = enrolment(*before, epoch=1, reason=Reason.ROTATED, previous=head, known=head)
    same, by = rotated.to_text(), [new, old]
    rotated_edits: list[Edit] = [
        ("rotated-before-any-batch", f"previous {b64(head)}\nknown {b64(head)}", "previous -\nknown -", OK, "the log holds no batch, and it knows none"),
        ("rotated-knows-less", f"known {b64(head)}", f"known {b64(known)}", E, "it knows the newest batch in the log"),
        ("rotated-knows-nothing", f"known {b64(head)}", "known -", E, "it knows the newest batch in the log"),
        ("rotated-knows-more", f"previous {b64(head)}", "previous -", E, "it knows no batch that the log does not hold"),
    ]  # fmt: skip
    return [
        Case("rotated", OK, "signed by new and old header key", note.sign(same, by), by_old),
        Case("rotated-by-token", "UnknownKeyError", "the old header key signs", note.sign(same, [new, TOKEN]), by_old),
        Case("rotated-by-new-key-alone", "MissingSignatureError", "the old header key signs", note.sign(same, [new]), by_old),
        Case("rotated-order-reversed", "UnknownKeyError", "the new header key first", note.sign(same, [old, new]), by_old),
        *edited(same, by, by_old, rotated_edits),
        Case("restored", OK, "signed by new and old header key", note.sign(text, [new, old]), by_old),
        Case("unreadable", OK, "signed by new key and token", note.sign(lost, [new, TOKEN]), by_token),
        *edited(text, [new, old], by_old, edits),
        *edited(lost, [new, TOKEN], by_token, lost_edits),
    ]  # fmt: skip


def revocation_cases() -> list[Case]:
    text = Revocation(ORIGIN, DEVICE, 0, 311, "stolen", NOW).to_text()
    edits: list[Edit] = [
        ("none-trusted", "batch 311", "batch -", OK, "no batch of the epoch is trusted"),
        ("batch-negative", "batch 311", "batch -1", F, "a number or a hyphen"),
        ("batch-missing", "batch 311\n", "", F, "the last trusted batch"),
        ("reason-sentence", "reason stolen", "reason it was stolen", F, "a slug: no entry names a person"),
        ("lines-swapped", "epoch 0\nbatch 311", "batch 311\nepoch 0", F, "lines have one order"),
        AT,
    ]  # fmt: skip
    return family(text, [ENROLMENT], vkey(ENROLMENT), edits, "trusted up to batch 311")


def withdrawal_cases() -> list[Case]:
    ids = (bytes(32), hashlib.sha256(ADMISSION_NOTE).digest())
    text = Withdrawal(ORIGIN, ids, "stolen", NOW).to_text()
    first, second = (f"admission {b64(one)}\n" for one in ids)
    edits: list[Edit] = [
        ("one", first, "", OK, "of one admission"),
        ("none", first + second, "", F, "of one at least"),
        ("twice", second, first, F, "each once"),
        ("swapped", first + second, second + first, F, "in the order of their bytes"),
        ("admission-short", first, f"admission {SHORT}\n", F, "32 bytes"),
        ("admission-none", first, "admission -\n", F, "an id"),
        ("too-many", first + second, "".join(f"admission {b64(n.to_bytes(32))}\n" for n in range(1001)), L, "at most 1,000"),
        ("reason-sentence", "reason stolen", "reason it was stolen", F, "a slug: no entry names a person"),
        ("reason-missing", "reason stolen\n", "", F, "why"),
        AT,
    ]  # fmt: skip
    return family(text, [ENROLMENT], vkey(ENROLMENT), edits, "two admissions are taken back")


def succession_cases() -> list[Case]:
    former = Checkpoint("log.example/former", 6, reader(6).root())
    text = Succession(ORIGIN, former, "key-lost", NOW).to_text()
    policies = (POLICY_1, POLICY_2)
    inputs = (*vkey(*policies), ("threshold", "2"))
    edits: list[Edit] = [
        ("empty-log", "size 6", "size 0", OK, "nothing was sealed there"),
        ("size-negative", "size 6", "size -6", F, "no sign"),
        ("size-too-large", "size 6", "size 9007199254740992", L, "2^53"),
        ("of-itself", "from log.example/former", f"from {ORIGIN}", F, "another log"),
        ("from-with-space", "from log.example/former", "from log.example former", F, "a key's name has no space"),
        ("from-missing", "from log.example/former\n", "", F, "which log ended"),
        ("root-short", f"root {b64(reader(6).root())}", f"root {SHORT}", F, "32 bytes"),
        ("reason-sentence", "reason key-lost", "reason the key was lost", F, "a slug"),
        AT,
    ]  # fmt: skip
    alone = note.sign(text, [POLICY_1])
    return [
        *family(text, policies, inputs, edits, "goes on where another log had six entries"),
        Case("one-policy-key", "MissingSignatureError", "the threshold is two", alone, inputs),
    ]


def trail_cases() -> list[Case]:
    later = key(f"{ORIGIN}/trail/later").verifier.to_text()
    named = TRAIL.verifier.to_text()
    since = NOW - timedelta(hours=12)
    found = Trail(ORIGIN, 12, bytes(32), 412, bytes(32), since, NOW, TRAIL.verifier)
    another = SigningKey.from_seed(TRAIL.verifier.name, Algorithm.ED25519, bytes(32))
    cosigner = key(TRAIL.verifier.name, Algorithm.ED25519_COSIGNATURE).verifier.to_text()
    edits: list[Edit] = [
        ("first", f"number 12\nprevious {ZERO}", "number 0\nprevious -", OK, "the trail begins"),
        ("first-after-another", "number 12", "number 0", F, "nothing is before number 0"),
        ("later-after-nothing", f"previous {ZERO}", "previous -", F, "something is before number 12"),
        ("another-key-next", f"key {named}", f"key {another.verifier.to_text()}", OK, "who signs the next one"),
        ("key-of-another-name", f"key {named}", f"key {later}", F, "the name says what it is for"),
        ("key-of-a-cosigner", f"key {named}", f"key {cosigner}", F, "it signs no note"),
        ("key-missing", f"key {named}\n", "", F, "who signs the next one?"),
        ("count-0", "count 412", "count 0", F, "nothing happened, so nothing is said"),
        ("count-negative", "count 412", "count -1", F, "no sign"),
        ("number-too-large", "number 12", "number 9007199254740992", L, "2^53"),
        ("records-short", f"records {ZERO}", f"records {SHORT}", F, "32 bytes"),
        ("ends-before-it-begins", "from 2026-11-23T14:07:45Z", "from 2026-11-24T02:07:46Z", F, "from is not later than to"),
        ("one-moment", "from 2026-11-23T14:07:45Z", "from 2026-11-24T02:07:45Z", OK, "all of one second"),
        ("time-with-offset", "to 2026-11-24T02:07:45Z", "to 2026-11-24T02:07:45+00:00", F, "UTC is Z"),
    ]  # fmt: skip
    return family(found.to_text(), [TRAIL], vkey(TRAIL), edits, "412 records of twelve hours")


def finding_cases() -> list[Case]:
    text = Finding(
        ORIGIN, DEVICE, 0, 311, bytes(32), "commitment-mismatch", (4, 17), None, NOW
    ).to_text()
    edits: list[Edit] = [
        ("whole-batch", "items 4,17", "items -", OK, "all of the batch"),
        ("with-annex", "annex -", f"annex {ZERO}", OK, "the digest of an encrypted annex"),
        ("items-unsorted", "items 4,17", "items 17,4", F, "strictly increasing"),
        ("items-twice", "items 4,17", "items 4,4", F, "strictly increasing"),
        ("items-space", "items 4,17", "items 4, 17", F, "a comma and nothing else"),
        ("items-empty", "items 4,17", "items ", F, "a hyphen for none"),
        ("items-leading-zero", "items 4,17", "items 04,17", F, "one spelling"),
        ("header-short", f"header {ZERO}", f"header {SHORT}", F, "32 bytes"),
        ("code-with-space", "code commitment-mismatch", "code commitment mismatch", F, "a slug"),
        AT,
    ]  # fmt: skip
    return family(text, [HELD], vkey(HELD), edits, "two items of a batch")


def held_cases() -> list[Case]:
    text = Held(ORIGIN, 6, reader(6).root(), NOW).to_text()
    edits: list[Edit] = [
        ("size-0", "size 6", "size 0", OK, "nothing is held; the root says so or lies"),
        ("size-negative", "size 6", "size -6", F, "no sign"),
        ("size-space", "size 6", "size 6 ", F, "int() would take this"),
        ("size-too-large", "size 6", "size 9007199254740992", L, "2^53"),
        ("root-hex", f"root {b64(reader(6).root())}", f"root {reader(6).root().hex()}", F, "base64"),
        ("root-short", f"root {b64(reader(6).root())}", f"root {SHORT}", F, "32 bytes"),
        ("root-missing", f"root {b64(reader(6).root())}\n", "", F, "the tree that is meant"),
        AT,
    ]  # fmt: skip
    return family(text, [HELD], vkey(HELD), edits, "everything below entry 6")


def keyring_change_cases() -> list[Case]:
    recipients = hashlib.sha256(f"{OFFICE.recipient.to_text()}\n".encode()).digest()
    change = KeyringChange(
        origin=ORIGIN,
        device=DEVICE,
        epoch=0,
        batch=0,
        old=bytes(32),
        new=bytes([1] * 32),
        generation=1,
        reason="dispose",
        recipients=recipients,
        destroyed=(1,),
        certificate=bytes([2] * 32),
        at=NOW,
    )
    approvers = (APPROVAL_1, APPROVAL_2)
    edits: list[Edit] = [
        ("rewrap", "reason dispose", "reason rewrap", OK, "other recipients, no key destroyed"),
        ("no-certificate", f"certificate {b64(bytes([2] * 32))}", "certificate -", OK, "nothing was destroyed"),
        ("reason-unknown", "reason dispose", "reason lost", F, "dispose or rewrap"),
        ("generation-0", "generation 1", "generation 0", F, "the first keyring is generation 0"),
        ("destroyed-unsorted", "destroyed 1", "destroyed 2,1", F, "strictly increasing"),
        ("old-missing", f"old {ZERO}\n", "", F, "which keyring is replaced"),
        ("new-short", f"new {b64(bytes([1] * 32))}", f"new {SHORT}", F, "32 bytes"),
        AT,
    ]  # fmt: skip
    text, inputs = change.to_text(), vkey(*approvers)
    one = note.parse(note.sign(text, [APPROVAL_1])).signatures[0]
    twice = note.Note(text, (one, one)).to_bytes()
    return [
        *family(text, approvers, inputs, edits, "two approvers destroyed the key of item 1"),
        Case("one-approver-twice", "UnknownKeyError", "two distinct approvers", twice, inputs),
    ]


def hold_cases() -> list[Case]:
    cases = []
    hold = Mark("hold", ORIGIN, "woo-2027-014", "on", bytes(32), NOW)
    term = Mark("term", ORIGIN, "2026-2030", "opened", None, NOW)
    inputs = (*vkey(APPROVAL_1), ("kind", "hold"))
    edits: list[Edit] = [
        ("off", "state on", "state off", OK, "the hold ends"),
        ("state-of-a-term", "state on", "state opened", F, "on or off"),
        ("name-sentence", "id woo-2027-014", "id Woo-verzoek 14", F, "a slug: no entry names a subject"),
        ("annex-missing", f"annex {ZERO}\n", "", F, "a hyphen for none"),
        AT,
    ]  # fmt: skip
    cases += family(hold.to_text(), [APPROVAL_1], inputs, edits, "a hold for a request")
    of_term = (*vkey(APPROVAL_1), ("kind", "term"))
    cases.append(
        Case("term-opened", OK, "a term", note.sign(term.to_text(), [APPROVAL_1]), of_term)
    )
    more: list[Edit] = [
        ("term-closed", "state opened\nannex -\ncertificate -", f"state closed\nannex -\ncertificate {ZERO}", OK, "the term ends"),
        ("term-closed-without-certificate", "state opened", "state closed", F, "it must name one"),
        ("term-opened-with-certificate", "certificate -", f"certificate {ZERO}", F, "nothing ended"),
        ("term-without-certificate-line", "certificate -\n", "", F, "a hyphen for none"),
        ("term-on", "state opened", "state on", F, "opened or closed"),
        ("term-with-id", "custody 2026-2030", "id 2026-2030", F, "a term names its custody"),
    ]  # fmt: skip
    cases += edited(term.to_text(), [APPROVAL_1], of_term, more)
    other = note.sign(hold.to_text(), [APPROVAL_1])
    cases.append(Case("term-is-a-hold", F, "the kind is demanded", other, of_term))
    return cases


def heartbeat_cases() -> list[Case]:
    hour = NOW.replace(minute=0, second=0)
    text = Heartbeat(
        origin=ORIGIN,
        device=DEVICE,
        epoch=0,
        boot=bytes(range(16)),
        counter=1795486065,
        at=NOW,
        agent="0.5.0",
        started=hour,
        policy=7,
        ledger=Figures(120, 117, 2, 1),
        spool=SpoolUse(2, 81_920, 2**31),
        receipt=LastReceipt(40, NOW),
        skew=2,
        certificate=NOW.replace(year=2027),
        problems=(ProblemCount("files-failed", 1, hour), ProblemCount("guard-drifted", 2, hour)),
        guards=(
            GuardCount("thunderbird-retention", "compliant", 1),
            GuardCount("thunderbird-retention", "drifted", 2),
        ),
        readouts=(ReadoutDue("telefoon werk", hour, overdue=True),),
        sources=(SourceCount("covered", 3), SourceCount("not-found", 1)),
    ).to_text()
    lines = [line + "\n" for line in text.decode().splitlines()]
    problems = "".join(line for line in lines if line.startswith("problem "))
    first, second = problems.splitlines(keepends=True)
    guards = "".join(line for line in lines if line.startswith("guard "))
    many = "".join(f"problem p{n:03} 1 2026-11-24T02:00:00Z\n" for n in range(65))
    long = "".join(f"guard {'g' * 59}-{n:03} {'s' * 60} 1\n" for n in range(128))
    edits: list[Edit] = [
        ("healthy", problems + guards, "", OK, "nothing is wrong and nothing is guarded"),
        ("no-policy", "policy 7", "policy -", OK, "none is in force yet"),
        ("no-receipt", "receipt 40 2026-11-24T02:07:45Z", "receipt -", OK, "nothing was sealed yet"),
        ("no-limit", "81920 2147483648", "81920 -", OK, "the limit is the policy's"),
        ("no-skew", "skew +2", "skew -", OK, "not measured yet"),
        ("behind", "skew +2", "skew -3600", OK, "an hour behind the log"),
        ("in-step", "skew +2", "skew +0", OK, "zero has one spelling"),
        ("version-dev", "agent 0.5.0", "agent 0.5.0.dev12", OK, "of a checkout"),
        ("skew-minus-zero", "skew +2", "skew -0", F, "zero has one spelling"),
        ("skew-no-sign", "skew +2", "skew 2", F, "the sign is always there"),
        ("skew-large", "skew +2", "skew +9007199254740992", L, "2^53"),
        ("boot-short", f"boot {b64(bytes(range(16)))}", f"boot {b64(bytes(15))}", F, "16 bytes"),
        ("counter-zero-first", "counter 1795486065", "counter 01795486065", F, "one spelling"),
        ("counter-too-large", "counter 1795486065", "counter 9007199254740992", L, "2^53"),
        ("version-words", "agent 0.5.0", "agent de nieuwste", F, "no place for text"),
        ("version-zero-first", "agent 0.5.0", "agent 00.5.0", F, "one spelling"),
        ("started-minute", "started 2026-11-24T02:00:00Z", "started 2026-11-24T02:07:00Z", F, "tells the hour alone"),
        ("ledger-sum", "ledger 120 117 2 1", "ledger 121 117 2 1", F, "found is the sum"),
        ("ledger-three", "ledger 120 117 2 1", "ledger 120 117 3", F, "four counts"),
        ("spool-two", "spool 2 81920 2147483648", "spool 2 81920", F, "three values"),
        ("problem-twice", second, first, F, "one line a code"),
        ("problem-order", problems, second + first, F, "in order of code"),
        ("problem-detail", "problem files-failed 1", "problem files-failed map/brief.docx 1", F, "no place for text"),
        ("problem-minute", "files-failed 1 2026-11-24T02:00:00Z", "files-failed 1 2026-11-24T02:07:00Z", F, "tells the hour alone"),
        ("problems-65", problems, many, L, "at most 64"),
        ("problem-after-guard", problems + guards, guards + problems, F, "labels have an order"),
        ("guard-subject", "drifted 2", "drifted 2 jan@example.org", F, "no place for text"),
        ("guard-state-upper", "drifted 2", "Drifted 2", F, "a slug"),
        ("guards-long", guards, long, L, "16,384 bytes in all"),
        ("readout-state", "overdue telefoon", "late telefoon", F, "due or overdue"),
        ("readout-nameless", "overdue telefoon werk", "overdue ", F, "a source has a name"),
        ("readout-space", "telefoon werk", "telefoon ", F, "no space at the end"),
        ("source-twice", "source not-found 1", "source covered 1", F, "one line a state"),
        ("device-upper", f"device {DEVICE}", "device TEST", F, "a-z, 0-9 and inner hyphens"),
        ("another-epoch", "epoch 0", "epoch 1", "RoleError", "the key is of epoch 0"),
        ("another-device", f"device {DEVICE}", "device test-desktop", "RoleError", "the key names its device"),
        AT,
    ]  # fmt: skip
    header = device_key("header")
    return family(text, [header], vkey(header), edits, "a device says how it fares")


def query_cases() -> list[Case]:
    nonce = b64(bytes(range(16)))
    text = Query(ORIGIN, DEVICE, 0, bytes(range(16)), NOW).to_text()
    edits: list[Edit] = [
        ("nonce-short", f"nonce {nonce}", f"nonce {b64(bytes(15))}", F, "16 bytes"),
        ("nonce-missing", f"nonce {nonce}\n", "", F, "a query is used once"),
        ("device-upper", f"device {DEVICE}", "device TEST", F, "a-z, 0-9 and inner hyphens"),
        ("epoch-negative", "epoch 0", "epoch -0", F, "no sign"),
        AT,
    ]
    header = device_key("header")
    return family(text, [header], vkey(header), edits, "a device asks for its own state")
