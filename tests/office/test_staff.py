# SPDX-License-Identifier: EUPL-1.2
"""Named staff: each with a passphrase and keys of his own, and nobody with another's."""

import errno
import json
import os
import shutil
import stat
from dataclasses import replace
from datetime import UTC, datetime
from unittest.mock import Mock

import pytest

from lakzegel_core.delegation import open_delegation, peek_delegation
from lakzegel_core.errors import LakzegelError
from lakzegel_office import durable
from lakzegel_office.__main__ import main
from lakzegel_office.checkpoints import replay_mirror
from lakzegel_office.commands.common import Office, as_now
from lakzegel_office.errors import UsageError
from lakzegel_office.keys import delegations, staffing
from lakzegel_office.keys.approving import approval_key, policy_key, two_persons
from lakzegel_office.keys.login import login
from lakzegel_office.keys.people import Duty
from lakzegel_office.keys.standing import standing
from lakzegel_office.mirror import Mirror
from lakzegel_office.vault import INDEX, Vault

from .conftest import PASSPHRASE
from .killing import WRITES, Killed, killed_before

NOW = datetime(2027, 1, 2, tzinfo=UTC)
PHRASES = {name: f"{name} weet dit alleen" for name in ("anna", "bram", "petra", "otto")}


@pytest.fixture
def staff(world, tmp_path):
    """How to add somebody, to log in as him, and to run a command as him."""

    class Staff:
        def file(self, name):
            path = tmp_path / f"{name}.pass"
            path.write_text(PHRASES[name] + "\n")
            return path

        def add(self, name, roles, *more):
            new = ["--new-passphrase-file", str(self.file(name)), "--work-factor", "5"]
            return world.run("staff", "add", name, "--roles", roles, *new, *more)

        def run(self, name, *arguments):
            home = ["--home", str(world.home.root), "--passphrase-file", str(self.file(name))]
            return main([*arguments, *home, "--as", name])

        def office(self, name):
            found, vault = login(world.home, world.config, name, PHRASES[name], None)
            return Office(world.home, world.config, vault, found)

    return Staff()


def published(world):
    """Publish the newest delegation and pull; return the approval keys in force."""
    made = sorted(world.home.notes.glob("delegation*.note"), key=_serial)
    world.receiver.append(made[-1].read_bytes())
    assert world.pull().doubts == []
    return in_force(world)


def _serial(path):
    return peek_delegation(path.read_bytes()).serial


def in_force(world):
    replay = replay_mirror(Mirror(world.home.mirror), world.config)
    return replay.custody.require_delegation().approval


def test_each_approver_signs_with_a_key_that_his_passphrase_alone_opens(world, staff):
    assert staff.add("anna", "archivist,approver") == 0
    assert staff.add("bram", "approver") == 0
    keys = published(world)
    anna, bram = staff.office("anna"), staff.office("bram")
    first = approval_key(anna, keys)
    second = approval_key(bram, keys, besides=first.verifier)
    assert keys == (first.verifier, second.verifier)
    assert two_persons(world.config, first.verifier, second.verifier)
    with pytest.raises(UsageError, match="a second person must approve"):
        approval_key(anna, keys, besides=first.verifier)
    for text in (first.to_text(), second.to_text()):
        for folder in (world.home.keys, world.home.notes, world.home.mirror):
            assert not any(
                text.encode() in p.read_bytes() for p in folder.rglob("*") if p.is_file()
            )
    with pytest.raises(UsageError, match="does not open it"):
        login(world.home, world.config, "bram", PHRASES["anna"], None)
    with pytest.raises(UsageError, match="is not in force"):
        approval_key(Office(world.home, world.config, world.vault), keys)


def test_the_two_approvers_of_a_new_office_are_one_person_and_that_is_said(world, staff, capsys):
    office = Office(world.home, world.config, world.vault)
    world.pull()
    keys = in_force(world)
    first = approval_key(office, keys)
    second = approval_key(office, keys, besides=first.verifier)
    assert not two_persons(world.config, first.verifier, second.verifier)
    assert world.run("staff", "list") == 0
    out = capsys.readouterr().out
    assert "one passphrase opens every key" in out
    assert "approvals are not two persons': 2 of 2 approval keys are the office's own" in out
    assert "no privacy officer has a key" in out
    assert world.run("verify", "--json") == 0
    assert out.count("note: ") == len(json.loads(capsys.readouterr().out)["one_persons"]) == 3


