# SPDX-License-Identifier: EUPL-1.2
"""The collection over a small real custody: sealed, pulled, indexed, found, opened."""

import os
import re
import subprocess
import sys

import pytest

from lakzegel_core.encoding import b64
from lakzegel_office.collection import database
from lakzegel_office.collection.model import Query, UnitKind
from lakzegel_office.commands.common import Office
from lakzegel_office.commands.evidence import trail_of
from lakzegel_office.errors import DoubtError, OfficeError, UsageError
from lakzegel_office.places import KEPT


def mail(number, subject="Stukken", text="Goedemorgen, hierbij de stukken.", **fields):
    lines = {
        "Message-ID": f"<{number}@minxyz.example>",
        "From": "Anna Jansen <anna@minxyz.example>",
        "To": "Bas <bas@minxyz.example>",
        "Date": f"Mon, 11 Mar 2024 08:{number % 60:02}:10 +0100",
        "Subject": subject,
        **{name.replace("_", "-"): value for name, value in fields.items()},
    }
    head = "".join(f"{name}: {value}\n" for name, value in lines.items())
    return f"{head}\n{text}\n".encode()


def test_a_mail_is_found_by_its_words_and_opened(device, collected):
    device.send_as("maildir", {"cur/1": [mail(1)], "cur/2": [mail(2, "Lunch", "Broodje?")]})
    collection = collected()
    (unit,) = collection.units(Query(text="STÜKKEN goedemorg*"))
    assert unit.kind is UnitKind.MAIL
    assert unit.subject == "Stukken"
    assert unit.sender.address == "mailto:anna@minxyz.example"
    assert unit.at.isoformat() == "2024-03-11T07:01:10+00:00"
    assert re.fullmatch(r"[a-z2-7]{26}", unit.id)
    assert collection.raw(unit.id) == mail(1)
    body = collection.body(unit.id)
    assert body.text == "Goedemorgen, hierbij de stukken.\n"
    assert ("Subject", "Stukken") in body.headers
    assert [(p.role, p.address) for p in body.parties] == [
        ("from", "mailto:anna@minxyz.example"),
        ("to", "mailto:bas@minxyz.example"),
    ]


def test_one_mail_in_a_folder_an_mbox_and_a_copy_is_one_unit(device, collected):
    letter = mail(1, text="Beste Bas,\n\nFrom hier naar daar.")
    quoted = letter.replace(b"\nFrom hier", b"\n>From hier")
    separator = b"From - Mon Mar 11 08:02:10 2024\n"
    device.send_as("maildir", {"cur/1": [letter]})
    device.send_as("mbox", {"Inbox": [separator + quoted + b"\n", separator + mail(2)]})
    device.send_as("eml", {"kopie.eml": [letter.replace(b"\n", b"\r\n")]})
    collection = collected()
    units = list(collection.units(Query()))
    assert [unit.captures for unit in units] == [3, 1]
    assert len(collection.places(units[0].id)) == 3
    assert "\nFrom hier" in collection.body(units[0].id).text


def test_the_same_message_id_with_another_body_is_another_unit_of_one_thread(device, collected):
    device.send_as("maildir", {"cur/1": [mail(1)], "cur/2": [mail(1, text="Anders")]})
    collection = collected()
    one, two = collection.units(Query())
    assert one.id != two.id
    assert one.conversation == two.conversation
    assert collection.conversation(one.conversation).units == 2


def test_answers_are_in_the_thread_of_what_they_answer_whatever_came_first(device, collected):
    first = mail(1)
    second = mail(2, "Re: Stukken", In_Reply_To="<1@minxyz.example>")
    third = mail(3, "Re: Re: Stukken", In_Reply_To="<2@minxyz.example>")
    device.send_as("maildir", {"cur/3": [third]})
    device.send_as("maildir", {"cur/1": [first]})
    device.send_as("maildir", {"cur/2": [second]})
    collection = collected()
    (thread,) = collection.conversations(Query(text="stukken"))
    assert thread.units == 3
    assert thread.app == "mail"


def test_no_mail_joins_the_threads_of_others(device, collected):
    forged = mail(3, "Gluur", References="<1@minxyz.example> <2@minxyz.example>")
    files = {"cur/1": [mail(1, "Een")], "cur/2": [mail(2, "Twee")], "cur/3": [forged]}
    device.send_as("maildir", files)
    titles = {found.title: found.units for found in collected().conversations(Query())}
    assert titles == {"Een": 2, "Twee": 1}


def test_ids_are_the_same_when_the_index_is_made_anew(world, device, collected):
    device.send_as("maildir", {"cur/1": [mail(1)], "cur/2": [mail(2)]})
    device.send_as("folder", {"notitie.odt": [b"PK\x03\x04", b"rest"]})
    with collected() as collection:
        before = [(unit.id, unit.conversation) for unit in collection.units(Query())]
    for path in world.home.state.glob("collection.db*"):
        path.unlink()
    assert [(unit.id, unit.conversation) for unit in collected().units(Query())] == before
    assert len(before) == 3


