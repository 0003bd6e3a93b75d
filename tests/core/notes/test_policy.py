# SPDX-License-Identifier: EUPL-1.2
"""Policies and annexes: every key is known and of its type, and only the right one is applied."""

import os
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from lakzegel_core import age
from lakzegel_core.annex import (
    SourceAnnex,
    effective_sources,
    open_annex,
    parse_annex,
    seal_annex,
)
from lakzegel_core.errors import DecryptError, FormatError, LakzegelError, LimitError, PolicyError
from lakzegel_core.keys import Algorithm
from lakzegel_core.limits import MAX_ANNEX, MAX_POLICY
from lakzegel_core.policy import may_apply, parse_policy_toml, policy_text, source_label
from lakzegel_core.tables import load_toml
from lakzegel_core.units import parse_duration, parse_size

IDENTITY = age.Identity.from_seed(bytes(range(32)))
RECIPIENT = IDENTITY.recipient.to_text()
SMALL = (
    f'serial = 7\naudience = ["group:all"]\nexpires = 2027-06-30\nrecipients = ["{RECIPIENT}"]\n'
)
HEAD = SMALL.splitlines()


def whole(parts):
    witness = parts.make_key("w.example/a", Algorithm.ED25519_COSIGNATURE).verifier.to_text()
    return (
        SMALL
        + f"""not_before = 2026-11-24T02:07:45Z
cadence = "5m"
release = "sealed"

[[source]]
name = "mail"
kind = "maildir"
path = "~/Mail"
accounts = ["minister@example.org"]
settle = "500ms"

[[source]]
name = "phone"
kind = "ios-backup"
apps = ["whatsapp"]
capture = "raw"
custody = "telefoon-1"

[[readout]]
source = "phone"
every = "7d"
window = "Fri 17:00-20:00"

[guards]
thunderbird-retention = "enforce"

[limits]
batch = "1 MiB"
spool = "1 GiB"

[quorum]
witnesses = ["{witness}"]
threshold = 1

[annex]
laptop-1 = "NXmZfRbbYJ0Ttq2vnh1JzCRrvWmeaQIyHkcMPRPQCWo="
"""
    )


def test_everything_that_a_policy_says_is_read(parts):
    policy = parse_policy_toml(whole(parts))
    assert (policy.serial, policy.audience, policy.release) == (7, ("group:all",), "sealed")
    assert policy.expires == datetime(2027, 6, 30, tzinfo=UTC)
    assert policy.not_before == datetime(2026, 11, 24, 2, 7, 45, tzinfo=UTC)
    assert policy.cadence == 300
    mail, phone = policy.sources
    assert (mail.name, mail.path, mail.settle, mail.capture) == (
        "mail",
        "~/Mail",
        0.5,
        "conversations",
    )
    assert (phone.path, phone.capture, phone.custody) == (None, "raw", "telefoon-1")
    assert policy.readouts[0].every == 7 * 86_400
    assert policy.guards == {"thunderbird-retention": "enforce"}
    assert (policy.batch_limit, policy.spool_limit) == (2**20, 2**30)
    assert policy.quorum.threshold == 1
    assert set(policy.annexes) == {"laptop-1"}