def test_one_person_under_two_names_is_two_vaults_and_the_same_vault_is_refused(
    world, staff, monkeypatch
):
    assert staff.add("anna", "approver") == 0
    copy = world.home.root / "people" / "bram"
    shutil.copytree(world.home.root / "people" / "anna", copy)
    assert staff.add("bram", "approver") == 2  # his passphrase does not open her vault
    monkeypatch.setitem(PHRASES, "bram", PHRASES["anna"])
    assert staff.add("bram", "approver") != 0  # the same vault, so the same key
    assert [p.name for p in world.config.people.all] == ["anna"]


def test_a_policy_takes_the_privacy_officers_own_passphrase(world, staff, device, tmp_path, capsys):
    assert staff.add("anna", "archivist") == 0
    hers = Vault.create(world.home.root / "people" / "petra", PHRASES["petra"], 5)
    hers.store("policy-privacy", b"torn")
    assert staff.add("petra", "privacy") == 2
    assert world.vault.has("policy-privacy")  # until hers opens
    hers.destroy("policy-privacy")
    assert staff.add("petra", "privacy") == 0
    assert not world.vault.has("policy-privacy")
    anna, petra = staff.office("anna"), staff.office("petra")
    assert policy_key(anna, "policy-records")
    with pytest.raises(UsageError, match="petra has it"):
        policy_key(anna, "policy-privacy")
    with pytest.raises(UsageError, match="an archivist has it"):
        policy_key(petra, "policy-records")
    assert policy_key(petra, "policy-privacy").verifier == world.config.policy_keys[1]
    for name in ("master", INDEX, "records", "approval-1"):
        assert not petra.vault.has(name)
    assert petra.journal_key == anna.journal_key
    assert staff.add("otto", "privacy") == 0
    assert world.run("staff", "remove", "petra") == 2
    assert staff.run("petra", "staff", "hand-over", "anna") == 2  # has not the role
    assert staff.run("petra", "staff", "hand-over", "petra") == 2
    assert staff.run("petra", "staff", "hand-over", "otto") == 0
    assert policy_key(staff.office("otto"), "policy-privacy")
    with pytest.raises(UsageError, match="otto has it"):
        policy_key(staff.office("petra"), "policy-privacy")
    assert staff.run("petra", "staff", "hand-over", "otto") == 0  # once more changes nothing
    assert not hers.has("policy-privacy")
    left = replace(world.config.people.get("otto"), until=NOW)
    gone = replace(world.config, people=world.config.people.put(left))
    assert "no policy can be signed: otto, who left" in " ".join(standing(world.home, gone))


def test_roles_that_must_be_two_persons_are_not_given_to_one(world, staff):
    for roles in ("archivist,privacy", "audit,approver", "archivist,audit", "", "x"):
        assert staff.add("anna", roles) == 2, roles
    assert world.config.people.all == ()
    assert not (world.home.root / "people").exists()


def test_who_audits_reads_the_trail_and_opens_nothing(world, staff, device, capsys):
    device.send_files({"a": b"1"})
    world.pull()
    assert staff.add("otto", "audit") == 0
    capsys.readouterr()
    assert staff.run("otto", "trail") == 0
    assert "staff-add" in capsys.readouterr().out
    assert staff.run("otto", "open", "minister/0/0/0", "--reason", "x") == 2
    assert staff.run("otto", "list") == 2
    assert staff.run("otto", "staff", "remove", "otto") == 2


def test_the_trail_names_who_logged_in(world, staff, device, tmp_path):
    device.send_files({"a": b"1"})
    world.pull()
    assert staff.add("anna", "archivist") == 0
    out = str(tmp_path / "out")
    assert staff.run("anna", "open", "minister/0/0/0", "--reason", "Woo", "--out", out) == 0
    assert world.trail()[-1]["actor"] == "anna"


def test_a_home_of_before_is_settled_and_then_nobody_shares_a_passphrase(world, staff, capsys):
    world.pull()
    assert staff.add("anna", "archivist,approver") == 0
    assert staff.run("anna", "staff", "settle") == 2  # init's approval keys are in force
    assert staff.add("bram", "archivist,approver") == 0
    assert staff.add("petra", "privacy") == 0
    published(world)
    old = {p.name: p.read_bytes() for p in world.home.keys.glob("*.age")}
    assert staff.run("anna", "staff", "settle") == 0
    assert list(standing(world.home, world.config, in_force(world))) == []
    assert not {"master", "approval-1", "approval-2", "policy-privacy"} & {
        p.stem for p in world.home.keys.glob("*.age")
    }
    assert world.run("list") == 2
    assert "say who you are" in capsys.readouterr().err
    assert staff.run("bram", "list") == 0
    keeper = Vault(world.home.keys, *Vault.unlock(_kept(world, old), PASSPHRASE).masters)
    with pytest.raises(UsageError, match="does not open it"):
        keeper.load("records")


