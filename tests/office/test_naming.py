# SPDX-License-Identifier: EUPL-1.2
"""What search shows is what show, open and prove take: a unit, without its neighbours."""

from contextlib import closing

import pytest

from lakzegel_office.collection.model import Query
from lakzegel_verify.__main__ import main as judge
from tests.office.mails import letter

CHAT = b"12-03-24 09:01 - Anna: Komt de notitie\n12-03-24 09:02 - Bart: Ja, morgen\n"


@pytest.fixture
def unit(world, device, collected):
    """How to find the one unit with a word; a chat was sealed as one segment."""
    device.send_as("maildir", {"cur/1": [letter(1, "Zangzaad")]})
    device.send_as("whatsapp-export", {"WhatsApp-chat met Anna.txt": [CHAT]})

    def find(word):
        with closing(collected()) as collection:
            (found,) = collection.units(Query(text=word))
            return found.id

    return find


def test_a_mail_is_proven_by_the_id_that_search_shows(world, unit, tmp_path, capsys):
    out = tmp_path / "mail.eml"
    assert world.run("prove", unit("zangzaad"), str(out)) == 0
    assert "is item minister/0/0/0" in capsys.readouterr().err
    assert out.read_bytes() == letter(1, "Zangzaad")
    keys = world.home.notes / "judge.keys"
    assert judge([f"{out}.proof", str(out), "--keys", str(keys)]) == 0


def test_a_message_that_is_sealed_with_others_is_not_proven_with_them_unasked(
    world, unit, tmp_path, capsys
):
    assert world.run("prove", unit("morgen"), str(tmp_path / "out")) == 2
    said = capsys.readouterr().err
    assert "sealed together with 1 others" in said
    assert "minister/0/1/0" in said
    assert list(tmp_path.glob("out*")) == []


def test_a_message_is_opened_alone_and_the_trail_names_it(world, unit, capfdbinary):
    name = unit("morgen")
    assert world.run("open", name, "--reason", "Woo 2026-14") == 0
    assert capfdbinary.readouterr().out == b"12-03-24 09:02 - Bart: Ja, morgen\n"
    assert {"unit": name} in world.trail()[-1].values()


@pytest.mark.parametrize("name", ["", "minister/0/0", "minister/0/0/x", "A" * 26, "../../etc"])
@pytest.mark.parametrize("command", ["show", "prove", "open"])
def test_what_is_no_name_is_a_line_and_no_traceback(world, capsys, command, name):
    with pytest.raises(SystemExit) as end:
        world.run(command, name, "out", "--reason", "x")
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert "an item is device/epoch/batch/index" in said
    assert "Traceback" not in said


def test_a_unit_that_is_not_there_is_told_with_where_to_look(world, unit, capsys):
    unit("morgen")
    assert world.run("show", "a" * 26) == 2
    assert "no such unit; see: lakzegel-office search" in capsys.readouterr().err
