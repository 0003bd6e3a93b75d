# SPDX-License-Identifier: EUPL-1.2
"""The office's keys at rest, admissions, policies and their annexes."""

import hashlib
import json
import stat
from dataclasses import replace

import pytest

from lakzegel_core import note
from lakzegel_core.admission import open_admission
from lakzegel_core.annex import open_annex
from lakzegel_core.delegation import open_delegation
from lakzegel_core.errors import LakzegelError
from lakzegel_core.keys import SigningKey
from lakzegel_core.policy import open_policy
from lakzegel_office.errors import UsageError
from lakzegel_office.vault import ACCOUNT, Vault

ANNEX = """device = "minister"

[[source]]
name = "s1"
label = "Postvak IN"
path = "~/Mail"
"""


def policy(world, *, serial=1, audience="device:minister", extra=""):
    recipients = [r.to_text() for r in world.config.recipients.values()]
    return f"""serial = {serial}
audience = ["{audience}"]
expires = 2036-01-01
recipients = {json.dumps(recipients)}
cadence = "0s"
{extra}
[[source]]
name = "s1"
kind = "maildir"
"""


def test_no_key_lies_in_the_clear_and_none_is_readable_by_others(world):
    names = set()
    for path in world.home.keys.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        data = path.read_bytes()
        assert data.startswith(b"age-encryption.org/v1\n")
        assert b"PRIVATE" not in data
        assert b"SECRET" not in data
        names.add(path.stem)
    assert names == {
        "master", "index", "records", "escrow", "policy-records", "policy-privacy",
        "enrolment", "approval-1", "approval-2", "witness", "mirror", "held",
    }  # fmt: skip


def test_another_passphrase_opens_nothing(world, tmp_path, capsys):
    with pytest.raises(UsageError, match="the passphrase does not open it"):
        Vault.unlock(world.home.keys, "een andere zin")
    world.passphrase_file.write_text("een andere zin\n")
    assert world.run("list") == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_key_under_anothers_name_is_refused(world):
    keys = world.home.keys
    (keys / "held.age").write_bytes((keys / "enrolment.age").read_bytes())
    with pytest.raises(UsageError, match=r"not the key that office\.toml names"):
        world.vault.signer("held", world.config.keys["held"])


def test_init_never_overwrites_an_office(world, tmp_path, capsys):
    before = {p: p.read_bytes() for p in world.home.keys.iterdir()}
    assert world.run("init", "--log-keys", str(tmp_path / "log.keys")) == 2
    assert {p: p.read_bytes() for p in world.home.keys.iterdir()} == before


def test_the_delegation_is_signed_by_both_policy_keys(world):
    data = (world.home.notes / "delegation.note").read_bytes()
    delegation = open_delegation(data, world.config.policy_keys, 2)
    assert delegation.held == world.config.keys["held"]


def test_an_admission_comes_with_the_tokens_secret_half(world, tmp_path):
    token = tmp_path / "token"
    assert world.run("admit", "--group", "bewindspersonen", "--count", "3", str(token)) == 0
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    secret, blank, rest = token.read_bytes().partition(b"\n\n")
    published = (tmp_path / "token.note").read_bytes()
    assert blank
    assert rest == published
    admission = open_admission(published, world.config.keys["enrolment"])
    assert (admission.group, admission.count) == ("bewindspersonen", 3)
    assert admission.token == SigningKey.from_text(secret.decode()).verifier
    assert world.run("admit", "--device", "x", str(token)) == 2


def test_an_admission_that_is_past_is_refused(world, tmp_path, capsys):
    command = ["admit", "--device", "x", "--expires", "2020-01-01", str(tmp_path / "t")]
    assert world.run(*command) == 2
    assert "that is past" in capsys.readouterr().err


