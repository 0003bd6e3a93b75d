# SPDX-License-Identifier: EUPL-1.2
"""Every kind of note comes back as it was, and no changed line of any is taken."""

from dataclasses import replace
from datetime import timedelta

import pytest

from lakzegel_core import fields, note
from lakzegel_core.admission import Admission, open_admission
from lakzegel_core.batch import Header, open_header, parse_text
from lakzegel_core.delegation import Delegation, open_delegation
from lakzegel_core.encoding import b64
from lakzegel_core.enrolment import Enrolment, Reason, open_enrolment
from lakzegel_core.errors import (
    EpochError,
    FormatError,
    LakzegelError,
    LimitError,
    MissingSignatureError,
    RoleError,
    SignatureError,
    UnknownKeyError,
)
from lakzegel_core.finding import Finding, open_finding
from lakzegel_core.heartbeat import Heartbeat, open_heartbeat, sign_heartbeat
from lakzegel_core.heartbeatrows import Figures, LastReceipt, SpoolUse
from lakzegel_core.held import Held, open_held, sign_held
from lakzegel_core.hold import HOLD, TERM, Mark, open_mark
from lakzegel_core.keyringchange import KeyringChange, open_keyring_change
from lakzegel_core.keys import Algorithm, VerifierKey
from lakzegel_core.policy import open_policy, parse_policy_text
from lakzegel_core.query import Query, open_query, sign_query
from lakzegel_core.revocation import Revocation, open_revocation
from lakzegel_core.trail import Trail, open_trail, sign_trail
from lakzegel_core.withdrawal import Withdrawal, open_withdrawal, sign_withdrawal

KINDS = (
    "admission-device",
    "admission-group",
    "batch",
    "delegation",
    "enrolment-first",
    "enrolment-restored",
    "enrolment-rotated",
    "finding",
    "heartbeat",
    "held",
    "hold",
    "keyring-change",
    "query",
    "revocation",
    "term",
    "trail",
    "withdrawal",
)


