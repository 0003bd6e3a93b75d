# SPDX-License-Identifier: EUPL-1.2
"""Which policy a device applies, and which it refuses; the old one stays, and why is said."""

import contextlib
import hashlib
import os

import pytest

from lakzegel_agent import policies
from lakzegel_core.annex import parse_annex, seal_annex
from lakzegel_core.encoding import b64
from lakzegel_core.errors import PolicyError
from lakzegel_core.policy import parse_policy_toml

MAIL = "[[source]]\nname = 's1'\nkind = 'folder'\npath = '/srv/mail'\n"


def consult(device):
    device.liaison.consult(device.current)
    found = device.liaison.policy(device.current)
    return None if found is None else found.policy.serial


def with_annex(office, device, serial, *, to=None, name="minister", text=None):
    """A policy whose annex for a device is sealed to that device, and the annex."""
    text = (
        text or f"device = '{name}'\n[[source]]\nname = 's1'\nlabel = 'Postvak IN'\npath = '/x'\n"
    )
    recipient = to or device.current.enrolment.annex
    sealed = seal_annex(parse_annex(text), [recipient], random=os.urandom)
    more = "[[source]]\nname = 's1'\nkind = 'folder'\n[annex]\n"
    more += f'{device.current.enrolment.device} = "{b64(hashlib.sha256(sealed).digest())}"\n'
    return office.policy_toml(serial, more=more), sealed


def refused(device, serial=None):
    """The policy in force stays, the refusal is a problem and an observation."""
    assert consult(device) == serial
    assert device.problems.has("policy-refused")
    assert [o["type"] for o in device.observed()].count("policy-refused") == 1
    assert consult(device) == serial
    assert [o["type"] for o in device.observed()].count("policy-refused") == 1
    return next(p.detail for p in device.problems.listed() if p.code == "policy-refused")


def test_a_signed_and_logged_policy_for_this_device_is_applied_and_survives(device, office):
    assert consult(device) is None
    assert device.problems.has("no-policy")
    office.publish(office.policy_toml(3, more=MAIL))
    assert consult(device) == 3
    assert device.problems.listed() == []
    device = device.again()
    assert device.liaison.policy(device.current).sources[0].path == "/srv/mail"
    device.ledger.close()


def test_a_newer_one_takes_its_place(device, office):
    for serial in (3, 7):
        office.publish(office.policy_toml(serial))
        assert consult(device) == serial


def test_an_older_one_that_is_served_again_is_refused(device, office, receiver):
    first = office.publish(office.policy_toml(3))
    office.publish(office.policy_toml(7))
    assert consult(device) == 7
    receiver.policy_entry = receiver.entry("policy", first)
    assert "not newer" in refused(device, 7)


def test_one_for_another_device_is_refused(device, office, receiver):
    index = office.publish(office.policy_toml(9, audience="device:other"))
    receiver.policy_entry = receiver.entry("policy", index)
    assert "not for device minister" in refused(device)


def test_one_that_the_log_does_not_hold_is_refused(device, office, receiver):
    office.publish(office.policy_toml(3))
    assert consult(device) == 3
    found = receiver.entry("policy", len(receiver.log.entries) - 1)
    found["note"] = b64(office.policy_note(office.policy_toml(9)))
    receiver.policy_entry = found
    assert "not proven to be in the log" in refused(device, 3)


def test_one_that_one_person_signed_is_refused(device, office, receiver, log):
    log.entries.append(office.policy_note(office.policy_toml(9), office.policy[:1]))
    index = len(log.entries) - 1
    receiver.policy_entry = receiver.entry("policy", index)
    log.custody = lambda: type(log)(entries=log.entries[:index]).custody()
    assert "signatures" in refused(device)


def test_one_that_others_signed_is_refused(device, office, receiver, log, kit):
    keys = [kit.new_key("records.example/policy"), kit.new_key("privacy.example/policy")]
    log.entries.append(office.policy_note(office.policy_toml(9), keys))
    index = len(log.entries) - 1
    receiver.policy_entry = receiver.entry("policy", index)
    log.custody = lambda: type(log)(entries=log.entries[:index]).custody()
    assert "does not hold" in refused(device)


@pytest.mark.parametrize("signatures", [0, 1, 2])
def test_unsigned_or_signed_twice_by_one_person_the_old_one_stays(
    device, office, receiver, log, signatures
):
    office.publish(office.policy_toml(3))
    assert consult(device) == 3
    text, _, lines = office.policy_note(office.policy_toml(9)).rpartition(b"\n\n")
    first = lines.splitlines(keepends=True)[0]
    log.entries.append(text + b"\n\n" + first * signatures)
    index = len(log.entries) - 1
    receiver.policy_entry = receiver.entry("policy", index)
    log.custody = lambda: type(log)(entries=log.entries[:index]).custody()
    refused(device, 3)