def test_a_policy_with_an_annex_takes_two_signatures_and_reaches_the_device(
    world, device, tmp_path
):
    world.pull()
    file, annex = tmp_path / "policy.toml", tmp_path / "annex.toml"
    file.write_text(policy(world))
    annex.write_text(ANNEX)
    assert world.run("policy", "sign", str(file)) == 2  # no path, no annex
    assert world.run("policy", "sign", str(file), "--annex", f"minister={annex}") == 0
    half = (tmp_path / "policy.toml.note").read_bytes()
    with pytest.raises(LakzegelError):
        open_policy(half, world.config.policy_keys, 2)
    assert world.run("policy", "cosign", str(file)) == 0
    whole = (tmp_path / "policy.toml.note").read_bytes()
    signed = open_policy(whole, world.config.policy_keys, 2, origin=world.config.origin)
    sealed = (tmp_path / "policy.toml.minister.annex").read_bytes()
    assert signed.annexes == {"minister": hashlib.sha256(sealed).digest()}
    assert open_annex(sealed, [device.annex], device="minister").sources[0].path == "~/Mail"
    world.receiver.append(whole)
    report = world.pull()
    assert report.doubts == []
    digest = hashlib.sha256(sealed).hexdigest()
    assert world.receiver.annexes == {digest: sealed}
    assert (world.home.mirror / "annexes" / digest).read_bytes() == sealed
    assert world.run("verify", "--quiet") == 0
    (world.home.mirror / "annexes" / digest).write_bytes(sealed[:-1])
    assert world.run("verify", "--quiet") == 1


def test_diff_shows_what_changes_and_sign_refuses_an_old_serial(world, device, tmp_path, capsys):
    file = tmp_path / "p.toml"
    file.write_text(policy(world).replace('"maildir"', '"maildir"\npath = "~/Mail"'))
    assert world.run("policy", "sign", str(file)) == 0
    assert world.run("policy", "cosign", str(file)) == 0
    world.receiver.append((tmp_path / "p.toml.note").read_bytes())
    world.pull()
    assert world.run("policy", "sign", str(file)) == 2
    assert "serial 1 is not above 1" in capsys.readouterr().err
    file.write_text(file.read_text().replace("serial = 1", "serial = 2").replace("~/Mail", "/x"))
    assert world.run("policy", "diff", str(file)) == 0
    assert [line for line in capsys.readouterr().out.splitlines() if line][:-1] == [
        "- serial 1",
        "+ serial 2",
        "- source s1: maildir at ~/Mail, settles 2 s",
        "+ source s1: maildir at /x, settles 2 s",
        "! source s1: another path, /x, was ~/Mail",
    ]


def test_diff_shows_when_and_how_fast_batches_leave(world, device, tmp_path, capsys):
    file = tmp_path / "p.toml"
    text = policy(world).replace('"maildir"', '"maildir"\npath = "~/Mail"')
    more = 'hours = "Fri-Sat 19:00-07:00, Sun 00:00-24:00"\nbandwidth = "512 KiB"\nmetered = "wait"'
    file.write_text(f"{text}\n[shipping]\n{more}\n")
    assert world.run("policy", "diff", str(file)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if "shipping" in line] == [
        "+ shipping: hours Fri, Sat: 19:00-07:00",
        "+ shipping: hours Sun: 00:00-24:00",
        "+ shipping: 524288 bytes a second",
        "+ shipping: on battery ship, on a metered network wait",
        "+ shipping: waits 86400 s at most",
    ]


AGREED = """
[[elsewhere]]
app = "teams"
attested_by = "functional-management"
until = 2035-06-30
why = "archived"

[[absence]]
source = "s1"
from = 2026-12-24
until = 2027-01-02

[mail]
domains = ["minxyz.example"]
"""