def test_what_a_policy_leaves_out_has_a_default():
    policy = parse_policy_toml(SMALL)
    assert (policy.cadence, policy.release) == (900, "held")
    assert (policy.batch_limit, policy.spool_limit) == (16 * 2**20, 2 * 2**30)
    assert (policy.sources, policy.quorum.threshold) == ((), 0)
    assert (policy.claims, policy.uncovered) == (70 * 86_400, 7 * 86_400)


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        (HEAD[0], "", "serial is missing"),
        (HEAD[0], "serial = 0", "serial is not 1 to"),
        (HEAD[0], "serial = -1", "serial is not 1 to"),
        (HEAD[0], f"serial = {2**53}", "serial is not 1 to"),
        (HEAD[0], "serial = true", "serial is not of type int"),
        (HEAD[0], "serial = 7.0", "serial is not of type int"),
        (HEAD[0], 'serial = "7"', "serial is not of type int"),
        (HEAD[0], "serial = 7\nserial = 8", "policy"),
        (HEAD[0], "serial = " + "7" * 5000, "policy"),
        (HEAD[0], "serial = 7\nnobody = 1", "nobody is not known here"),
        (HEAD[0], "serial = 7\n'' = 1", " is not known here"),
        (HEAD[0], "serial = ", "policy"),
        (HEAD[1], "", "audience is missing"),
        (HEAD[1], "audience = []", "audience or recipients is empty"),
        (HEAD[1], 'audience = "group:all"', "audience is not of type list"),
        (HEAD[1], "audience = [1]", "audience is not a list of strings"),
        (HEAD[1], 'audience = ["all"]', "not group:NAME or device:NAME"),
        (HEAD[1], 'audience = ["group:"]', "not a name"),
        (HEAD[1], 'audience = ["group:A"]', "not a name"),
        (HEAD[1], 'audience = ["person:a"]', "not group:NAME or device:NAME"),
        (HEAD[2], "", "expires is missing"),
        (HEAD[2], "expires = 1", "expires is not a time"),
        (HEAD[2], "expires = 2027-02-30", "policy"),
        (HEAD[2], "expires = 2027-06-30T00:00:00", "not a time like"),
        (HEAD[2], "expires = 2027-06-30T00:00:00+02:00", "not a time like"),
        (HEAD[2], "expires = 2027-06-30T00:00:00.5Z", "not a time like"),
        (HEAD[2], "expires = 00:00:00", "not a time like"),
        (HEAD[2], 'expires = "2027-06-30"', "not a time like"),
        (HEAD[3], "", "recipients is missing"),
        (HEAD[3], "recipients = []", "audience or recipients is empty"),
        (HEAD[3], 'recipients = ["age1pq1"]', "recipients"),
        (HEAD[3], f'recipients = ["{RECIPIENT}", "{RECIPIENT}"]', "one is named twice"),
        (HEAD[3], f'recipients = ["{RECIPIENT.upper()}"]', "recipients"),
    ],
)
def test_what_is_wrong_is_named(old, new, named):
    with pytest.raises(PolicyError) as refused:
        parse_policy_toml(SMALL.replace(old, new, 1))
    assert named in str(refused.value)


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ('cadence = "15"', "cadence: not a duration"),
        ('release = "sent"', "release is not one of held, sealed"),
        ("[guards]\na = 1", "guards: a is not of type str"),
        ('[guards]\na = "on"', "guards: a is not one of off, report, enforce"),
        ('[limits]\nbatch = "63 KiB"', "batch is 64 KiB to 256 MiB"),
        ('[limits]\nbatch = "257 MiB"', "batch is 64 KiB to 256 MiB"),
        ('[limits]\nspool = "1 MiB"', "spool at least one batch"),
        ('[limits]\nitems = "1 MiB"', "limits: items is not known here"),
        ("limits = 1", "limits is not of type dict"),
        ("[[limits]]", "limits is not of type dict"),
        ("[source]", "source is not of type list"),
        ("source = [1]", "source is not an array of tables"),
        ('[[source]]\nname = "a"', "source 1: kind is missing"),
        ('[[source]]\nkind = "a"', "source 1: name is missing"),
        ('[[source]]\nname = "a/b"\nkind = "eml"', "source 1: name: not a name"),
        ('[[source]]\nname = ".."\nkind = "eml"', "source 1: name: not a name"),
        ('[[source]]\nname = "a"\nkind = "eml"\nmode = 1', "source 1: mode is not known here"),
        ('[[source]]\nname = "a"\nkind = "eml"\ncapture = "all"', "source 1: capture is not one"),
        (
            '[[source]]\nname = "a"\nkind = "eml"\nsettle = "-1s"',
            "source 1: settle: not a duration",
        ),
        ('[[source]]\nname = "a"\nkind = "b"\n' * 2, "two sources have one name"),
        ('[[readout]]\nsource = "x"\nevery = "7d"', "readout of 'x', which is no source"),
        ('[[readout]]\nsource = "x"', "readout 1: every is missing"),
        ("[quorum]\nthreshold = 1", "quorum: 1 of 0 witnesses cannot be had"),
        ('[quorum]\nwitnesses = ["x"]', "quorum"),
        ("[quorum]\nthreshold = -1", "quorum"),
        ('[annex]\nlaptop-1 = "AA=="', "annex: laptop-1: 1 bytes where 32 belong"),
        ("[annex]\nlaptop-1 = 1", "annex: laptop-1 is not of type str"),
        ("[a.b.c]\nd = 1", "a is not known here"),
        ("a = " + "[" * 3000 + "]" * 3000, "policy"),
    ],
)
def test_what_is_wrong_further_down_is_named(more, named):
    with pytest.raises(PolicyError) as refused:
        parse_policy_toml(SMALL + more + "\n")
    assert named in str(refused.value)