@pytest.fixture(scope="module")
def cases(parts):
    """For each kind: the note, how its text is parsed, how it is opened, by whom it is signed."""
    office = parts.Office()
    token = parts.make_key("log.example/test/token/1")
    device = parts.Device("laptop-1", "all", newest=parts.digest(b"newest"), epoch=1)
    first = parts.Device("laptop-2")
    admission = office.admission(token, group="all")
    now = parts.World().office.describe().issued
    held = Held(office.origin, 12, parts.digest(b"r"), now)
    heartbeat = Heartbeat(
        office.origin, "laptop-1", 1, bytes(16), 42, now, "0.5.0", now.replace(minute=0, second=0),
        7, Figures(3, 1, 1, 1), SpoolUse(2, 600, 2**31), LastReceipt(40, now), -3, now,
    )  # fmt: skip
    query = Query(office.origin, "laptop-1", 1, bytes(16), now)
    old = parts.Device("laptop-1").header_key
    enrolment = [office.enrolment]
    approval = office.approval[:1]
    by = {
        "admission-device": (
            office.admission(token, device="laptop-1"),
            Admission.from_text,
            lambda data: open_admission(data, office.enrolment.verifier),
            enrolment,
        ),
        "admission-group": (
            office.admission(token, group="all", count=12),
            Admission.from_text,
            lambda data: open_admission(data, office.enrolment.verifier),
            enrolment,
        ),
        "batch": (
            device.header(),
            parse_text,
            lambda data: open_header(data, device.header_key.verifier),
            [device.header_key],
        ),
        "delegation": (
            office.delegation(),
            Delegation.from_text,
            lambda data: open_delegation(data, [k.verifier for k in office.policy], 2),
            office.policy,
        ),
        "enrolment-first": (
            first.enrol(admission, token),
            Enrolment.from_text,
            lambda data: open_enrolment(data, token.verifier),
            [first.header_key, token],
        ),
        "enrolment-restored": (
            device.enrol(admission, old, Reason.RESTORED),
            Enrolment.from_text,
            lambda data: open_enrolment(data, old.verifier),
            [device.header_key, old],
        ),
        "enrolment-rotated": (
            device.enrol(admission, old, Reason.ROTATED),
            Enrolment.from_text,
            lambda data: open_enrolment(data, old.verifier),
            [device.header_key, old],
        ),
        "finding": (
            office.finding("laptop-1"),
            Finding.from_text,
            lambda data: open_finding(data, office.held.verifier),
            [office.held],
        ),
        "heartbeat": (
            sign_heartbeat(heartbeat, device.header_key),
            Heartbeat.from_text,
            lambda data: open_heartbeat(data, device.header_key.verifier),
            [device.header_key],
        ),
        "held": (
            sign_held(held, office.held),
            Held.from_text,
            lambda data: open_held(data, office.held.verifier),
            [office.held],
        ),
        "keyring-change": (
            office.keyring_change("laptop-1", 1),
            KeyringChange.from_text,
            lambda data: open_keyring_change(data, [k.verifier for k in office.approval]),
            office.approval,
        ),
        "query": (
            sign_query(query, device.header_key),
            Query.from_text,
            lambda data: open_query(data, device.header_key.verifier),
            [device.header_key],
        ),
        "revocation": (
            office.revocation("laptop-1", 0, 311),
            Revocation.from_text,
            lambda data: open_revocation(data, office.enrolment.verifier),
            enrolment,
        ),
    }
    taken = Withdrawal(office.origin, (parts.digest(b"admission"),), "stolen", now)
    by["withdrawal"] = (
        sign_withdrawal(taken, office.enrolment),
        Withdrawal.from_text,
        lambda data: open_withdrawal(data, office.enrolment.verifier),
        enrolment,
    )
    trail_key = parts.make_key(f"{office.origin}/trail")
    segment = Trail(
        office.origin, 12, parts.digest(b"t"), 412, parts.digest(b"r"), now, now, trail_key.verifier
    )
    by["trail"] = (
        sign_trail(segment, trail_key),
        Trail.from_text,
        lambda data: open_trail(data, trail_key.verifier),
        [trail_key],
    )
    for kind, state in ((HOLD, "on"), (TERM, "closed")):
        by[kind] = (
            office.mark(kind, state, annex=parts.digest(b"annex")),
            lambda text, kind=kind: Mark.from_text(text, kind),
            lambda data, kind=kind: open_mark(data, kind, office.approval[0].verifier),
            approval,
        )
    return by


@pytest.fixture(params=KINDS)
def case(request, cases):
    return cases[request.param]


def test_every_kind_is_tried(cases):
    assert set(cases) == set(KINDS)


def test_what_is_opened_says_what_was_signed(case):
    data, parse, open_, _ = case
    opened = open_(data)
    assert opened == parse(note.parse(data).text)
    assert opened.to_text() == note.parse(data).text


def test_no_line_can_go_come_twice_or_change_places(case):
    data, parse, _, _ = case
    lines = note.parse(data).text.decode().splitlines(keepends=True)
    mangled = []
    for n in range(len(lines)):
        mangled.append(lines[:n] + lines[n + 1 :])
        mangled.append([*lines[: n + 1], *lines[n:]])
        mangled.append([*lines[:n], *lines[n + 1 : n + 2], lines[n], *lines[n + 2 :]])
        mangled.append([*lines[:n], "extra 1\n", *lines[n:]])
    mangled.append([*lines, "extra 1\n"])
    policies = [line for line in lines if line.startswith(("policy ", "approval "))]
    for changed in mangled:
        text = "".join(changed).encode()
        if text == "".join(lines).encode() or _only_list_changed(lines, changed, policies):
            continue
        with pytest.raises(LakzegelError):
            parse(text)


def _only_list_changed(lines, changed, listed):
    """A list of keys may be shorter or in another order: then it is another, valid delegation."""
    rest = [line for line in changed if line not in listed]
    same = rest == [line for line in lines if line not in listed]
    return bool(listed) and same and len(set(changed)) == len(changed)


