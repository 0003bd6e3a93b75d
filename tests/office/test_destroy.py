# SPDX-License-Identifier: EUPL-1.2
"""Propose, approve, withdraw: exactly what was approved is gone, and everything else is not."""

import hashlib
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from xml.etree import ElementTree as ET

import pytest

from lakzegel_core.age import decrypt
from lakzegel_core.errors import LakzegelError
from lakzegel_core.keyringchange import open_keyring_change
from lakzegel_office.collection.model import Query
from lakzegel_office.destroying.deed import SPACE
from lakzegel_office.destroying.lists import Lists
from lakzegel_office.destroying.printing import print_certificate
from lakzegel_office.destroying.selection import read_selection
from lakzegel_office.errors import (
    BusyError,
    DoubtError,
    GoneError,
    RefusedError,
    UsageError,
)
from lakzegel_office.extracts import FILLER, open_extract
from lakzegel_office.review.book import Book
from tests.office.disposing import NOW, carry_out, decide, office_of
from tests.office.mails import letter

CHAT = (
    b"12-03-24 09:01 - Anna: Komt de notitie vandaag nog\n"
    b"12-03-24 09:02 - Bart: Mijn moeder ligt in het ziekenhuis\n"
    b"12-03-24 09:03 - Anna: Dan morgen de notitie graag\n"
)


@pytest.fixture
def mails(world, device, collected):
    device.send_as("maildir", {"cur/1": [letter(1, "Zangzaad")], "cur/2": [letter(2, "Vogelkooi")]})
    collected().close()


def propose(world, query, *more, category="prive", to="prive"):
    decide(world, query, to)
    return world.run(
        "destroy", "propose", "--ground", "verzoek", "--category", category, "--query", query, *more
    )


def texts(collected):
    with closing(collected()) as collection:
        return sorted(unit.snippet for unit in collection.units(Query()))


def lists(world):
    return {n: found.state for n, found in Lists(office_of(world)).all().items()}


def test_a_mail_that_two_people_let_go_is_gone_and_its_neighbour_is_not(
    world, mails, collected, capsys
):
    with closing(collected()) as collection:
        (unit,) = collection.units(Query(text="zangzaad"))
        raw = collection.raw(unit.id)
    assert propose(world, "zangzaad") == 0
    said = capsys.readouterr().out
    assert "list 1: proposed" in said
    assert re.search(r"^goes\t\w{26}\tmail\t.*Carla\ts · Zangzaad$", said, re.MULTILINE)
    assert texts(collected) == ["Vogelkooi", "Zangzaad"]  # nothing is destroyed yet
    assert world.run("approve", "1") == 0
    folder = carry_out(world)
    assert lists(world) == {1: "withdrawn"}
    assert texts(collected) == ["Vogelkooi"]
    assert world.run("verify", "--open", "--quiet") == 0
    with closing(collected()) as collection, pytest.raises(GoneError, match="certificate 1, "):
        collection.raw(unit.id)
    assert not any(
        raw in path.read_bytes() for path in world.home.root.rglob("*") if path.is_file()
    )
    assert carry_out(world) == folder  # again is nothing new
    assert world.receiver.keyrings.keys() == {
        p.stem for p in (world.home.mirror / "keyrings").iterdir()
    }


def test_who_follows_the_receiver_goes_on_after_others_destroyed(world, device, mails):
    following = world.puller()
    assert following.run().clean
    propose(world, "zangzaad")
    world.run("approve", "1")
    carry_out(world)
    device.send_as("maildir", {"cur/9": [b"Subject: nieuw\n\nNa afloop.\n"]})
    report = following.run()
    assert (report.clean, report.fetched) == (True, 1)
    assert world.run("verify", "--open") == 0


def test_a_command_waits_for_another_and_says_so_when_that_lasts(world):
    def held():
        with world.home.exclusive():
            return True

    with ThreadPoolExecutor(1) as pool:
        with world.home.exclusive():
            busy = "changes the mirror; wait for it"
            with pytest.raises(BusyError, match=busy), world.home.exclusive(0.05):
                pass
            waiting = pool.submit(held)
        assert waiting.result(timeout=20)


