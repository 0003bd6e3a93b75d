# SPDX-License-Identifier: EUPL-1.2
"""A hold covers what it names and asks for, now and later, wherever it is known from."""

import json
import os
from datetime import timedelta

import pytest

from lakzegel_core.errors import LakzegelError
from lakzegel_core.hold import HOLD, Mark, open_mark, sign_mark
from lakzegel_office.checkpoints import replay_mirror
from lakzegel_office.collection.model import Query
from lakzegel_office.commands.common import Office
from lakzegel_office.destroying.holds import Hold, Holds, held_by
from lakzegel_office.errors import DoubtError
from lakzegel_office.mirror import Mirror
from tests.office.mails import letter


@pytest.fixture
def mails(world, device, collected):
    device.send_as("maildir", {"cur/1": [letter(1, "Zangzaad")], "cur/2": [letter(2, "Vogelkooi")]})
    collected().close()


def holds_of(world):
    office = Office(world.home, world.config, world.vault)
    return Holds(office, replay_mirror(Mirror(world.home.mirror), world.config))


def covered(world, collection, **query):
    units = [unit.id for unit in collection.units(Query())]
    found = held_by(holds_of(world).on(), collection, units)
    return sorted((collection.unit(unit).snippet, name) for unit, name in found.items())


def published(world, name):
    note = (world.home.notes / f"{name}.note").read_bytes()
    world.receiver.append(note)
    return note


def test_a_hold_covers_what_its_query_finds_now_and_later(world, device, mails, collected, capsys):
    assert world.run("hold", "set", "woo-1", "--reason", "Woo", "--query", "vogel*") == 0
    assert "woo-1: on; covers 1 units" in capsys.readouterr().out
    device.send_as("maildir", {"cur/3": [letter(3, "Vogelnest")]})
    assert covered(world, collected()) == [("Vogelkooi", "woo-1"), ("Vogelnest", "woo-1")]


def test_its_note_names_nothing_and_its_annex_is_mirrored(world, mails, capsys):
    world.run("hold", "set", "woo-1", "--reason", "Woo-verzoek", "--query", "vogelkooi")
    note = published(world, "hold-woo-1-on")
    said = open_mark(note, HOLD, world.config.keys["approval-1"])
    assert (said.name, said.state) == ("woo-1", "on")
    assert world.pull().clean
    assert (world.home.mirror / "annexes" / said.annex.hex()).is_file()
    assert said.annex.hex() in world.receiver.annexes
    assert world.run("verify", "--quiet") == 0
    assert world.run("hold", "list", "--json") == 0
    row = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (row["covers"], row["public"], row["query"]) == (1, True, {"text": "vogelkooi"})


def test_what_a_colleague_wrote_is_one_line_and_steers_no_terminal(world, mails, capsys):
    reason = "\x1b]0;ran\x07a\nwoo-2\t2026-01-01"
    world.run("hold", "set", "woo-1", "--reason", reason, "--query", "vogelkooi")
    capsys.readouterr()
    assert world.run("hold", "list") == 0
    assert capsys.readouterr().out.endswith("\t\\x1b]0;ran\\x07a\\nwoo-2\\t2026-01-01\n")
    with pytest.raises(SystemExit):
        world.run("hold", "set", "x", "--\x1b]0;ran\x07")
    assert "\x1b" not in capsys.readouterr().err


def test_units_can_be_named_by_their_ids(world, mails, collected, tmp_path):
    (unit,) = collected().units(Query(text="zangzaad"))
    (tmp_path / "ids").write_text(f"{unit.id}\tmail\t…\n\n")
    assert world.run("hold", "set", "x", "--reason", "r", "--units", str(tmp_path / "ids")) == 0
    assert covered(world, collected()) == [("Zangzaad", "x")]


def test_a_hold_that_is_released_covers_nothing_and_never_comes_back_by_replay(
    world, mails, collected
):
    world.run("hold", "set", "x", "--reason", "r", "--query", "zangzaad")
    on = published(world, "hold-x-on")
    assert world.run("hold", "release", "x", "--reason", "besluit") == 0
    assert covered(world, collected()) == []
    published(world, "hold-x-off")
    world.receiver.append(on)
    assert {doubt.code for doubt in world.pull().doubts} == {"replay"}
    assert holds_of(world).on() == []
    assert world.run("hold", "release", "x", "--reason", "nog eens") == 2


def test_a_hold_that_only_the_log_knows_is_kept_to(world, mails, collected):
    world.run("hold", "set", "x", "--reason", "r", "--query", "zangzaad")
    published(world, "hold-x-on")
    world.pull()
    (world.home.records / "holds.jsonl").unlink()
    assert covered(world, collected()) == [("Zangzaad", "x")]


def test_of_a_hold_that_cannot_be_read_nobody_says_what_it_leaves_free(world, mails):
    key = world.vault.signer("approval-1", world.config.keys["approval-1"])
    at = world.receiver.now + timedelta(days=900)
    world.receiver.append(sign_mark(Mark(HOLD, world.config.origin, "x", "on", bytes(32), at), key))
    world.pull()
    with pytest.raises(DoubtError, match="hold x: is on, and what it covers cannot be read"):
        holds_of(world).on()


def test_the_annex_of_one_hold_is_not_that_of_another(world):
    mark = Mark(HOLD, "o", "a", "on", bytes(32), world.receiver.now)
    other = Hold("b", "r", None, (), world.receiver.now)
    for data in (other.to_annex(os.urandom), b"{}", b"x"):
        with pytest.raises(DoubtError, match="hold a: its annex"):
            Hold.from_annex(data, mark)
    assert not issubclass(DoubtError, LakzegelError)


@pytest.mark.parametrize(
    "arguments",
    [("x", "--reason", "r"), ("x", "--reason", " ", "--query", "a"), ("X!", "--reason", "r")],
    ids=["covers nothing", "no reason", "no name"],
)
def test_a_hold_says_what_it_covers_and_why(world, mails, arguments):
    assert world.run("hold", "set", *arguments) == 2