def test_no_line_can_be_written_otherwise(case):
    data, parse, _, _ = case
    lines = note.parse(data).text.decode().splitlines(keepends=True)
    for n, line in enumerate(lines):
        label, _, value = line.rstrip("\n").partition(" ")
        for other in (
            f"{label.upper()} {value}\n",
            f"{label}  {value}\n",
            f"{label} {value} \n",
            f" {line}",
            f"{label}\n",
            f"{label} \n",
            f"{label} {'0' if value[:1].isdigit() else '+'}{value}\n",
            f"{label} {value}=\n",
            f"{label} {value}\r\n",
            line.rstrip("\n"),
        ):
            text = "".join([*lines[:n], other, *lines[n + 1 :]]).encode()
            if other == line or _says_another_origin(lines, n, other):
                continue
            with pytest.raises(LakzegelError):
                parse(text)


def _says_another_origin(lines, n, other):
    """The log's name is free text here; whoever opens the note compares it with his own log's."""
    return lines[n].startswith("log ") and other.startswith("log ") and other.endswith("\n")


def test_no_flipped_bit_opens(case):
    data, _, open_, _ = case
    for at in range(0, len(data), 3):
        changed = bytearray(data)
        changed[at] ^= 1 << at % 8
        with pytest.raises(LakzegelError):
            open_(bytes(changed))


def test_nobody_else_can_sign_it(case, parts):
    data, _, open_, keys = case
    text = note.parse(data).text
    stranger = parts.make_key("records.example/stranger")
    for n, key in enumerate(keys):
        same_name = parts.make_key(key.verifier.name, salt="another")
        for other in (stranger, same_name):
            with pytest.raises(SignatureError):
                open_(note.sign(text, [*keys[:n], other, *keys[n + 1 :]]))
    with pytest.raises((MissingSignatureError, FormatError)):
        open_(note.sign(text, keys[1:]) if keys[1:] else text)
    with pytest.raises((UnknownKeyError, SignatureError)):
        open_(note.sign(text, [*keys, stranger]))
    if len(keys) > 1:
        with pytest.raises(SignatureError):
            open_(note.sign(text, keys[::-1]))


def test_a_signature_over_one_kind_opens_no_other(cases):
    for name, (data, _, open_, keys) in cases.items():
        for other, (text_of, _, _, _) in cases.items():
            if name.partition("-")[0] == other.partition("-")[0]:
                continue
            with pytest.raises(LakzegelError):
                open_(note.sign(note.parse(text_of).text, keys))
        assert open_(data)


def test_what_is_not_utf8_or_does_not_end_is_no_text(case):
    data, parse, _, _ = case
    text = note.parse(data).text
    for changed in (text[:-1], text + b"\n", b"\xff" + text, b"", b"\n"):
        with pytest.raises(FormatError):
            parse(changed)


# what one kind demands beyond its lines


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"device": None, "group": None}, FormatError),
        ({"device": "A"}, FormatError),
        ({"custody": ""}, FormatError),
        ({"count": 0}, FormatError),
        ({"count": -1}, FormatError),
    ],
)
def test_an_admission_is_for_a_device_a_group_or_both(cases, changes, error):
    data, parse, _, _ = cases["admission-device"]
    with pytest.raises(error):
        replace(parse(note.parse(data).text), **changes)


def test_an_admission_names_a_device_and_its_group(cases):
    data, parse, _, _ = cases["admission-device"]
    both = replace(parse(note.parse(data).text), device="a", group="b")
    assert b"\ndevice a\ngroup b\n" in both.to_text()
    assert parse(both.to_text()) == both


def test_a_token_signs_notes(cases, parts):
    data, parse, _, _ = cases["admission-device"]
    cosigner = parts.make_key("log.example/token", Algorithm.ED25519_COSIGNATURE).verifier
    with pytest.raises(FormatError, match="not an Ed25519 key"):
        replace(parse(note.parse(data).text), token=cosigner)