def test_diff_shows_what_is_attested_elsewhere_absences_and_domains(
    world, device, tmp_path, capsys
):
    file = tmp_path / "p.toml"
    text = policy(world).replace('"maildir"', '"maildir"\npath = "~/Mail"')
    file.write_text(text + AGREED)
    assert world.run("policy", "diff", str(file)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line[2:].startswith(("elsewhere", "absence", "mail"))] == [
        "+ elsewhere teams: attested by functional-management until 2035-06-30T00:00:00Z: archived",
        "+ absence of s1: from 2026-12-24T00:00:00Z until 2027-01-02T00:00:00Z",
        "+ mail domain minxyz.example",
    ]


def test_an_attestation_that_is_over_is_not_signed(world, device, tmp_path, capsys):
    file = tmp_path / "p.toml"
    text = policy(world).replace('"maildir"', '"maildir"\npath = "~/Mail"')
    file.write_text(text + AGREED.replace("2035-06-30", "2020-06-30"))
    assert world.run("policy", "sign", str(file)) == 2
    assert "elsewhere teams: until 2020-06-30T00:00:00Z, which is past" in capsys.readouterr().err


def test_a_policy_that_the_office_could_not_open_is_refused(world, device, tmp_path, capsys):
    file = tmp_path / "p.toml"
    text = policy(world).replace('"maildir"', '"maildir"\npath = "~/Mail"')
    file.write_text(text.replace(world.config.recipients["records"].to_text() + '", "', ""))
    assert world.run("policy", "sign", str(file)) == 2
    assert "lacks this office's records key" in capsys.readouterr().err


def test_an_unknown_key_in_a_policy_is_named(world, tmp_path, capsys):
    file = tmp_path / "p.toml"
    file.write_text(policy(world, extra="cadense = 1"))
    assert world.run("policy", "sign", str(file)) == 2
    assert "cadense is not known here" in capsys.readouterr().err


def test_cosign_refuses_a_note_that_was_changed_after_the_first_signature(world, tmp_path):
    file = tmp_path / "p.toml"
    file.write_text(policy(world).replace('"maildir"', '"maildir"\npath = "~/Mail"'))
    assert world.run("policy", "sign", str(file)) == 0
    path = tmp_path / "p.toml.note"
    path.write_bytes(path.read_bytes().replace(b"~/Mail", b"~/Post"))
    assert world.run("policy", "cosign", str(file)) == 2
    assert len(note.parse(path.read_bytes()).signatures) == 1


def test_a_header_under_a_policy_that_nobody_signed_is_found(world, device):
    device.policy = bytes([7]) * 32
    device.send(device.file_items("a", [b"1"]))
    assert [d.code for d in world.pull().doubts] == ["policy-unknown"]


def test_a_new_token_takes_the_place_of_the_old_one_and_the_rest_stays(world, tmp_path, capsys):
    """As after a receiver was made whole from its keys alone: its accounts are other ones."""
    before = world.config
    token = tmp_path / "token"
    for name in ("archief", "archief2"):
        token.write_text(f"{name}.geheim\n")
        token.chmod(0o600)
        assert world.run("receiver", "--account-file", str(token)) == 0
        assert world.config == replace(before, account=name)
        assert world.vault.load(ACCOUNT) == f"{name}.geheim".encode()
    assert b"geheim" not in (world.home.keys / "account.age").read_bytes()
    capsys.readouterr()
    assert world.run("receiver", "--server", "https://elders.example") == 0
    out = capsys.readouterr().out
    assert "https://elders.example" in out
    assert "archief2" in out
    assert "geheim" not in out
    assert world.config.account == "archief2"


@pytest.mark.parametrize("text", ["", "geen-punt\n", ".x\n", "x.\n"])
def test_what_is_no_token_of_a_receiver_changes_nothing(world, tmp_path, text):
    before, token = world.config, tmp_path / "token"
    token.write_text(text)
    token.chmod(0o600)
    assert world.run("receiver", "--account-file", str(token)) == 2
    assert world.run("receiver", "--ca-file", str(tmp_path / "none.pem")) == 2
    assert world.config == before
    assert not world.vault.has(ACCOUNT)
