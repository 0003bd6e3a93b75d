# SPDX-License-Identifier: EUPL-1.2
"""What was destroyed leaves the index; whoever asks for it is told of the certificate."""

import pytest

from lakzegel_office.collection.model import Query
from lakzegel_office.collection.scrubbing import Scrubber
from lakzegel_office.errors import GoneError

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
    name = sealed(device, {"geheim.odt": [b"een"]}, reader="folder")
    collected().close()
    destroy(world, device, name, 0)
    collection = collected()
    assert collection.count(Query()) == 0
    assert not collection.db.execute("SELECT 1 FROM unit WHERE subject <> ''").fetchone()
    assert not collection.db.execute("SELECT 1 FROM file WHERE path <> x''").fetchone()
    assert not collection.db.execute("SELECT 1 FROM conversation WHERE title <> ''").fetchone()


def test_a_file_that_could_not_be_written_anew_is_by_the_next_command(
    world, device, collected, monkeypatch
):
    name = sealed(device, {"cur/1": [letter(1, "Zangzaad")]})
    collected().close()
    destroy(world, device, name, 0)
    with monkeypatch.context() as patch:
        patch.setattr(Scrubber, "settle", lambda _: None)  # killed before it, or locked out
        assert Scrubber.unsettled(Scrubber(collected().db, None, None, None))
    assert not Scrubber.unsettled(Scrubber(collected().db, None, None, None))