@pytest.mark.parametrize(
    ("kind", "changes", "error"),
    [
        ("enrolment-first", {"epoch": 1}, FormatError),  # its keys' names say epoch 0
        ("enrolment-first", {"device": "laptop-9"}, FormatError),
        ("enrolment-first", {"origin": "log.example/other"}, FormatError),
        ("enrolment-first", {"reason": Reason.RESTORED}, EpochError),
        ("enrolment-first", {"reason": Reason.UNREADABLE}, EpochError),
        ("enrolment-first", {"previous": bytes(32)}, EpochError),
        ("enrolment-first", {"known": bytes(32)}, EpochError),
        ("enrolment-first", {"group": "A"}, FormatError),
        ("enrolment-first", {"admission": bytes(31)}, FormatError),
        ("enrolment-first", {"seen_root": bytes(33)}, FormatError),
        ("enrolment-restored", {"reason": Reason.FIRST}, EpochError),
        ("enrolment-restored", {"reason": Reason.UNREADABLE}, EpochError),
        ("enrolment-restored", {"previous": None}, EpochError),
        ("enrolment-rotated", {"reason": Reason.FIRST}, EpochError),
        ("enrolment-rotated", {"reason": Reason.RESTORED}, EpochError),
        ("enrolment-rotated", {"reason": Reason.UNREADABLE}, EpochError),
        ("enrolment-rotated", {"previous": None}, EpochError),
        ("enrolment-rotated", {"known": None}, EpochError),
        ("enrolment-rotated", {"known": bytes(32)}, EpochError),
    ],
)
def test_an_epoch_says_why_it_was_opened(cases, kind, changes, error):
    data, parse, _, _ = cases[kind]
    with pytest.raises(error):
        replace(parse(note.parse(data).text), **changes)


def test_a_restored_device_names_a_batch_that_it_did_not_know(cases):
    data, parse, _, _ = cases["enrolment-restored"]
    stated = parse(note.parse(data).text)
    with pytest.raises(EpochError, match="did not know"):
        replace(stated, known=stated.previous)


def test_header_and_witness_keys_are_of_their_types(cases, parts):
    data, parse, _, _ = cases["enrolment-first"]
    stated = parse(note.parse(data).text)
    with pytest.raises(FormatError):
        replace(stated, header=VerifierKey(stated.header.name, Algorithm.ED25519_COSIGNATURE,
                                           stated.header.public))  # fmt: skip
    with pytest.raises(FormatError):
        replace(stated, witness=VerifierKey(stated.witness.name, Algorithm.ED25519,
                                            stated.witness.public))  # fmt: skip


def test_a_delegation_has_enough_keys_of_the_right_types(parts):
    office = parts.Office()
    policy, approval = (
        tuple(k.verifier for k in keys) for keys in (office.policy, office.approval)
    )
    many = tuple(parts.make_key(f"records.example/many-{n}").verifier for n in range(17))
    for changes in (
        {"policy": ()},
        {"policy": many[:9]},
        {"threshold": 0},
        {"threshold": 3},
        {"enrolment": ()},
        {"enrolment": many[:9]},
        {"approval": many},
    ):
        with pytest.raises(LimitError):
            office.describe(**changes)
    for changes in (
        {"witness": many[0]},
        {"mirror": many[0]},
        {"held": parts.make_key("records.example/x", Algorithm.ED25519_COSIGNATURE).verifier},
        {"policy": (parts.make_key("records.example/x", Algorithm.ED25519_COSIGNATURE).verifier,),
         "threshold": 1},
    ):  # fmt: skip
        with pytest.raises(FormatError, match="not a key of type"):
            office.describe(**changes)
    for changes in (
        {"policy": (policy[0], policy[0])},
        {"approval": (approval[0], approval[0])},
        {"approval": (approval[0], policy[0])},
        {"held": office.enrolment.verifier},
        {"mirror": office.witness.verifier},
        {"held": VerifierKey("records.example/alias", Algorithm.ED25519, policy[0].public)},
    ):
        with pytest.raises(RoleError, match="named twice"):
            office.describe(**changes)


def test_one_approver_is_not_two(parts):
    office = parts.Office()
    approvers = [key.verifier for key in office.approval]
    for signers in (office.approval[:1], [office.approval[0]] * 2, office.approval[::-1]):
        data = office.keyring_change("laptop-1", 1, signers=signers)
        with pytest.raises(SignatureError):
            open_keyring_change(data, approvers)


