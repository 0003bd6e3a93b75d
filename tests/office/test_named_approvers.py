# SPDX-License-Identifier: EUPL-1.2
"""A destruction by two named people: whose keys signed, and what one of them cannot do alone."""

import os
import shutil
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from lakzegel_office.__main__ import main
from lakzegel_office.checkpoints import replay_mirror
from lakzegel_office.commands.common import Office
from lakzegel_office.destroying import staging
from lakzegel_office.destroying.carrying import Carrier
from lakzegel_office.destroying.lists import Lists
from lakzegel_office.destroying.printing import _rows
from lakzegel_office.errors import DoubtError, UsageError
from lakzegel_office.keys.approving import two_persons
from lakzegel_office.keys.login import login
from lakzegel_office.mirror import Mirror
from tests.office.disposing import COPIES, NOW, carry_out, decide, office_of
from tests.office.mails import letter

ROLES = {"anna": "archivist,approver", "bram": "archivist,approver", "petra": "privacy,approver"}


@pytest.fixture
def named(world, device, collected, tmp_path):
    """Three approvers whose keys are in force, and how each runs a command."""
    for name, roles in ROLES.items():
        (tmp_path / name).write_text(f"{name} weet dit alleen\n")
        new = ["--new-passphrase-file", str(tmp_path / name), "--work-factor", "5"]
        assert world.run("staff", "add", name, "--roles", roles, *new) == 0
    world.receiver.append((world.home.notes / "delegation-4.note").read_bytes())
    device.send_as("maildir", {"cur/1": [letter(1, "Zangzaad")], "cur/2": [letter(2, "Vogelkooi")]})
    collected().close()
    decide(world, "zangzaad")

    def run(name, *arguments):
        home = ["--home", str(world.home.root), "--passphrase-file", str(tmp_path / name)]
        return main([*arguments, *home, "--as", name])

    return run


GROUND = ("--ground", "verzoek", "--category", "prive", "--query", "zangzaad")


def run_as(world, name, number=1):
    """Carry a list out as somebody."""
    staff, vault = login(world.home, world.config, name, f"{name} weet dit alleen", None)
    office = Office(world.home, world.config, vault, staff)
    with world.home.exclusive():
        pull = world.puller().run
        Carrier(office, os.urandom).carry_out(number, world.receiver, pull, COPIES, NOW)


def test_a_mail_goes_by_the_keys_of_two_persons_and_by_nobodys_twice(world, named, capsys):
    assert named("anna", "destroy", "propose", *GROUND) == 0
    assert named("anna", "approve", "1") == 2
    assert "a second person must approve" in capsys.readouterr().err
    assert world.run("approve", "1") == 2  # init's keys are out of force
    assert named("bram", "approve", "1") == 0
    with pytest.raises(UsageError, match="signed this already"):
        run_as(world, "bram")
    run_as(world, "anna")
    assert world.run("verify", "--open", "--quiet") == 0
    replay = replay_mirror(Mirror(world.home.mirror), world.config)
    assert len(replay.changes) == 1
    anna, other = (world.config.people.get(name).approval for name in ("anna", "bram"))
    (said,) = world.home.disposals.glob("1-*/verklaring.xml")
    assert 'tweePersonen="ja"' in said.read_text()
    assert two_persons(world.config, anna, other)
    assert {row["actor"] for row in world.trail() if row["action"] == "propose"} == {"anna"}
    assert {row["actor"] for row in world.trail() if row["action"] == "approve"} == {"bram"}


def test_a_privacy_officer_approves_without_being_able_to_read_anything(world, named, capsys):
    named("anna", "destroy", "propose", *GROUND)
    capsys.readouterr()
    assert named("petra", "approve", "1") == 0
    told = capsys.readouterr().out
    (unit,) = Lists(office_of(world)).get(1).units
    assert f"unit\t{unit}\tprive\tmail\tmail\tdefault\tno time\t" in told
    assert "category prive: Privéberichten; AVG art. 17" in told
    assert "Zangzaad" not in told
    assert "c@x.example" not in told
    keys = world.home.keys / "people" / "petra"
    assert [path.name for path in keys.iterdir()] == ["journal.age"]
    for command in (["search", "zangzaad"], ["destroy", "show", "1"], ["destroy", "prepare", "1"]):
        assert named("petra", *command) == 2
    run_as(world, "anna")
    assert world.run("verify", "--open", "--quiet") == 0
    (said,) = world.home.disposals.glob("1-*/verklaring.xml")
    assert 'tweePersonen="ja"' in said.read_text()


def test_what_is_not_as_it_was_drafted_is_not_signed(world, named, capsys):
    named("anna", "destroy", "propose", *GROUND)
    folder = world.home.disposals / "1-draft"
    (ring,), draft = folder.glob("*.keyring"), folder / "ontwerp.json"

    def refused(why):
        capsys.readouterr()
        assert named("petra", "approve", "1") in {1, 2}
        assert why in capsys.readouterr().err
        assert not list(world.home.disposals.glob("1-1"))

    for path, change, why in (
        (draft, lambda data: data.replace(b'"prive"', b'"andere"'), "not the draft that the"),
        (ring, lambda data: data + b"x", "not the keyring that was drafted"),
    ):
        before = path.read_bytes()
        path.write_bytes(change(before))
        refused(why)
        path.write_bytes(before)
    decide(world, "zangzaad", "partij")
    refused("partij in review, and drafted as prive")
    decide(world, "zangzaad")
    named("anna", "destroy", "propose", *GROUND)
    named("bram", "approve", "2")
    run_as(world, "anna", 2)
    refused("was changed since it was drafted")
    shutil.rmtree(folder)
    refused("there is no draft to approve")


@pytest.mark.soak
def test_a_keyring_without_a_key_that_nobody_approved_the_end_of_is_not_sent(world, named):
    works = staging.seal_keyring

    def greedy(ring, *arguments, **more):
        return works(replace(ring, slots=(bytes(32),) * len(ring.slots)), *arguments, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(staging, "seal_keyring", greedy)
        named("anna", "destroy", "propose", *GROUND)
    assert named("petra", "approve", "1") == 0
    with pytest.raises(DoubtError, match="has not the keys that are to stay"):
        run_as(world, "anna")
    assert not [entry for entry in world.receiver.log if b"/keyring-change/" in entry[:40]]


def test_in_an_office_of_one_passphrase_the_certificate_says_that_they_may_be_one_person(
    world, device, collected
):
    device.send_as("maildir", {"cur/1": [letter(1, "Zangzaad")]})
    collected().close()
    decide(world, "zangzaad")
    ground = ("--ground", "verzoek", "--category", "prive", "--query", "zangzaad")
    assert world.run("destroy", "propose", *ground) == 0
    assert world.run("approve", "1") == 0
    carry_out(world)
    (said,) = world.home.disposals.glob("1-*/verklaring.xml")
    assert 'tweePersonen="nee"' in said.read_text()
    rows = _rows(*(ET.parse(p).getroot() for p in (said, said.with_name("uitvoering.xml"))), "x")
    assert any("één wachtwoord" in text for _, text in rows)
