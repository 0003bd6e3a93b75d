# SPDX-License-Identifier: EUPL-1.2
"""A destruction by two named people: whose keys signed, and what one of them cannot do alone."""

import os
from xml.etree import ElementTree as ET

import pytest

from lakzegel_office.__main__ import main
from lakzegel_office.checkpoints import replay_mirror
from lakzegel_office.commands.common import Office
from lakzegel_office.destroying.carrying import Carrier
from lakzegel_office.destroying.printing import _rows
from lakzegel_office.keys.approving import two_persons
from lakzegel_office.keys.login import login
from lakzegel_office.mirror import Mirror
from tests.office.disposing import COPIES, NOW, carry_out, decide
from tests.office.mails import letter


@pytest.fixture
def named(world, device, collected, tmp_path):
    """Two approvers whose keys are in force, and how each runs a command."""
    for name in ("anna", "bram"):
        (tmp_path / name).write_text(f"{name} weet dit alleen\n")
        new = ["--new-passphrase-file", str(tmp_path / name), "--work-factor", "5"]
        assert world.run("staff", "add", name, "--roles", "archivist,approver", *new) == 0
    world.receiver.append((world.home.notes / "delegation-3.note").read_bytes())
    device.send_as("maildir", {"cur/1": [letter(1, "Zangzaad")], "cur/2": [letter(2, "Vogelkooi")]})
    collected().close()
    decide(world, "zangzaad")

    def run(name, *arguments):
        home = ["--home", str(world.home.root), "--passphrase-file", str(tmp_path / name)]
        return main([*arguments, *home, "--as", name])

    return run


def test_a_mail_goes_by_the_keys_of_two_persons_and_by_nobodys_twice(world, named, capsys):
    ground = ("--ground", "verzoek", "--category", "prive", "--query", "zangzaad")
    assert named("anna", "destroy", "propose", *ground) == 0
    assert named("anna", "approve", "1") == 2
    assert "a second person must approve" in capsys.readouterr().err
    assert world.run("approve", "1") == 2  # init's keys are out of force
    assert named("bram", "approve", "1") == 0
    staff, vault = login(world.home, world.config, "anna", "anna weet dit alleen", None)
    office = Office(world.home, world.config, vault, staff)
    with world.home.exclusive():
        pull = world.puller().run
        Carrier(office, os.urandom).carry_out(1, world.receiver, pull, COPIES, NOW)
    assert world.run("verify", "--open", "--quiet") == 0
    replay = replay_mirror(Mirror(world.home.mirror), world.config)
    assert len(replay.changes) == 1
    anna, bram = (world.config.people.get(name).approval for name in ("anna", "bram"))
    (said,) = world.home.disposals.glob("1-*/verklaring.xml")
    assert 'tweePersonen="ja"' in said.read_text()
    assert two_persons(world.config, anna, bram)
    assert {row["actor"] for row in world.trail() if row["action"] == "propose"} == {"anna"}
    assert {row["actor"] for row in world.trail() if row["action"] == "approve"} == {"bram"}


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