def test_the_certificate_says_what_the_law_asks_and_the_log_names_it(world, mails, capsys):
    propose(world, "zangzaad")
    world.run("approve", "1")
    folder = carry_out(world)
    data = (folder / "verklaring.xml").read_bytes()
    root = ET.fromstring(data)
    assert [root.findtext(f"{{{SPACE}}}{name}") for name in ("nummer", "grond", "organisatie")] == [
        "1",
        "verzoek",
        "records.example",
    ]
    category = root.find(f"{{{SPACE}}}categorie")
    assert category.findtext(f"{{{SPACE}}}bron") == "AVG art. 17; geen archiefbescheiden"
    assert root.find(f"{{{SPACE}}}omvang").get("eenheden") == "1"
    parts = root.findall(f".//{{{SPACE}}}partij")
    assert [(p.get("apparaat"), p.get("stukken")) for p in parts] == [("minister", "0 1")]
    for word in (b"Carla", b"c@x.example", b"Zangzaad", b"cur/1"):
        assert word not in data
    approvers = [world.config.keys[name] for name in ("approval-1", "approval-2")]
    (note,) = [entry for entry in world.receiver.log if b"/keyring-change/" in entry[:40]]
    change = open_keyring_change(note, approvers)
    assert change.certificate == hashlib.sha256(data).digest()
    identity = world.vault.identity("records")
    annex = decrypt((folder / "bijlage.age").read_bytes(), [identity], max_size=9999)
    assert b"c@x.example" in annex
    assert b"Zangzaad" not in annex
    done = ET.fromstring((folder / "uitvoering.xml").read_bytes())
    row = done.find(f"{{{SPACE}}}sleutelbosVervangen")
    assert row.get("logregel") == str(world.receiver.log.index(note))
    assert done.find(f"{{{SPACE}}}kopie").get("tot") == "2027-03-31"
    shown = (folder / "verklaring.pdf").read_bytes()
    assert shown.startswith(b"%PDF-")
    deed, rest = data, (folder / "uitvoering.xml").read_bytes()
    assert print_certificate(deed, rest, hashlib.sha256(data).hexdigest(), NOW) == shown


def test_of_a_chat_one_message_goes_and_an_extract_of_the_rest_is_sealed_first(
    world, device, collected
):
    device.send_as("whatsapp-export", {"WhatsApp-chat met Anna.txt": [CHAT]})
    collected().close()
    propose(world, "ziekenhuis")
    world.run("approve", "1")
    folder = carry_out(world)
    (path,) = folder.glob("extract-*.age")
    extract = open_extract(path.read_bytes(), [world.vault.identity("records")])
    lines = CHAT.splitlines(keepends=True)
    assert extract.payload() == lines[0] + FILLER * len(lines[1]) + lines[2]
    deed = (folder / "verklaring.xml").read_text()
    plain = decrypt(path.read_bytes(), [world.vault.identity("records")], max_size=9999)
    assert hashlib.sha256(plain).hexdigest() in deed


def read(collected):
    with closing(collected()) as collection:
        units = [unit for unit in collection.units(Query()) if unit.kind == "message"]
        return {unit.id: collection.body(unit.id).text for unit in units}


def test_neighbours_in_a_segment_stay_readable_and_can_go_later(world, device, collected, capsys):
    device.send_as("whatsapp-export", {"WhatsApp-chat met Anna.txt": [CHAT]})
    before = read(collected)
    (gone,) = [unit for unit, text in before.items() if "ziekenhuis" in text]
    propose(world, "ziekenhuis")
    world.run("approve", "1")
    carry_out(world)
    left = {unit: text for unit, text in before.items() if unit != gone}
    assert read(collected) == left
    with closing(collected()) as collection, pytest.raises(GoneError, match="certificate"):
        collection.raw(gone)
    shutil.rmtree(world.home.state)
    assert read(collected) == left
    with closing(collected()) as collection:
        lines = CHAT.splitlines(keepends=True)
        assert [collection.raw(unit.id) for unit in collection.units(Query())] == lines[::2]
    assert world.run("verify", "--open", "--quiet") == 0
    assert propose(world, "morgen") == 0
    assert world.run("approve", "2") == 0
    carry_out(world, 2)
    assert list(read(collected).values()) == ["Komt de notitie vandaag nog"]
    assert len(list(world.home.disposals.glob("*/extract-*"))) == 1
    assert propose(world, "vandaag") == 0
    assert world.run("approve", "3") == 0
    carry_out(world, 3)
    assert read(collected) == {}
    assert not list(world.home.disposals.glob("*/extract-*"))
    assert world.run("verify", "--open", "--quiet") == 0


