# SPDX-License-Identifier: EUPL-1.2
"""Chats in the collection: exports, archives, Telegram, and conversations of stores."""

import io
import json
import zipfile

import pytest

from lakzegel_core.encoding import b64
from lakzegel_office.collection.model import Query, UnitKind
from lakzegel_office.collection.parsers.times import shown
from lakzegel_office.collection.parsing import parse
from lakzegel_office.commands.search import printable
from lakzegel_office.review import visible

DUTCH = """\
11-03-2024 08:01 - Berichten en oproepen worden end-to-end versleuteld.
11-03-2024 08:02 - Anna: Ligt de begroting klaar?
11-03-2024 08:02 - Anna: Ja
11-03-2024 08:02 - Anna: Ja
11-03-2024 08:05 - Bas: ‎IMG-20240311-WA0001.jpg (bestand bijgevoegd)
Dit is de foto
met twee regels
"""
NEXT = "12-03-2024 09:00 - Bas: <Media weggelaten>\n"
LAYOUTS = {
    "12-03-2024 08:01 - Jan: tekst\n": "2024-03-12T07:01:00+00:00",
    "12/03/2024, 08:01 - Jan: tekst\n": "2024-03-12T07:01:00+00:00",
    "3/12/24, 8:01\u202fPM - Jan: tekst\n": "2024-03-12T19:01:00+00:00",
    "3/12/24, 08:01 - Jan: tekst\n": "2024-03-12T07:01:00+00:00",
    "[12-03-2024 08:01:22] Jan: tekst\n": "2024-03-12T07:01:22+00:00",
    "\u200e[12-03-2024, 08:01:22] Jan: tekst\n": "2024-03-12T07:01:22+00:00",
    "12.03.24, 08:01 - Jan: tekst\n": "2024-03-12T07:01:00+00:00",
    "13/3/24, 08:01 - Jan: tekst\n": "2024-03-13T07:01:00+00:00",
}


def line(value):
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode() + b"\n"


