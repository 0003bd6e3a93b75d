# SPDX-License-Identifier: EUPL-1.2
"""What was destroyed leaves the index; whoever asks for it is told of the certificate."""

import json

import pytest

from lakzegel_core.encoding import b64
from lakzegel_office.collection import database
from lakzegel_office.collection.indexing import Indexer
from lakzegel_office.collection.model import Party, Query, UnitKind
from lakzegel_office.collection.rows import party_of
from lakzegel_office.collection.scrubbing import Scrubber
from lakzegel_office.collection.writing import Writer
from lakzegel_office.errors import GoneError, UsageError

CERTIFICATE = bytes(range(32))


def letter(number, text):
    return f"Message-ID: <{number}@x>\nFrom: Carla <c@x.example>\nSubject: s\n\n{text}\n".encode()


def destroy(world, device, name, *items):
    """Have the log say that these items of a batch are gone, as two approvers sign it."""
    world.destroy(device, name, *items, certificate=CERTIFICATE)


def sealed(device, files, reader="maildir"):
    before = set(device.receiver.batches)
    device.send_as(reader, files)
    (name,) = set(device.receiver.batches) - before
    return name


def test_a_destroyed_mail_is_not_found_and_its_certificate_is_named(world, device, collected):
    name = sealed(device, {"cur/1": [letter(1, "Zangzaad")], "cur/2": [letter(2, "Vogelkooi")]})
    before = collected()
    (unit,) = before.units(Query(text="zangzaad"))
    before.close()
    destroy(world, device, name, 0)
    collection = collected()
    assert [found.snippet for found in collection.units(Query())] == ["Vogelkooi"]
    assert collection.count(Query(text="zangzaad")) == 0
    with pytest.raises(GoneError, match=CERTIFICATE.hex()):
        collection.body(unit.id)
    blocks = b"".join(row for (row,) in collection.db.execute("SELECT block FROM words_data"))
    assert b"vogelkooi" in blocks
    assert b"zangzaad" not in blocks
    with pytest.raises(UsageError, match="first page"):  # where it stood nobody knows any more
        list(collection.units(Query(after=unit.id)))
    tombstone = collection.unit(unit.id)
    assert (tombstone.snippet, tombstone.subject, tombstone.sender) == ("", "", None)


def test_a_mail_of_which_one_copy_was_destroyed_is_opened_from_the_other(world, device, collected):
    name = sealed(device, {"a/cur/1": [letter(1, "Zangzaad")]})
    newest = sealed(device, {"b/cur/1": [letter(1, "Zangzaad")]})
    collected().close()
    destroy(world, device, newest, 0)
    collection = collected()
    (unit,) = collection.units(Query(text="zangzaad"))
    assert collection.body(unit.id).text == "Zangzaad\n"
    assert name != newest


def test_a_destroyed_version_of_a_file_has_no_name_left(world, device, collected):
    items = device.file_items("geheim.odt", [b"een"])
    seen = device.observation({"type": "vanished", "files": [{"path": "geheim.odt"}]}, index=2)
    name = device.send([*items, seen])
    collected().close()
    destroy(world, device, name, 0, 1, 2)
    collection = collected()
    assert collection.count(Query()) == 0
    assert not collection.db.execute("SELECT 1 FROM segment WHERE sha256 <> ''").fetchone()
    assert not collection.db.execute("SELECT 1 FROM named").fetchone()
    assert not collection.db.execute("SELECT 1 FROM unit WHERE subject <> ''").fetchone()
    assert not collection.db.execute("SELECT 1 FROM file WHERE path <> x''").fetchone()
    assert not collection.db.execute("SELECT 1 FROM conversation WHERE title <> ''").fetchone()
    again = [[0, 0, 0, 3, b64(items[0].entry.commitment)]]  # the device does not know
    device.send(
        [device.capture("geheim.odt", again, device.files["mail", "geheim.odt"], version=1)]
    )
    collection = collected()
    assert collection.count(Query()) == 0
    device.send(device.file_items("geheim.odt", [b"twee"], version=2))
    assert [found.title for found in collected().conversations(Query())] == ["geheim.odt"]


