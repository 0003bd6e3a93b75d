# SPDX-License-Identifier: EUPL-1.2
"""An index that is made anew, or put back from before, knows what was destroyed, and no more."""

import json
import shutil
from contextlib import closing

import pytest

from lakzegel_office.collection.model import Query
from lakzegel_office.destroying.lists import WITHDRAWN, Lists
from lakzegel_office.destroying.withdrawing import Withdrawal
from lakzegel_office.vault import INDEX
from tests.office.disposing import carry_out, decide, office_of
from tests.office.mails import letter
from tests.office.test_destroy import CHAT
from tests.office.test_erase import database_rows


@pytest.fixture
def approved(world, device, collected, tmp_path):
    """List 1, approved, of a mail and a message; and a copy of `state/` from before."""
    device.send_as("maildir", {"cur/1": [letter(1, "Zangzaad")], "cur/2": [letter(2, "Vogelkooi")]})
    device.send_as("whatsapp-export", {"WhatsApp-chat met Anna.txt": [CHAT]})
    collected().close()
    world.run("list", "--json")
    shutil.copytree(world.home.state, tmp_path / "before")
    units = [*decide(world, "zangzaad"), *decide(world, "ziekenhuis")]
    (tmp_path / "units").write_text("\n".join(units))
    ground = ("--ground", "verzoek", "--category", "prive", "--units", str(tmp_path / "units"))
    assert world.run("destroy", "propose", *ground) == 0
    assert world.run("approve", "1") == 0
    return sorted(units)


def told(world, capsys, *command):
    capsys.readouterr()
    code = world.run(*command)
    found = capsys.readouterr()
    return code, found.out, found.err


def says_destroyed(world, capsys, units):
    """Every way to ask for them, and what is answered."""
    _, out, _ = told(world, capsys, "search", "", "--destroyed", "--json", "--quiet")
    rows = [json.loads(line) for line in out.splitlines()]
    assert sorted(row["unit"] for row in rows) == units
    assert all("destroyed; certificate 1, " in row["destroyed"] for row in rows)
    assert {(row["app"], row["source"], row["device"]) for row in rows} == {
        ("mail", "mail", "minister"),
        ("whatsapp", "mail", "minister"),
    }
    for unit in units:
        code, _, err = told(world, capsys, "open", unit, "--reason", "nazien")
        assert (code, "certificate 1, " in err) == (1, True)
    for words in ("zangzaad", "ziekenhuis"):
        _, out, err = told(world, capsys, "search", words, "--quiet")
        assert out == ""
        assert "2 units here were destroyed" in err
    _, out, _ = told(world, capsys, "list", "--json")
    items = {json.loads(line)["item"] for line in out.splitlines()}
    assert not items & {"minister/0/0/0", "minister/0/0/1"}


def test_whatever_becomes_of_the_index_it_says_the_same_and_brings_nothing_back(
    world, device, approved, tmp_path, capsys
):
    carry_out(world)
    says_destroyed(world, capsys, approved)
    shutil.rmtree(world.home.state)
    says_destroyed(world, capsys, approved)
    shutil.rmtree(world.home.state)
    shutil.copytree(tmp_path / "before", world.home.state)
    says_destroyed(world, capsys, approved)
    rows = b"".join(database_rows(world, world.vault.load(INDEX)))
    assert b"vogelkooi" in rows.lower()
    assert b"zangzaad" not in rows.lower()
    assert b"ziekenhuis" not in rows.lower()
    assert world.run("verify", "--open", "--quiet") == 0
    device.send_as("maildir", {"new/9": [letter(1, "Zangzaad")]})  # the same mail, captured anew
    world.pull()
    ground = ("--ground", "verzoek", "--category", "prive", "--query", "zangzaad")
    assert world.run("destroy", "propose", *ground) == 2
    assert "captured anew, decide in review" in capsys.readouterr().err
    (unit,) = decide(world, "zangzaad")
    assert unit in approved
    assert world.run("destroy", "propose", *ground) == 0
    assert world.run("approve", "2") == 0
    carry_out(world, 2)
    assert decide(world, "zangzaad") == []
    assert world.run("verify", "--open", "--quiet") == 0


@pytest.mark.soak
def test_a_run_that_was_cut_off_goes_on_with_an_index_that_was_made_anew(
    world, approved, collected, monkeypatch
):
    with monkeypatch.context() as patch:
        patch.setattr(Withdrawal, "conclude", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            carry_out(world)
    shutil.rmtree(world.home.state)
    carry_out(world)
    assert Lists(office_of(world)).get(1).state == WITHDRAWN
    with closing(collected()) as collection:
        assert sorted(one.unit for one in collection.gone()) == approved
        assert collection.count(Query(text="vogelkooi")) == 1