def zipped(files):
    """A zip as a phone makes it, and the stretches that the device cuts it into."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        starts = [info.header_offset for info in archive.infolist()]
    with zipfile.ZipFile(data) as archive:
        starts.append(archive.start_dir)
    whole = data.getvalue()
    ends = [*starts[1:], len(whole)]
    return [whole[start:end] for start, end in zip(starts, ends, strict=True)]


def messages(collection, **query):
    return list(collection.units(Query(kinds=[UnitKind.MESSAGE], **query)))


def test_a_sign_that_turns_a_text_stays_in_it_and_hides_no_word_from_a_search(device, collected):
    text = (
        "11-03-2024 08:02 - Anna: zie\u200e fac\u202eturen\u202c.exe\u202ebegin\n"
        "11-03-2024 08:03 - \u202a+31 6 12345678\u202c: van \u202a+31 6 87654321\u202c\n"
    )
    device.send_as("whatsapp-export", {"WhatsApp-chat met Anna.txt": [text.encode()]})
    with collected() as collection:
        first, second = messages(collection)
        assert collection.body(first.id).text == "zie fac\u202eturen\u202c.exe\u202ebegin"
        assert collection.raw(first.id).decode() == text.splitlines(keepends=True)[0]
        assert second.snippet == "van +31 6 87654321"
        assert second.sender.address == "tel:+31612345678"
        for word in ("facturen", "turen", "fac", "begin", '"zie facturen"', "exe", "exebegin"):
            assert [unit.id for unit in messages(collection, text=word)] == [first.id], word
    assert "<U+202E>" in visible.prose(first.snippet).striptags()
    assert printable(first.snippet) == "zie fac<U+202E>turen<U+202C>.exe<U+202E>begin"


@pytest.mark.parametrize("text", LAYOUTS)
def test_a_date_is_read_in_whichever_layout_it_is_written(text):
    (unit,) = parse("whatsapp-export", b"WhatsApp-chat met Jan.txt", text.encode()).units
    assert unit.sender.name == "Jan"
    assert unit.text == "tekst"
    assert unit.length == len(text.encode())
    assert shown(unit.at) == LAYOUTS[text]


def test_a_whatsapp_export_is_a_conversation_with_its_pictures(device, collected):
    path = "WhatsApp-chat met Commissie.txt"
    files = {path: [DUTCH.encode(), NEXT.encode()], "IMG-20240311-WA0001.jpg": [b"\xff\xd8\xff"]}
    device.send_as("whatsapp-export", files)
    collection = collected()
    (chat,) = collection.conversations(Query(apps=["whatsapp"]))
    assert (chat.title, chat.units, chat.readouts) == ("Commissie", 6, 1)
    found = messages(collection)
    assert [unit.sender.name for unit in found] == ["Anna", "Anna", "Anna", "Bas", "Bas"]
    assert [unit.snippet for unit in found if unit.snippet == "Ja"] == ["Ja", "Ja"]
    (picture,) = collection.body(found[3].id).attachments
    assert picture.name == "IMG-20240311-WA0001.jpg"
    assert collection.attachment(found[3].id, 0) == b"\xff\xd8\xff"
    assert collection.containing([found[3].id]).media == (picture.unit,)
    assert "met twee regels" in collection.body(found[3].id).text
    assert found[4].at_text == "12-03-2024 09:00"


def test_ten_exports_of_one_chat_are_one_conversation_with_ten_captures(device, collected):
    for number in range(10):
        path = f"WhatsApp-chat met Commissie ({number}).txt"
        device.send_as("whatsapp-export", {path: [DUTCH.encode()]})
    collection = collected()
    (chat,) = collection.conversations(Query(apps=["whatsapp"]))
    assert (chat.units, chat.readouts) == (5, 10)
    assert {unit.captures for unit in collection.units(Query())} == {10}


def test_chats_that_are_perhaps_one_are_told_and_not_merged(device, collected):
    said = "".join(f"11-03-2024 08:0{n} - Anna: Een lange tekst, nummer {n}\n" for n in range(3))
    paths = ["WhatsApp-chat met Anna.txt", "WhatsApp-chat met A. Jansen.txt"]
    for path, source in zip(paths, ("een", "twee"), strict=True):
        device.send_as("whatsapp-export", {path: [said.encode()]}, source=source)
    device.send_as("whatsapp-export", {paths[0]: [NEXT.encode()]}, source="drie")
    collection = collected()
    chats = {(c.title, c.units): c.id for c in collection.conversations(Query())}
    first, second, third = chats["Anna", 3], chats["A. Jansen", 3], chats["Anna", 1]
    assert set(collection.maybe_same(first)) == {second, third}
    assert collection.maybe_same(second) == (first,)


def test_a_message_of_very_many_files_asks_for_them_once(device, collected):
    named = "".join(f"<attached: {number}.jpg>" for number in range(1_200))
    chat = f"11-03-2024 08:02 - Anna: {named}\n"
    path = "map/WhatsApp-chat met Anna.txt"
    device.send_as("whatsapp-export", {path: [chat.encode()], "map/7.jpg": [b"foto"]})
    with collected() as collection:
        (found,) = messages(collection)
        asked = []
        collection.db.set_trace_callback(asked.append)
        attachments = collection.body(found.id).attachments
        collection.db.set_trace_callback(None)
        assert len(attachments) == 1_000
        assert [part.name for part in attachments if part.unit] == ["7.jpg"]
        assert len(asked) < 30


def test_equal_messages_on_days_that_come_back_stay_two(device, collected):
    days = [DUTCH.encode(), NEXT.encode(), b"11-03-2024 08:02 - Anna: Ja\n"]
    device.send_as("whatsapp-export", {"WhatsApp-chat met Bas.txt": days})
    assert len(messages(collected(), text="ja")) == 3


def test_a_chat_in_a_zip_is_read_and_its_members_are_files(device, collected):
    picture = b"\xff\xd8\xff" + bytes(5000)
    chat = "[11-03-2024 08:04:00] Commissie: \u200eBerichten worden versleuteld.\r\n"
    chat += "[11-03-2024, 08:05:00] Bas: \u200e<bijgevoegd: 0001-PHOTO.jpg>\r\n"
    pieces = zipped({"_chat.txt": chat, "0001-PHOTO.jpg": picture})
    device.send_as("whatsapp-export", {"WhatsApp Chat - Commissie.zip": pieces})
    collection = collected()
    (found,) = messages(collection)
    assert collection.conversation(found.conversation).title == "Commissie"
    (shown,) = collection.body(found.id).attachments
    assert shown.unit is not None
    assert collection.attachment(found.id, 0) == picture
    assert collection.count(Query(kinds=[UnitKind.FILE])) == 2  # the picture; the directory


def test_a_telegram_export_is_read_though_it_is_no_json(device, collected):
    head = b'{ "about": "Here", "chats": { "list": [ {"name": "Bas", "type": "personal_chat",'
    head += b' "id": 2, "messages": ['
    one = b'{"id": 1, "type": "message", "date": "2024-03-12T08:01:00", "date_unixtime":'
    one += b' "1710226860", "from": "Bas", "from_id": "user2", "text": ["Kijk \\x07 ", {"type":'
    one += b' "link", "text": "hier"}], "photo": "photos/1.jpg"}'
    two = b',\n{"id": 2, "type": "service", "date": "2024-03-13T08:01:00", "actor": "Bas",'
    two += b' "action": "set_messages_ttl", "period": 86400, "text": ""}'
    files = {"E/result.json": [head + one, two, b"]}]}}"], "E/photos/1.jpg": [b"\xff\xd8"]}
    device.send_as("telegram-export", files)
    collection = collected()
    (found,) = messages(collection)
    assert found.at.isoformat() == "2024-03-12T07:01:00+00:00"
    assert found.snippet == "Kijk \x07 hier"
    assert collection.attachment(found.id, 0) == b"\xff\xd8"
    (chat,) = collection.conversations(Query(apps=["telegram"]))
    assert chat.title == "Bas"
    timer = next(iter(collection.units(Query(text="ttl"))))
    assert timer.snippet == "set_messages_ttl period=86400"


def android(text="Goedemorgen", **more):
    row = {"_id": 1, "from_me": 0, "key_id": "AB1", "message_type": 0, "sender_jid_row_id": 7}
    return {
        "row": {**row, "text_data": text, "timestamp": 1710226860000, **more},
        "table": "message",
    }


HEAD = {
    "jid": "1234@g.us",
    "kind": "whatsapp-android",
    "people": {"7": "31600000001@s.whatsapp.net"},
    "row": {"subject": "Commissie"},
    "table": "chat",
}
TALK = "msgstore.db.conversations/1234.g.us.jsonl"


def test_a_conversation_of_a_store_is_read_with_its_people(device, collected):
    media = {
        "file_path": "Media/WhatsApp Images/1.jpg",
        "message_row_id": 1,
        "mime_type": "image/jpeg",
    }
    quote = {"message_row_id": 1, "text_data": "Waar?"}
    day = line(android()) + line({"row": media, "table": "message_media"})
    day += line({"row": quote, "table": "message_quoted"})
    files = {TALK: [line(HEAD), day], "Media/WhatsApp Images/1.jpg": [b"\xff\xd8"]}
    device.send_as("whatsapp-android", files)
    collection = collected()
    (found,) = messages(collection)
    assert found.sender.address == "tel:+31600000001"
    body = collection.body(found.id)
    assert (body.text, body.fields["quotes"]) == ("Goedemorgen", "Waar?")
    assert collection.attachment(found.id, 0) == b"\xff\xd8"
    assert collection.raw(found.id) == day
    (chat,) = collection.conversations(Query(party="+31600000001", kinds=[UnitKind.MESSAGE]))
    assert chat.title == "Commissie"
    assert chat.parties[0].address == "tel:+31600000001"


def test_an_edited_message_is_another_unit_of_the_same_conversation(device, collected):
    ids = device.send_as("whatsapp-android", {TALK: [line(HEAD), line(android())]})
    later = line(android("Goedenavond", status=13))
    device.send_as("whatsapp-android", {TALK: [line(HEAD), later]}, version=1, ids=ids)
    collection = collected()
    one, two = messages(collection)
    assert one.conversation == two.conversation
    assert {one.snippet, two.snippet} == {"Goedemorgen", "Goedenavond"}


def test_a_day_that_comes_later_belongs_to_the_head_before_it(device, collected):
    next_day = line(android("Tot morgen", key_id="AB2", timestamp=1710313260000))
    device.reader = "whatsapp-android"
    items = device.file_items(TALK, [line(HEAD), line(android())], source="mail")
    device.send(items)
    file = device.files["mail", TALK]
    new = device.seal(payload=next_day, context=device.context(TALK, file), index=0)
    rows = [
        [0, number, index, len(data), b64(item.entry.commitment)]
        for number, index, data, item in (
            (0, 0, line(HEAD), items[0]),
            (0, 1, line(android()), items[1]),
            (1, 0, next_day, new),
        )
    ]
    device.send([new, device.capture(TALK, rows, file, version=1, index=1)])
    collection = collected()
    found = messages(collection)
    assert [unit.snippet for unit in found] == ["Goedemorgen", "Tot morgen"]
    assert len({unit.conversation for unit in found}) == 1
    assert [unit.captures for unit in found] == [2, 1]
    captures = collection.containing([found[0].id]).captures
    assert [str(item) for item in captures] == ["minister/0/0/2", "minister/0/1/1"]
