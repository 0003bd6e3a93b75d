# SPDX-License-Identifier: EUPL-1.2
"""How old keys are, and what is due."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from lakzegel_core.policy import parse_policy_toml, sign_policy
from lakzegel_office.__main__ import main
from lakzegel_office.checkpoints import replay_mirror
from lakzegel_office.commands.common import Office
from lakzegel_office.errors import UsageError
from lakzegel_office.keys.due import all_due
from lakzegel_office.keys.rotating import rotate
from lakzegel_office.keys.staffing import Tools
from lakzegel_office.mirror import Mirror

from .killing import Killed, killed_before

NOW = datetime(2027, 1, 2, tzinfo=UTC)


def due(world, days, *, replay=False):
    """What is due so many days after the office began, and what is not."""
    office = Office(world.home, world.config, world.vault)
    begun = world.config.periods.all[0].begun
    seen = replay_mirror(Mirror(world.home.mirror), world.config) if replay else None
    found = list(all_due(office, seen))
    now = begun + timedelta(days=days)
    return {one.what for one in found if one.is_due(now)}, {
        one.what for one in found if not one.is_due(now)
    }


APPROVALS = {"key records.example/approval-1", "key records.example/approval-2"}
ENROLMENT = {"key records.example/enrolment"}
NEVER_DONE = {"sample first", "trail-check"}


def test_what_is_due_grows_with_time(world):
    assert due(world, 1)[0] == NEVER_DONE
    assert due(world, 367)[0] == NEVER_DONE | {"period first"}
    assert due(world, 732)[0] == NEVER_DONE | {"period first"} | APPROVALS | ENROLMENT


def test_what_was_done_is_not_due_until_its_time(world, device):
    device.send_files({"a": b"x"})
    world.pull()
    assert world.run("keys", "escrow", "sample") == 0
    assert "sample first" in due(world, 91)[1]
    assert "sample first" in due(world, 94)[0]


def test_the_office_sets_its_own_terms(world):
    text = world.home.config.read_text()
    world.home.config.write_text(
        text.replace("\n[[period]]", "\n[due]\nperiod = 10\n\n[[period]]", 1)
    )
    assert "period first" in due(world, 11)[0]
    assert world.run("keys", "period", "begin", "p2") == 0  # writes it anew
    assert world.config.due["period"] == 10
    for wrong in ("period = 0", "perod = 1", "period = true"):
        world.home.config.write_text(text + f"\n[due]\n{wrong}\n")
        with pytest.raises(UsageError, match="due"):
            _ = world.config


def test_a_delegation_that_is_not_in_force_and_a_policy_that_ends_soon_are_due(
    world, device, tmp_path
):
    file = tmp_path / "p"
    file.write_text("anna weet dit alleen\n")
    new = ["--new-passphrase-file", str(file), "--work-factor", "5"]
    assert world.run("staff", "add", "anna", "--roles", "approver", *new) == 0
    expires = (world.config.periods.all[0].begun + timedelta(days=100)).date().isoformat()
    recipients = json.dumps([r.to_text() for r in world.config.recipients.values()])
    policy = parse_policy_toml(
        f'serial = 3\naudience = ["device:minister"]\nexpires = {expires}\ncadence = "0s"\n'
        f'recipients = {recipients}\n[[source]]\nname = "s"\nkind = "folder"\npath = "/x"\n'
    )
    keys = world.vault.signers(("policy-records", "policy-privacy"), world.config.policy_keys)
    world.receiver.append(sign_policy(world.config.origin, policy, keys))
    assert world.pull().doubts == []
    assert "delegation 2" in due(world, 1, replay=True)[0]
    assert "policy 3" in due(world, 60, replay=True)[1]
    assert "policy 3" in due(world, 71, replay=True)[0]


def test_status_says_where_the_escrow_is_and_exits_with_1_while_something_is_due(world, capsys):
    capsys.readouterr()
    assert world.run("keys", "status") == 1
    out = capsys.readouterr().out
    assert "sample first\tsince never\tDUE now\tescrow in the vault: split it" in out
    assert world.run("keys", "status", "--json") == 1
    rows = json.loads(capsys.readouterr().out)
    assert {row["what"] for row in rows if row["due"]} == NEVER_DONE


def newest(world):
    made = sorted(world.home.notes.glob("delegation-*.note"), key=lambda p: int(p.stem[11:]))
    world.receiver.append(made[-1].read_bytes())
    assert world.pull().doubts == []


def test_another_enrolment_key_admits_once_its_delegation_is_in_force(world, device, tmp_path):
    former = world.config.keys["enrolment"]
    assert world.run("keys", "rotate", "enrolment") == 0
    assert world.config.keys["enrolment"] != former
    newest(world)
    world.enrol("second")
    device.send_files({"a": b"x"})  # what the former key let in goes on
    assert world.pull().doubts == []
    assert world.run("verify", "--quiet", "--open") == 0


def test_a_kill_before_any_write_of_a_rotation_makes_no_second_key(world):
    made = set()
    for number in range(9):
        try:
            with killed_before(number):
                office = Office(world.home, world.config, world.vault)
                rotate(office, "enrolment", Tools(NOW))
            break
        except Killed:
            if world.vault.has("enrolment-next"):
                made.add(world.vault.load("enrolment-next"))
    assert number >= 3
    assert len(made) == 1
    assert world.vault.signer("enrolment", world.config.keys["enrolment"])
    assert len(list(world.home.notes.glob("delegation-2.note"))) == 1


def test_an_approver_replaces_his_own_key_and_what_it_signed_is_still_his(world, tmp_path):
    for name in ("anna", "bram"):
        (tmp_path / name).write_text(f"{name} weet dit alleen\n")
        new = ["--new-passphrase-file", str(tmp_path / name), "--work-factor", "5"]
        assert world.run("staff", "add", name, "--roles", "approver", *new) == 0
    newest(world)
    former = world.config.people.get("anna").approval
    assert world.run("keys", "rotate", "approval") == 2  # nobody logged in
    own = ["--passphrase-file", str(tmp_path / "anna"), "--as", "anna"]
    assert main(["keys", "rotate", "approval", "--home", str(world.home.root), *own]) == 0
    now = world.config.people.get("anna").approval
    assert now != former
    assert world.config.people.holder(former).name == "anna"
    assert world.run("keys", "delegation", "prepare") == 0
    newest(world)
    replay = replay_mirror(Mirror(world.home.mirror), world.config)
    in_force = replay.custody.require_delegation().approval
    assert now in in_force
    assert former not in in_force