def test_what_must_stay_gets_on_no_list(world, mails, capsys):
    for category, why in (
        ("1", "must not go by category 1: appraisal B"),
        ("2", "must not go by category 2: not before"),
        ("9", "the selection list has prive, 1, 2"),
    ):
        assert propose(world, "zangzaad", category=category) == 2
        assert why in capsys.readouterr().err
    assert lists(world) == {}


def test_what_is_due_is_told_by_category_and_proposed_in_one_go(world, mails, collected, capsys):
    (unit,) = decide(world, "zangzaad")
    assert world.run("destroy", "due") == 0
    told = capsys.readouterr().out.splitlines()[-3:]
    assert told[0] == "prive\t1 may go\t1 wait for review\tnone later"
    assert told[1] == "1\tB: kept for good"
    assert told[2].startswith("2\t0 may go\t0 wait for review\tthe next on 2116-")
    ground = ("--ground", "termijn", "--category", "prive", "--due")
    decide(world, "vogelkooi", "partij")
    world.run("hold", "set", "woo-1", "--reason", "Woo", "--query", "vogelkooi")
    assert world.run("destroy", "propose", *ground) == 0
    assert Lists(office_of(world)).get(1).units == (unit,)
    assert world.run("destroy", "propose", *ground) == 2
    assert "nothing that is asked may go now" in capsys.readouterr().err
    assert world.run("destroy", "due") == 0
    (told,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("prive"))
    assert told == "prive\t1 may go\t0 wait for review\tnone later\t1 under a hold"


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ('code = "3"\nground = "g"\nabout = "a"', "category 3: appraisal is missing"),
        ('code = "3"\nground = "g"\nabout = "a"\nappraisal = "X"', "appraisal is B, V or N"),
        ('code = "3"\nground = "g"\nabout = "a"\nappraisal = "V"', "category 3: term is missing"),
        ('code = "3"\nabout = "a"\nappraisal = "B"', "category 3: ground is missing"),
        ('ground = "g"\nabout = "a"\nappraisal = "B"', "without a code: code is missing"),
        (
            'code = "3"\nground = "g"\nabout = "a"\nappraisal = "B"\ncustody = "c"',
            "category 3: custody is a list",
        ),
        (
            'code = "3"\nground = "g"\nabout = "a"\nappraisal = "B"\nclass = ["x"]',
            "category 3: class x is none of zakelijk, prive, partij",
        ),
    ],
)
def test_a_category_without_a_decision_is_refused_by_its_code(tmp_path, table, why):
    path = tmp_path / "selection.toml"
    path.write_text(f"[[category]]\n{table}\n")
    with pytest.raises(UsageError, match=why):
        read_selection(path)


def test_what_is_held_gets_on_no_list_and_what_is_on_one_is_taken_off(
    world, mails, collected, capsys
):
    propose(world, "zangzaad")
    world.run("approve", "1")
    capsys.readouterr()
    assert world.run("hold", "set", "woo-1", "--reason", "Woo", "--query", "zangzaad") == 0
    assert "taken off, by hold woo-1" in capsys.readouterr().out
    with pytest.raises(UsageError, match="list 1: is proposed"):
        carry_out(world)
    assert propose(world, "zangzaad") == 2
    assert "under hold woo-1" in capsys.readouterr().err
    assert world.run("approve", "1") == 2
    assert "holds and review took everything off it" in capsys.readouterr().err
    assert texts(collected) == ["Vogelkooi", "Zangzaad"]


def test_a_hold_on_a_neighbour_in_the_segment_keeps_it_too(world, device, collected, capsys):
    device.send_as("whatsapp-export", {"WhatsApp-chat met Anna.txt": [CHAT]})
    collected().close()
    world.run("hold", "set", "woo-1", "--reason", "Woo", "--query", "morgen")
    assert propose(world, "ziekenhuis") == 2
    assert "under hold woo-1" in capsys.readouterr().err