def test_a_policy_beyond_its_limit_is_not_parsed():
    with pytest.raises(LimitError):
        parse_policy_toml(SMALL + "#" * MAX_POLICY)
    with pytest.raises(LimitError):
        load_toml("é" * 3, what="x", max_size=5)


@pytest.mark.parametrize("character", ["\t", "\r", "\x1b"])
def test_a_policy_has_no_control_characters(character):
    with pytest.raises(FormatError):
        policy_text("log.example/test", f"a = 1{character}\n")


def test_a_policy_that_lacks_its_last_newline_gets_one():
    assert policy_text("log.example/test", "a = 1").endswith(b"\n\na = 1\n")


# who it is for


def test_a_policy_is_for_its_devices_and_groups_only():
    policy = parse_policy_toml(SMALL.replace('"group:all"', '"group:all", "device:laptop-9"'))
    assert policy.applies_to("laptop-1", "all")
    assert policy.applies_to("laptop-9", None)
    assert not policy.applies_to("laptop-1", None)
    assert not policy.applies_to("laptop-1", "some")
    assert not policy.applies_to("all", None)  # a device that is called like the group


def apply(policy, **changes):
    facts = {
        "device": "laptop-1",
        "group": "all",
        "highest_serial": 6,
        "included": True,
        "annex_present": True,
    }
    may_apply(policy, **(facts | changes))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"group": "some"}, "is not for device laptop-1"),
        ({"included": False}, "not proven to be in the log"),
        ({"highest_serial": 7}, "not newer than 7"),
        ({"highest_serial": 8}, "not newer than 8"),
        ({"annex_present": False}, "annex for device laptop-1 is missing"),
    ],
)
def test_the_old_policy_stays_when_the_new_one_may_not_be_applied(parts, changes, named):
    policy = parse_policy_toml(whole(parts))
    apply(policy)
    with pytest.raises(PolicyError, match=named):
        apply(policy, **changes)


def test_expiry_never_stops_capture():
    apply(replace(parse_policy_toml(SMALL), expires=datetime(2000, 1, 1, tzinfo=UTC)))


# the annex

ANNEX = """device = "laptop-1"

[[source]]
name = "mail"
label = "Postvak IN"
path = "/home/minister/Mail"

[exclude]
folders = ["Privé"]
correspondents = ["thuis@example.org"]
"""
PLACE = '\n[[source]]\nname = "mail"\nkind = "maildir"\n'


def test_an_annex_opens_for_its_device_only():
    sealed = seal_annex(parse_annex(ANNEX), [IDENTITY.recipient], random=os.urandom)
    annex = open_annex(sealed, [IDENTITY], device="laptop-1")
    assert annex.sources == (SourceAnnex("mail", "Postvak IN", "/home/minister/Mail"),)
    assert (annex.folders, annex.correspondents) == (("Privé",), ("thuis@example.org",))
    with pytest.raises(PolicyError, match="is for device laptop-1, not laptop-2"):
        open_annex(sealed, [IDENTITY], device="laptop-2")
    with pytest.raises(DecryptError):
        open_annex(sealed, [age.Identity.from_seed(bytes(32))], device="laptop-1")
    with pytest.raises(LakzegelError):
        open_annex(sealed[:-1] + bytes([sealed[-1] ^ 1]), [IDENTITY], device="laptop-1")