def test_what_was_indexed_stays_and_what_is_new_is_added(device, collected):
    device.send_as("maildir", {"cur/1": [mail(1)]})
    assert collected().count(Query()) == 1
    device.send_as("maildir", {"cur/2": [mail(2)]})
    assert collected().count(Query()) == 2


def test_versions_of_a_file_are_units_of_one_conversation(device, collected):
    ids = device.send_as("folder", {"plan.odt": [b"een"]})
    device.send_as("folder", {"plan.odt": [b"twee"]}, version=1, ids=ids)
    collection = collected()
    one, two = collection.units(Query(kinds=[UnitKind.FILE]))
    assert one.conversation == two.conversation
    assert {collection.raw(one.id), collection.raw(two.id)} == {b"een", b"twee"}
    assert collection.conversation(one.conversation).readouts == 2


def test_no_word_of_content_is_on_the_disk_in_the_clear(world, device, collected):
    device.send_as("maildir", {"cur/1": [mail(1, "Kanarievogel", "Zangzaad")]})
    collection = collected()
    assert collection.count(Query(text="zangzaad")) == 1
    for path in world.home.state.rglob("*"):
        if path.is_file():
            data = path.read_bytes().lower()
            assert b"zangzaad" not in data
            assert b"kanarievogel" not in data
            if not path.name.startswith(KEPT):  # places in the log, which say nothing
                assert b"sqlite format" not in data


def test_an_index_under_another_key_or_damaged_is_made_anew_once_nobody_has_it_open(
    world, device, collected, monkeypatch
):
    device.send_as("maildir", {"cur/1": [mail(1)]})
    collection = collected()
    assert collection.count(Query()) == 1
    monkeypatch.setattr(database, "WAIT", 0.01)
    for act in (lambda path: database.open_database(path, bytes(32)), database.remove_database):
        with pytest.raises(OfficeError, match="another program has it open"):
            act(world.home.state / "collection.db")
    second = collected()
    assert second.count(Query()) == 1
    collection.close()
    second.close()
    for path in world.home.state.glob("collection.db*"):
        path.unlink()
    (world.home.state / "collection.db").write_bytes(os.urandom(65_536))
    assert collected().count(Query()) == 1