@pytest.mark.parametrize("changes", [{"reason": "lost"}, {"generation": 0}])
def test_a_keyring_change_says_why_and_which(parts, changes):
    with pytest.raises(FormatError):
        parts.Office().keyring_change("laptop-1", **({"generation": 1} | changes))


@pytest.mark.parametrize("text", ["", ",", "1,", "2,1", "1,1", "01", "1, 2", "-1", "1-3", "- "])
def test_indices_are_strictly_increasing(cases, text):
    data, parse, _, _ = cases["finding"]
    changed = note.parse(data).text.replace(b"items 4,17", f"items {text}".encode())
    with pytest.raises(FormatError):
        parse(changed)


def test_no_indices_are_written_as_a_hyphen(cases):
    data, parse, _, _ = cases["finding"]
    assert parse(note.parse(data).text.replace(b"items 4,17", b"items -")).items == ()


@pytest.mark.parametrize(("kind", "state"), [(HOLD, "opened"), (TERM, "on"), (HOLD, "")])
def test_a_mark_has_a_state_of_its_kind(parts, kind, state):
    with pytest.raises(FormatError):
        parts.Office().mark(kind, state)


def test_a_header_is_signed_by_the_key_of_its_device_and_epoch(parts):
    device = parts.Device("laptop-1")
    data = device.header()
    other = parts.Device("laptop-2")
    with pytest.raises(RoleError):
        device.header(signer=other.header_key)
    forged = note.sign(note.parse(data).text, [other.header_key])
    with pytest.raises(RoleError):
        open_header(forged, other.header_key.verifier)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"items 1", b"items 0"),
        (b"items 1", b"items 65537"),
        (b"state open", b"state shut"),
        (b"seen 3 ", b"seen 3"),
        (b"device laptop-1", b"device Laptop-1"),
        (b"log log.example/test", b"log log example"),
        (b"/v1", b"/v2"),
    ],
)
def test_a_header_within_its_limits_only(parts, old, new):
    text = note.parse(parts.Device("laptop-1").header()).text
    assert old in text
    with pytest.raises(FormatError):
        parse_text(text.replace(old, new, 1))


def test_a_held_statement_speaks_of_a_checkpoint(cases):
    data, _, open_, _ = cases["held"]
    held = open_(data)
    assert held.checkpoint.to_text() == f"{held.origin}\n12\n{b64(held.root)}\n".encode()


def test_a_policy_note_comes_back(parts):
    office = parts.Office()
    keys = [key.verifier for key in office.policy]
    data = office.policy_note(7)
    text = note.parse(data).text
    policy = open_policy(data, keys, 2, origin=office.origin)
    assert (policy.serial, policy.audience) == (7, ("group:all",))
    assert parse_policy_text(text) == (office.origin, policy)
    with pytest.raises(SignatureError):
        open_policy(office.policy_note(7, signers=office.policy[:1]), keys, 2)
    for changed in (
        text.replace(b"\n\n", b"\n", 1),
        text.replace(b"policy/v1", b"held/v1", 1),
        text.replace(b"\nlog", b"\nlog x\nlog", 1),
        text[:-1],
    ):
        with pytest.raises(LakzegelError):
            parse_policy_text(changed)


def test_restored_and_first_are_told_apart_by_their_second_signer(parts):
    office = parts.Office()
    token = parts.make_key("log.example/test/token/1")
    admission = office.admission(token, group="all")
    device = parts.Device("laptop-1", "all", newest=parts.digest(b"n"))
    old = device.next_epoch()
    data = device.enrol(admission, token, Reason.RESTORED)
    with pytest.raises(UnknownKeyError):
        open_enrolment(data, old.verifier)
    assert open_enrolment(data, token.verifier).reason is Reason.RESTORED
    assert fields.kind_of_text(data) == "enrolment"


def test_a_time_with_a_fraction_is_written_in_whole_seconds(parts):
    office = parts.Office()
    exact = office.describe()
    fine = replace(exact, issued=exact.issued + timedelta(microseconds=1))
    assert fine.to_text() == exact.to_text()
    assert Header.__slots__