@pytest.mark.soak
def test_a_hold_that_comes_with_the_pull_stops_what_was_approved(world, mails, collected):
    propose(world, "zangzaad")
    world.run("approve", "1")
    world.run("hold", "set", "woo-1", "--reason", "Woo", "--query", "zangzaad")
    note = (world.home.notes / "hold-woo-1-on.note").read_bytes()
    for name in ("holds", "destructions"):
        (world.home.records / f"{name}.jsonl").unlink()
    shutil.rmtree(world.home.disposals)
    propose(world, "zangzaad")
    world.run("approve", "1")
    world.receiver.append(note)
    with pytest.raises(UsageError, match="a hold took 1 units off it"):
        carry_out(world)
    assert texts(collected) == ["Vogelkooi", "Zangzaad"]


@pytest.mark.soak
def test_what_was_not_approved_is_not_carried_out(world, mails):
    propose(world, "zangzaad")
    with pytest.raises(UsageError, match="list 1: is proposed"):
        carry_out(world)


def tampered(folder, what):
    if what == "deed":
        path = folder / "verklaring.xml"
        path.write_bytes(path.read_bytes().replace(b"verzoek", b"verzuim"))
        return
    (path,) = folder.glob(f"*.{what}")
    if what == "note":
        path.write_bytes(path.read_bytes().replace(b"destroyed 0,1", b"destroyed 2,3"))
    else:
        path.write_bytes(path.read_bytes() + b"x")


def test_what_is_not_as_approved_is_not_carried_out(world, mails, tmp_path):
    propose(world, "zangzaad")
    world.run("approve", "1")
    folder = world.home.disposals / "1-1"
    for what in ("deed", "note", "keyring"):
        kept = shutil.copytree(folder, tmp_path / what)
        tampered(folder, what)
        with pytest.raises((DoubtError, LakzegelError)):
            carry_out(world)
        shutil.rmtree(folder)
        shutil.move(kept, folder)
    assert not [entry for entry in world.receiver.log if b"/keyring-change/" in entry[:40]]


@pytest.mark.soak
def test_a_receiver_that_refuses_or_keeps_the_old_one_is_asked_again(world, mails, collected):
    propose(world, "zangzaad")
    world.run("approve", "1")
    works = world.receiver.replace_keyring

    def refuses(*_):
        raise RefusedError("no")

    def keeps(name, note, keyring):
        world.receiver.append(note)

    world.receiver.replace_keyring = refuses
    with pytest.raises(RefusedError):
        carry_out(world)
    world.receiver.replace_keyring = keeps
    before = dict(world.receiver.keyrings)
    with pytest.raises(DoubtError):
        carry_out(world)
    assert lists(world) == {1: "approved"}
    (name,) = before
    world.receiver.keyrings[name] = (world.home.disposals / "1-1" / f"{name}.keyring").read_bytes()
    world.receiver.replace_keyring = works
    carry_out(world)
    assert texts(collected) == ["Vogelkooi"]


def test_a_list_whose_batch_was_changed_by_another_is_approved_again(world, mails, collected):
    for number, query in (("1", "zangzaad"), ("2", "vogelkooi")):
        propose(world, query)
        world.run("approve", number)
    carry_out(world, 1)
    with pytest.raises(UsageError, match="was changed since; approve it again"):
        carry_out(world, 2)
    world.run("approve", "2")
    carry_out(world, 2)
    assert texts(collected) == []
    assert world.run("verify", "--open", "--quiet") == 0


@pytest.mark.soak
def test_what_a_later_read_out_brings_again_can_go_again(world, mails, device, collected):
    assert propose(world, "zangzaad") == 0
    assert world.run("approve", "1") == 0
    carry_out(world)
    device.send_as("maildir", {"copy/cur/1": [letter(1, "Zangzaad")]})
    assert texts(collected) == ["Vogelkooi", "Zangzaad"]
    book = Book.open(world.home, office_of(world).journal_key)
    with closing(collected()) as collection:
        (unit,) = collection.units(Query(text="zangzaad"))
    assert world.run("destroy", "propose", "--ground", "g", "--category", "prive", "--query",
                     "zangzaad") == 2  # nobody decided on it anew  # fmt: skip
    book.anew([unit.id], actor="anna", now=NOW)
    assert propose(world, "zangzaad") == 0
    assert world.run("approve", "2") == 0
    carry_out(world, 2)
    assert lists(world) == {1: "withdrawn", 2: "withdrawn"}
    assert texts(collected) == ["Vogelkooi"]
    assert world.run("verify", "--open", "--quiet") == 0