def test_what_is_sealed_as_an_annex_but_is_none_is_refused():
    for plain in (b"\xff", b"device = ", b"x = 1\n"):
        sealed = age.encrypt(plain, [IDENTITY.recipient], random=os.urandom)
        with pytest.raises(PolicyError):
            open_annex(sealed, [IDENTITY], device="laptop-1")


@pytest.mark.parametrize(
    "text",
    [
        "",
        ANNEX.replace("laptop-1", "Laptop"),
        ANNEX.replace("device", "devices", 1),
        ANNEX.replace("label", "labels"),
        ANNEX.replace("folders", "folder"),
        ANNEX.replace("Postvak IN", "a/b"),
        ANNEX.replace('"Postvak IN"', '""'),
        ANNEX.replace('["Privé"]', '"Privé"'),
        ANNEX + "\n[more]\n",
        ANNEX + '\n[[source]]\nname = "mail"\n',
    ],
)
def test_no_other_annex_is_taken(text):
    with pytest.raises(PolicyError):
        parse_annex(text)


def test_an_annex_beyond_its_limit_is_not_parsed():
    with pytest.raises(LimitError):
        parse_annex(ANNEX + "#" * MAX_ANNEX)


def test_the_annex_gives_sources_their_paths_and_labels():
    policy = parse_policy_toml(SMALL + PLACE)
    (source,) = effective_sources(policy, parse_annex(ANNEX))
    assert (source.label, source.path) == ("Postvak IN", "/home/minister/Mail")
    assert source.source.path == source.path
    with pytest.raises(PolicyError, match="a path in neither"):
        effective_sources(policy, None)
    plain = parse_policy_toml(SMALL + PLACE + 'path = "~/Mail"\n')
    (source,) = effective_sources(plain, None)
    assert (source.label, source.path) == ("mail", "~/Mail")


def test_an_annex_names_sources_of_the_policy_each_with_its_label():
    with pytest.raises(PolicyError, match="source mail is not in the policy"):
        effective_sources(parse_policy_toml(SMALL), parse_annex(ANNEX))
    other = '\n[[source]]\nname = "Postvak IN"\nkind = "eml"\npath = "~/x"\n'
    with pytest.raises(PolicyError, match="two sources have one label"):
        effective_sources(parse_policy_toml(SMALL + PLACE + other), parse_annex(ANNEX))


# units


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0s", 0),
        ("500ms", 0.5),
        ("2s", 2),
        ("15m", 900),
        ("15 m", 900),
        ("1h", 3600),
        ("7d", 604800),
    ],
)
def test_durations(text, seconds):
    assert parse_duration(text, what="x") == seconds


@pytest.mark.parametrize(
    "text", ["", "1", "s", "-1s", "+1s", "01s", "1.5h", "1w", "1S", "1  s", "1s ", "1m30s", "1e3s",
             "9999999999s", "\u0661s"]
)  # fmt: skip
def test_no_other_duration(text):
    with pytest.raises(PolicyError):
        parse_duration(text, what="x")


@pytest.mark.parametrize(
    ("text", "size"), [("0B", 0), ("16 MiB", 2**24), ("2GiB", 2**31), ("8191 TiB", 8191 * 2**40)]
)
def test_sizes(text, size):
    assert parse_size(text, what="x") == size


@pytest.mark.parametrize("text", ["", "1", "1MB", "1 mib", "-1B", "1.5GiB", "01 B", "8192 TiB"])
def test_no_other_size(text):
    with pytest.raises(PolicyError):
        parse_size(text, what="x")


@pytest.mark.parametrize("name", ["a", "Postvak IN", "é" * 128, "...", "a.b"])
def test_a_label_can_be_a_folders_name(name):
    assert source_label(name, what="x") == name


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "a\0", "a\n", "é" * 129, "\u202e"])
def test_nothing_else_is_a_label(name):
    with pytest.raises(PolicyError):
        source_label(name, what="x")