def test_a_file_that_could_not_be_written_anew_is_by_the_next_command(
    world, device, collected, monkeypatch
):
    name = sealed(device, {"cur/1": [letter(1, "Zangzaad")]})
    collected().close()
    destroy(world, device, name, 0)
    monkeypatch.setattr(database, "WAIT", 0.01)
    with monkeypatch.context() as patch:
        patch.setattr(Scrubber, "settle", lambda _: None)  # killed before it
        other = collected().db
    assert Scrubber.unsettled(Scrubber(other, None, None, None))
    other.execute("BEGIN")
    other.execute("SELECT 1 FROM unit").fetchone()
    assert Scrubber.unsettled(Scrubber(collected().db, None, None, None))
    other.execute("COMMIT")
    assert not Scrubber.unsettled(Scrubber(collected().db, None, None, None))


def telegram(number, who, text):
    said = {"id": number, "type": "message", "date": "2024-03-11T08:01:00", "from": who}
    return json.dumps({**said, "text": text}).encode() + b",\n"


def of_chat(number, name, message):
    head = f'{{"name": "{name}", "type": "personal_chat", "id": {number}, "messages": ['
    return head.encode() + message


def test_what_a_chat_that_was_destroyed_says_later_is_found_and_in_no_other_chat(
    world, device, collected
):
    device.reader, path = "telegram-export", "jan/result.json"
    first, later = of_chat(1, "Jan", telegram(1, "Jan", "Zangzaad")), telegram(2, "Jan", "Kooi")
    items = device.file_items(path, [first])
    name = device.send(items)
    collected().close()
    destroy(world, device, name, 0, 1)
    evas = of_chat(2, "Eva", telegram(1, "Eva", "Ja"))
    device.send_as("telegram-export", {"eva/result.json": [evas]})
    collected().close()
    device.reader, file = "telegram-export", device.files["mail", path]
    new = device.seal(payload=later, context=device.context(path, file), index=0)
    rows = [
        [0, batch, 0, len(data), b64(item.entry.commitment)]
        for batch, data, item in ((0, first, items[0]), (2, later, new))
    ]
    device.send([new, device.capture(path, rows, file, version=1, index=1)])
    collection = collected()
    (found,) = collection.units(Query(text="kooi"))
    (eva,) = collection.conversations(Query(text="ja"))
    assert found.conversation != eva.id
    assert (found.kind, found.subject) == (UnitKind.FILE, path)  # whose it is went with the chat
    assert eva.title == "Eva"


def test_nobody_is_taken_for_who_got_his_number_from_another_process(tmp_path):
    one, other = (database.open_database(tmp_path / "collection.db", bytes(32)) for _ in range(2))
    indexer, found = Indexer(one, None, None, None), []

    def meet():
        found.append(indexer._writer.party(Party("mailto:anna@x.example", "Anna")))

    indexer._transaction(meet)
    other.execute("DELETE FROM party")
    Writer(other).party(Party("mailto:bas@x.example", "Bas"))
    indexer._transaction(meet)
    assert party_of(one, found[-1]).name == "Anna"
    one.close()
    other.close()


def test_what_was_destroyed_and_is_captured_anew_is_found_again(world, device, collected):
    name = sealed(device, {"cur/1": [letter(1, "Zangzaad")]})
    collected().close()
    destroy(world, device, name, 0)
    collected().close()
    sealed(device, {"copy/cur/9": [letter(1, "Zangzaad")]})
    collection = collected()
    (unit,) = collection.units(Query(text="zangzaad", party="carla"))
    assert (unit.subject, unit.snippet, unit.sender.name) == ("s", "Zangzaad", "Carla")
    assert collection.body(unit.id).text == "Zangzaad\n"
    (thread,) = collection.conversations(Query())
    assert (thread.id, thread.title) == (unit.conversation, "s")