def test_no_flipped_bit_of_the_index_gives_a_wrong_answer(world, device, collected, capsys):
    device.send_as("maildir", {f"cur/{n}": [mail(n)] for n in range(20)})
    collected().close()
    path = world.home.state / "collection.db"
    whole = path.read_bytes()
    for at in range(100, len(whole), len(whole) // 5):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 16]) + whole[at + 1 :])
        code = world.run("search", "stukken", "--limit", "0", "--quiet")
        told = capsys.readouterr()
        assert (code, len(told.out.splitlines())) == (0, 20) or (
            code == 1 and "delete it" in told.err
        )


def test_whatever_a_person_types_is_no_syntax_error(device, collected):
    device.send_as("maildir", {"cur/1": [mail(1)]})
    collection = collected()
    for text in ('"', "a AND OR NOT", "subject:x", "NEAR(a b)", "a^2", "*", "(", "'; DROP TABLE"):
        assert list(collection.units(Query(text=text, party=text, label=text))) == []
    assert collection.count(Query(text="stukken AND")) == 0
    assert collection.count(Query(text='"hierbij de" goedemorgen')) == 1


def test_pages_follow_each_other_in_both_directions(device, collected):
    files = {f"cur/{n}": [mail(n)] for n in range(10, 17)}
    files["cur/none"] = [mail(9, Date="onbekend")]
    device.send_as("maildir", files)
    collection = collected()
    for newest in (False, True):
        whole = [unit.id for unit in collection.units(Query(newest_first=newest))]
        paged, after = [], ""
        while page := list(
            collection.units(Query(newest_first=newest, after=after, limit=3, text="stukken"))
        ):
            paged += [unit.id for unit in page]
            after = page[-1].id
        assert paged == whole
        assert collection.unit(whole[-1]).at is None


def test_containing_names_all_that_holds_or_names_a_mail(device, collected):
    letter = mail(1, text="Een lange tekst die nergens anders staat, behalve hier.")
    other = mail(7, text="Een lange  tekst die nergens anders staat, behalve hier.")
    separator = b"From - Mon Mar 11 08:02:10 2024\n"
    ids = device.send_as("mbox", {"Inbox": [separator + letter + b"\n", separator + mail(2)]})
    device.send_as("maildir", {"cur/7": [other]})
    vanished = {"files": [{"file": ids["Inbox"], "path": "Inbox"}], "type": "vanished"}
    device.send([device.observation(vanished)])
    collection = collected()
    (unit,) = (unit for unit in collection.units(Query(text="lange")) if "7@" not in unit.subject
               and collection.body(unit.id).headers[0][1] == "<1@minxyz.example>")  # fmt: skip
    found = collection.containing([unit.id])
    assert [str(item) for item in found.alone] == ["minister/0/0/0"]
    assert found.shared == ()
    assert [str(item) for item in found.captures] == ["minister/0/0/2"]
    assert [str(item) for item in found.observations] == ["minister/0/2/0"]
    assert len(found.alike) == 1


def test_a_forwarded_mail_and_an_attached_one_are_told_as_alike_and_found(device, collected):
    letter = mail(1, text="De begroting voor volgend jaar is nog niet rond.")
    forward = mail(2, "Fwd: Stukken", "> De begroting voor volgend\n> jaar is nog niet rond.\nZie!")
    kind = "multipart/mixed; boundary=x"
    parts = b"--x\nContent-Type: message/rfc822\n\n" + mail(3, "Kanarie", "Zangzaad") + b"\n--x--\n"
    holder = mail(4, text=parts.decode(), Content_Type=kind)
    files = {"cur/1": [letter], "cur/2": [forward], "cur/4": [holder]}
    device.send_as("maildir", files)
    collection = collected()
    (unit,) = (one for one in collection.units(Query(text="begroting")) if one.snippet[0] == "D")
    (other,) = collection.containing([unit.id]).alike
    assert collection.beside([unit.id]) == ((), (other,))
    assert collection.unit(other).subject == "Fwd: Stukken"
    (found,) = collection.units(Query(text="zangzaad kanarie"))
    (attached,) = collection.body(found.id).attachments
    assert (attached.name, attached.media_type) == ("Kanarie.eml", "message/rfc822")
    assert b"Zangzaad" in collection.attachment(found.id, 0)


def test_a_mail_that_was_cut_because_of_its_size_is_one_unit(device, collected, monkeypatch):
    letter = mail(1, text="Begin " + "a" * 200 + " einde")
    monkeypatch.setattr("lakzegel_office.collection.assembling.CUT", 100)
    pieces = [letter[at : at + 100] for at in range(0, len(letter), 100)]
    device.send_as("maildir", {"cur/1": pieces, "cur/2": [mail(2)]})
    collection = collected()
    assert collection.count(Query()) == 2
    (unit,) = collection.units(Query(text="begin einde"))
    assert collection.raw(unit.id) == letter
    assert len(collection.places(unit.id)) == len(pieces)
    assert len(collection.containing([unit.id]).alone) == len(pieces)


def test_a_capture_of_stretches_holds_what_its_base_names(device, collected):
    separator = b"From - Mon Mar 11 08:02:10 2024\n"
    pieces = [separator + mail(n) + b"\n" for n in range(3)]
    device.reader = "mbox"
    items = device.file_items("Inbox", pieces)
    device.send(items)
    file = device.files["mail", "Inbox"]
    more = separator + mail(9)
    new = device.seal(payload=more, context=device.context("Inbox", file))
    base = [0, 0, 3, b64(items[3].entry.commitment)]
    size = len(pieces[0]) + len(pieces[1])
    rows = [[0, 2, size], [0, 1, 0, len(more), b64(new.entry.commitment)]]
    device.send([new, device.capture("Inbox", rows, file, version=1, index=1, base=base)])
    collection = collected()
    units = list(collection.units(Query()))
    assert [unit.captures for unit in units] == [2, 2, 1, 1]
    kept, dropped = (collection.containing([units[n].id]).captures for n in (0, 2))
    assert [str(item) for item in kept] == ["minister/0/0/3", "minister/0/1/1"]
    assert [str(item) for item in dropped] == ["minister/0/0/3"]


def test_a_version_of_which_something_is_missing_is_never_shown_as_whole(device, collected):
    nowhere = b64(bytes(32))
    lacking = {
        "no-segment": ([[0, 9, 9, 3, nowhere]], None),
        "no-base": ([[0, 1, 3]], [0, 9, 9, nowhere]),
        "base": ([[0, 1, 3]], [0, 0, 1, nowhere]),
        "base-of-base": ([[0, 1, 3]], [0, 0, 7, nowhere]),
    }
    items = device.file_items("whole", [b"een"])
    for number, (path, (rows, base)) in enumerate(lacking.items()):
        file = device.files[("mail", path)] = f"{number:032x}"
        new = device.seal(payload=b"rest", context=device.context(path, file), index=len(items))
        rows.append([0, 0, len(items), 4, b64(new.entry.commitment)])
        at = len(items) + 1
        more = {} if base is None else {"base": base}
        items += [new, device.capture(path, rows, file, version=1, index=at, **more)]
    device.send(items)
    collection = collected()
    found = {unit.subject: unit for unit in collection.units(Query())}
    assert collection.raw(found.pop("whole").id) == b"een"
    assert collection.raw(found.pop("base").id) == b"eenrest"
    assert len(found) == 3
    for unit in found.values():
        with pytest.raises(DoubtError, match="verify --open"):
            collection.raw(unit.id)
        assert len(collection.containing([unit.id]).alone) == 1


def test_what_a_device_found_is_said_of_the_mail_and_asked_for(device, collected):
    usual = device.context
    device.context = lambda path, file: {**usual(path, file), "labels": ["citizen-number"]}
    device.send_as("maildir", {"cur/1": [mail(1)]})
    device.context = usual
    device.send_as("maildir", {"cur/2": [mail(2)]})
    collection = collected()
    (unit,) = collection.units(Query(label="citizen-number"))
    assert unit.labels == ("citizen-number",)
    assert collection.count(Query(label="any")) == 1
    assert collection.count(Query(label="citizen")) == 0


def test_one_mail_on_two_devices_is_two_units_that_are_alike(world, device, collected):
    other = world.enrol("secretaris")
    for one in (device, other):
        one.send_as("maildir", {"cur/1": [mail(1)]})
    collection = collected()
    mine, his = collection.units(Query())
    assert {mine.device, his.device} == {"minister", "secretaris"}
    assert mine.conversation != his.conversation
    assert collection.containing([mine.id]).alike == (his.id,)
    assert collection.count(Query(devices=["secretaris"], text="stukken")) == 1


def test_an_unknown_unit_is_a_usage_error(device, collected):
    device.send_as("maildir", {"cur/1": [mail(1)]})
    with pytest.raises(UsageError):
        collected().unit("a" * 26)


def test_a_batch_that_comes_late_is_read_in_its_place(world, device, collected, capsys):
    device.send_as("maildir", {"cur/2": [mail(2, "Re: Stukken", In_Reply_To="<1@minxyz.example>")]})
    device.send_as("maildir", {"cur/1": [mail(1)]})
    collected().close()
    batch = next(
        p for p in (world.home.mirror / "batches").iterdir() if b"batch 0" in p.read_bytes()
    )
    data = batch.read_bytes()
    batch.unlink()
    for path in world.home.state.glob("collection.db*"):
        path.unlink()
    assert world.run("index", "--quiet") == 0
    assert "1 batches of the log are not in the mirror" in capsys.readouterr().err
    batch.write_bytes(data)
    (thread,) = collected().conversations(Query())
    assert thread.units == 2


def test_a_batch_that_no_key_opens_any_more_is_told_and_the_rest_is_found(
    world, device, collected, capsys
):
    device.send_as("maildir", {"cur/1": [mail(1)]})
    device.send_as("maildir", {"cur/2": [mail(2)]})
    world.pull()
    keyring = next((world.home.mirror / "keyrings").iterdir())
    keyring.write_bytes(b"age-encryption.org/v1\n")
    assert world.run("index", "--quiet") == 0
    told = capsys.readouterr()
    assert "1 new units, 1 in all" in told.out
    assert "cannot be opened" in told.err


def test_a_command_that_is_killed_leaves_an_index_that_goes_on(world, device, collected):
    for number in range(6):
        device.send_as("maildir", {f"cur/{number}": [mail(number)]})
    world.pull()
    command = [sys.executable, "-m", "lakzegel_office", "index", "--home", str(world.home.root)]
    command += ["--passphrase-file", str(world.passphrase_file)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr.readline().startswith("indexed 1/6 batches")
        process.kill()
    assert collected().count(Query(text="stukken")) == 6


def test_the_command_lists_conversations(world, device, capsys):
    device.send_as("maildir", {"cur/1": [mail(1)], "cur/2": [mail(2, "Lunch")]})
    world.pull()
    assert world.run("list", "--conversations") == 0
    titles = [line.split("\t")[4] for line in capsys.readouterr().out.splitlines()[-2:]]
    assert sorted(titles) == ["Lunch", "Stukken"]
    assert world.run("list", "--conversations", "--kind", "segment") == 2


def test_the_command_searches_and_tells_the_next_page(world, device, capsys):
    device.send_as("maildir", {f"cur/{n}": [mail(n)] for n in range(3)})
    world.pull()
    assert world.run("index") == 0
    assert "3 new units, 3 in all" in capsys.readouterr().out
    assert world.run("search", "stukken", "--limit", "2") == 0
    told = capsys.readouterr()
    assert len(told.out.splitlines()) == 2
    assert "2 shown of 3; the next page: --after" in told.err
    assert world.run("search", "***") == 2
    office = Office(world.home, world.config, world.vault)
    lines = [entry.says for entry in trail_of(office).journal.read()]
    assert [line["object"]["text"] for line in lines if line["action"] == "search"] == ["stukken"]