def _kept(world, files):
    """Somebody's old copy of the folder of keys."""
    folder = world.home.root.parent / "kept"
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def test_who_was_removed_opens_nothing_with_what_he_had(world, staff):
    assert staff.add("anna", "archivist,approver") == 0
    assert staff.add("bram", "archivist,approver") == 0
    keys = published(world)
    bram = staff.office("bram")
    before = bram.vault.masters
    mine = world.home.keys / "people" / "bram" / "master.age"
    wrapped = mine.read_bytes()
    assert world.run("staff", "remove", "bram") == 0
    with pytest.raises(UsageError, match="works not at this office"):
        login(world.home, world.config, "bram", PHRASES["bram"], None)
    assert not mine.exists()
    mine.parent.mkdir()
    mine.write_bytes(wrapped)  # he puts his old file back
    for name in Vault(world.home.keys, *before).names():
        with pytest.raises(UsageError, match="does not open it"):
            Vault(world.home.keys, *before).load(name)
    world.vault = Vault.unlock(world.home.keys, PASSPHRASE)
    assert bram.staff.person.approval not in published(world)
    assert staff.run("anna", "list") == 0
    assert staff.add("bram", "approver") == 2  # a name is for ever one person's
    assert keys != in_force(world)


def test_the_last_archivist_stays_and_a_shared_passphrase_comes_first(world, staff, capsys):
    assert staff.add("anna", "archivist,approver") == 0
    assert staff.add("bram", "approver") == 0
    published(world)
    assert staff.run("anna", "staff", "remove", "bram") == 2
    assert "still opens every key" in capsys.readouterr().err
    assert staff.run("anna", "staff", "settle") == 0
    assert staff.run("anna", "staff", "remove", "anna") == 2
    assert "the last archivist" in capsys.readouterr().err
    assert staff.run("anna", "staff", "remove", "bram") == 0


def test_a_delegation_waits_for_the_privacy_officer_who_sees_what_it_changes(world, staff, capsys):
    assert staff.add("petra", "privacy") == 0
    assert staff.add("anna", "archivist,approver") == 0
    assert staff.add("bram", "approver") == 0  # she is asked once, and sees both
    (path,) = world.home.notes.glob("delegation-3.note")
    with pytest.raises(LakzegelError):
        open_delegation(path.read_bytes(), world.config.policy_keys, 2)
    capsys.readouterr()
    assert staff.run("petra", "keys", "delegation", "cosign") == 0
    out = capsys.readouterr().out
    assert "of anna" in out
    assert "of bram" in out
    assert open_delegation(path.read_bytes(), world.config.policy_keys, 2).serial == 3
    assert staff.run("petra", "keys", "delegation", "cosign") == 2
    assert len(published(world)) == 2
    old = delegations.prepared(world.home)[-1][1]
    fewer = delegations.differences(old, replace(old, threshold=1), world.config.people)
    assert "+ threshold 1: so many policy keys sign" in list(fewer)


def test_a_vault_may_be_kept_elsewhere_and_gets_another_passphrase(world, staff, tmp_path, capsys):
    elsewhere = tmp_path / "usb"
    assert staff.add("anna", "archivist", "--new-staff-home", str(elsewhere)) == 0
    world.pull()
    assert staff.run("anna", "list") == 2
    place = ["--staff-home", str(elsewhere)]
    assert staff.run("anna", "list", *place) == 0
    new = tmp_path / "new"
    for act, own in ((staff.run, ["anna"]), (world.run, [])):
        new.write_text("te kort\n")
        change = [*own, "staff", "passphrase", "--new-passphrase-file", str(new)]
        assert act(*change, *place) == 2
        new.write_text("een heel andere zin\n")
        assert act(*change, *place) == 0
        assert act(*change, *place) == 2  # the old one opens it no more
    assert Vault.unlock(world.home.keys, "een heel andere zin").load(INDEX)
    assert Vault.unlock(elsewhere, "een heel andere zin").masters