def test_one_without_its_annex_is_refused_until_the_annex_is_there(device, office, receiver):
    toml, sealed = with_annex(office, device, 4)
    office.publish(toml)
    assert "annex" in refused(device)
    receiver.annexes[hashlib.sha256(sealed).digest()] = sealed
    assert consult(device) == 4
    assert not device.problems.has("policy-refused")
    (source,) = device.liaison.policy(device.current).sources
    assert (source.label, source.path) == ("Postvak IN", "/x")


def test_another_annex_than_the_one_it_names_is_refused(device, office, receiver):
    toml, sealed = with_annex(office, device, 4)
    _, other = with_annex(office, device, 4)
    office.publish(toml)
    receiver.annexes[hashlib.sha256(sealed).digest()] = other
    assert "not the one that it names" in refused(device)


def test_an_annex_for_another_device_is_refused(device, office, receiver):
    toml, sealed = with_annex(office, device, 4, name="other")
    office.publish(toml)
    receiver.annexes[hashlib.sha256(sealed).digest()] = sealed
    assert "does not open" in refused(device)


def test_an_annex_that_this_device_cannot_open_is_refused(device, office, receiver):
    toml, sealed = with_annex(office, device, 4, to=office.recipient.recipient)
    office.publish(toml)
    receiver.annexes[hashlib.sha256(sealed).digest()] = sealed
    assert "does not open" in refused(device)


def test_one_that_leaves_a_source_without_a_place_is_refused(device, office):
    office.publish(office.policy_toml(4, more="[[source]]\nname = 's1'\nkind = 'folder'\n"))
    assert "path" in refused(device)


def test_one_whose_time_has_not_come_waits_without_complaint(device, office):
    office.publish(office.policy_toml(4))
    assert consult(device) == 4
    office.publish("not_before = 2035-01-01\n" + office.policy_toml(5))
    assert consult(device) == 4
    assert device.problems.listed() == []


def test_an_expired_one_stays_in_force(device, office):
    office.publish(office.policy_toml(4, expires="2020-01-01"))
    assert consult(device) == 4
    assert policies.is_expired(device.liaison.policy(device.current), device.clock())


def test_what_is_remembered_of_it_is_not_in_the_clear(device, office, receiver):
    toml, sealed = with_annex(office, device, 4)
    receiver.annexes[hashlib.sha256(sealed).digest()] = sealed
    office.publish(toml)
    consult(device)
    device.ledger.close()
    data = (device.root / "ledger.sqlite").read_bytes()
    assert b"Postvak" not in data
    assert b"recipients" not in data


@pytest.mark.parametrize("role", ["admission", "policy", "header", "unheard-of"])
def test_roles_that_are_not_there_or_not_known_are_passed_over(device, receiver, role):
    def alter(value):
        value["entries"] = [entry for entry in value["entries"] if entry["role"] != role]
        value["entries"].append({"role": "unheard-of"})
        return {**value, "later": 1}

    receiver.alter_answer = alter
    assert consult(device) is None


@pytest.mark.parametrize("more", ["accounts = ['minister@minxyz.example']", "apps = ['whatsapp']"])
def test_one_that_narrows_what_this_agent_cannot_narrow_is_refused(device, office, more):
    office.publish(office.policy_toml(3, more=MAIL))
    assert consult(device) == 3
    office.publish(office.policy_toml(4, more=f"{MAIL}{more}\n"))
    assert "cannot narrow" in refused(device, 3)


@pytest.mark.parametrize("kind", ["maildir", "mbox"])
def test_one_that_narrows_mail_to_accounts_is_applied(device, office, kind):
    more = f"[[source]]\nname = 's1'\nkind = '{kind}'\npath = '/srv'\naccounts = ['a@b.example']\n"
    office.publish(office.policy_toml(3, more=more))
    assert consult(device) == 3


@pytest.mark.parametrize(
    ("kind", "capture", "taken"),
    [
        ("mbox", "conversations", False),
        ("whatsapp-android", "raw", False),
        ("whatsapp-android", "conversations", True),
    ],
)
def test_correspondents_are_excluded_from_conversations_alone(office, kind, capture, taken):
    text = "device = 'minister'\n[exclude]\ncorrespondents = ['thuis@example.org']\n"
    more = f"[[source]]\nname = 's1'\nkind = '{kind}'\npath = '/x'\ncapture = '{capture}'\n"
    policy = parse_policy_toml(office.policy_toml(3, more=more))
    refuses = pytest.raises(PolicyError, match="correspondents")
    with contextlib.nullcontext() if taken else refuses:
        policies.require_narrowings(policy, parse_annex(text))


def test_one_that_excludes_correspondents_is_refused(device, office, receiver):
    text = "device = 'minister'\n[[source]]\nname = 's1'\npath = '/x'\n"
    text += "[exclude]\ncorrespondents = ['thuis@example.org']\n"
    toml, sealed = with_annex(office, device, 5, text=text)
    receiver.annexes[hashlib.sha256(sealed).digest()] = sealed
    office.publish(toml)
    assert "correspondents" in refused(device)