def test_every_file_is_for_its_owner_alone_and_no_output_holds_a_secret(world, staff, capfd):
    assert staff.add("anna", "archivist,approver") == 0
    assert staff.add("petra", "privacy") == 0
    for root in (world.home.keys, world.home.root / "people"):
        for path in root.rglob("*"):
            wanted = 0o700 if path.is_dir() else 0o600
            assert stat.S_IMODE(path.stat().st_mode) == wanted, path
            if path.is_file():
                assert b"SECRET" not in path.read_bytes()
                assert b"PRIVATE" not in path.read_bytes()
    said = "".join(capfd.readouterr()) + repr(staff.office("anna"))
    assert "PRIVATE" not in said
    assert "SECRET" not in said
    assert not any(phrase in said for phrase in PHRASES.values())


@pytest.mark.parametrize("act", ["join", "leave"])
def test_a_kill_before_any_write_leaves_an_office_that_opens_and_can_go_on(
    world, staff, monkeypatch, act
):
    assert staff.add("anna", "archivist,approver") == 0
    assert staff.add("bram", "archivist,approver") == 0
    joining = staffing.Joining(
        "petra", frozenset({Duty.PRIVACY, Duty.APPROVER}), PHRASES["petra"], work_factor=5
    )
    tools = staffing.Tools(NOW)
    privacy = world.config.keys["policy-privacy"]

    def run():
        vault = Vault.unlock(world.home.keys, PASSPHRASE)
        office = Office(world.home, world.config, vault)
        if act == "join":
            staffing.join(office, joining, tools)
        else:
            staffing.leave(office, "bram", PASSPHRASE, tools)

    killed = 0
    for number in (*range(5), 11, 25, 99):
        try:
            with killed_before(number, (*WRITES, (shutil, "rmtree"))):
                run()
            break
        except Killed:
            killed += 1
        vault = Vault.unlock(world.home.keys, PASSPHRASE)  # every key is still to be had
        _, annas = login(world.home, world.config, "anna", PHRASES["anna"], None)
        for name in vault.names():
            assert vault.load(name) == annas.load(name)
        own = world.home.root / "people" / "petra"
        assert vault.has("policy-privacy") or Vault.unlock(own, PHRASES["petra"]).signer(
            "policy-privacy", privacy
        )
    assert killed >= (4 if act == "join" else 6)
    run()
    people = {person.name: person for person in world.config.people.all}
    assert people["bram" if act == "leave" else "petra"].works_here == (act == "join")
    vault = Vault.unlock(world.home.keys, PASSPHRASE)
    assert len(vault.masters) == 1
    if act == "join":
        assert len(list(world.home.notes.glob("delegation-*.note"))) == 3


def test_who_unlocked_before_the_master_key_was_replaced_changes_nothing(world):
    late = Office(world.home, world.config, world.vault)
    now = Office(world.home, world.config, Vault.unlock(world.home.keys, PASSPHRASE))
    staffing.renew_master(now, PASSPHRASE, staffing.Tools(NOW))
    for act in (as_now, lambda late: staffing.renew_master(late, PASSPHRASE, staffing.Tools(NOW))):
        with pytest.raises(UsageError, match="does not open it"):
            act(late)
    left = Vault.unlock(world.home.keys, PASSPHRASE)
    assert all(left.load(name) for name in left.names())


@pytest.mark.parametrize("links", [True, False])
def test_a_key_that_was_not_written_whole_is_not_there(tmp_path, monkeypatch, links):
    vault = Vault.create(tmp_path, PASSPHRASE, 5)

    def torn(path, *_):
        path.write_bytes(b"age-encryption.org/v1")
        raise Killed

    if not links:  # a stick
        monkeypatch.setattr(os, "link", Mock(side_effect=PermissionError(errno.EPERM, "no links")))
    with monkeypatch.context() as patch:
        patch.setattr(durable, "_write_synced", torn)
        with pytest.raises(Killed):
            vault.store("new", b"secret")
    assert not vault.has("new")
    vault.store("new", b"secret")
    assert vault.load("new") == b"secret"
    with pytest.raises(UsageError, match="there is such a key"):
        vault.store("new", b"another")
    assert not list(tmp_path.glob("*.part"))


def test_a_register_that_names_one_vault_or_key_twice_is_no_register(world, staff):
    assert staff.add("anna", "approver") == 0
    (anna,) = world.config.people.all
    for change in ({"recipient": anna.recipient}, {"approval": anna.approval}):
        other = replace(
            anna, name="bram", approval=None, recipient=world.config.recipients["records"]
        )
        with pytest.raises(ValueError, match="twice"):
            world.config.people.put(replace(other, **change))
