# SPDX-License-Identifier: EUPL-1.2
"""Nothing is silently missing: every byte of every segment is in a unit, whatever the bytes."""

import os
import random
import struct
import time
import zlib
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakzegel_agent.readers import reader_of
from lakzegel_agent.view import View
from lakzegel_office.collection.model import Query, UnitKind
from lakzegel_office.collection.parsers.mailparts import attachments_of
from lakzegel_office.collection.parsers.times import shown
from lakzegel_office.collection.parsing import parse, parses
from lakzegel_office.collection.pieces import Piece
from lakzegel_office.collection.reaching import segments_of

SAMPLES = Path(__file__).parents[1] / "agent" / "readers" / "samples"
HELD = {  # what each sample has: messages and mails
    ("emlx", "Postvak/1042.emlx"): 1,
    ("mbox", "mbox-kaal"): 2,
    ("mbox", "mbox-ongequoteerd"): 2,
    ("mbox", "mbox-thunderbird"): 2,
    ("mbox", "mbox-unix"): 4,
    ("telegram-export", "alles.json"): 4,
    ("telegram-export", "gesprek.json"): 3,
    ("whatsapp-export", "android-en.txt"): 3,
    ("whatsapp-export", "android-nl.txt"): 5,
    ("whatsapp-export", "ios-nl.txt"): 5,
    ("social-export", "direct-messages.js"): 5,
    ("social-export", "tweets.js"): 3,
    ("social-export", "inbox/bas_1/message_1.json"): 4,
    ("social-export", "messages.csv"): 4,
    ("social-export", "outbox.json"): 4,
    ("pst", "archief.pst"): 0,
    ("msg", "nota.msg"): 0,
}


def stretches(reader, path, data):
    ends = list(reader_of(reader).cut(path.encode(), View.of_bytes(data)))
    return [data[start:end] for start, end in pairwise([0, *ends])]


def sample(path):
    return (SAMPLES / path.rpartition("/")[2]).read_bytes()


def covers(piece, data):
    """Whether the units are all of the bytes, in order, without gap or overlap."""
    at = 0
    for unit in piece.units:
        if unit.start != at or unit.length <= 0:
            return False
        at += unit.length
    return not piece.units or at == len(data)


@pytest.mark.parametrize(("reader", "path"), HELD)
def test_each_stretch_of_a_sample_is_all_in_units(reader, path):
    count = 0
    for stretch in stretches(reader, path, sample(path)):
        piece = parse(reader, path.encode(), stretch)
        assert covers(piece, stretch)
        assert Piece.from_json(piece.to_json()) == piece
        count += sum(unit.kind in {UnitKind.MAIL, UnitKind.MESSAGE} for unit in piece.units)
    assert count == HELD[reader, path]


def test_every_segment_of_every_kind_of_file_is_in_a_unit(device, collected):
    for (reader, path), count in HELD.items():
        del count
        device.send_as(reader, {path: stretches(reader, path, sample(path))}, source=reader)
    device.reader = "mbox"
    file = os.urandom(16).hex()
    lost = device.seal(payload=b"geen capture", context=device.context("verloren", file))
    device.send([lost])
    collection = collected()
    units = [row for (row,) in collection.db.execute("SELECT id FROM unit")]
    segments = {row for (row,) in collection.db.execute("SELECT id FROM segment")}
    assert segments_of(collection.db, units) == segments
    for reader, path in HELD:
        parts = []
        for unit in collection.units(Query(sources=[reader])):
            parts += collection.places(unit.id)
        assert sum({(p.item, p.start): p.length for p in parts}.values()) == len(sample(path)) or (
            sum(reader == other for other, _ in HELD) > 1
        )
    every = [collection.body(unit.id) for unit in collection.units(Query())]
    assert len(every) == collection.count(Query())


PARTS = [
    b"From - Mon Mar 11 08:02:10 2024\n", b"\n", b"\n\n", b"\r\n", b"Subject: x\n", b"a: b\n",
    b"Content-Type: multipart/mixed; boundary=x\n", b"--x\n", b"--x--\n", b"=?utf-8?q?=ff?=",
    b"\\ud83d",
    b"Content-Type: message/rfc822\n", b"Content-Transfer-Encoding: base64\n", b"\xff\xfe\0",
    b"12-03-2024 08:01 - Jan: x\n", b"[12-03-2024 08:01:22] ", b"\xe2\x80\x8e", b"Jan: ",
    b'{"id": 1, "type": "message", "date": "2024-03-12T08:01:00", ', b'"text": "\\x07"}', b"},\n",
    b'{"name": null, "type": "personal_chat", "id": 2, "messages": [', b"]}", b'{"row":{',
    b'"table":"message"}\n', b'{"jid":"1@g.us","kind":"whatsapp-android","people":null}\n',
    b'{"row":{"_id":1,"timestamp":{"integer":"9"}},"table":"message"}\n', b"PK\x03\x04",
    b'{"tweet" : {', b'{"sender_name": "B", "timestamp_ms": 17', b'{"participants": [', b"1042\n",
    b"CONVERSATION ID,DATE,CONTENT\n", b'"2-b","2024-03-13 x","b\n', bytes(26),
]  # fmt: skip
PATHS = [
    ("maildir", b"cur/1"), ("mbox", b"Inbox"), ("emlx", b"1.emlx"), ("eml", b"a.eml"),
    ("whatsapp-export", b"a.txt"), ("whatsapp-export", b"a.zip"), ("telegram-export", b"r.json"),
    ("whatsapp-android", b"m.db.conversations/1.jsonl"), ("imessage", b"c.conversations/1.jsonl"),
    ("ios-backup", b"x.conversations/1.jsonl"), ("social-export", b"direct-messages.js"),
    ("social-export", b"tweets.js"), ("social-export", b"message_1.json"),
    ("social-export", b"outbox.json"), ("social-export", b"messages.csv"),
    ("social-export", b"x.zip"), ("threema-backup", b"x.zip"), ("unknown", b"x"),
]  # fmt: skip


def check_hostile(reader, path, data):
    piece = parse(reader, path, data)
    assert path.endswith(b".zip") or covers(piece, data)
    assert not piece.units or parses(reader, path)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(PATHS),
    st.lists(st.one_of(st.sampled_from(PARTS), st.binary(max_size=12)), max_size=24).map(b"".join),
)
def test_no_bytes_make_a_parser_fail_or_leave_a_byte_out(where, data):
    check_hostile(*where, data)


@pytest.mark.parametrize(("zone", "hour"), [("", 7), (" -0000", 8), (" +0200", 6)])
def test_what_a_mail_writes_without_a_zone_is_dutch_time(zone, hour):
    written = f"Mon, 11 Mar 2024 08:00:00{zone}"
    (unit,) = parse("eml", b"a.eml", f"Date: {written}\nSubject: s\n\nx\n".encode()).units
    at = shown(unit.at)
    assert at == f"2024-03-11T{hour:02}:00:00+00:00"
    assert unit.at_text == ("" if "+" in zone else written)


def test_a_mail_within_a_mail_comes_out_as_it_went_in():
    within = b"Subject: " + b"lang " * 40 + b"\n folded\nTo: x\n\nFrom mij\n\xe9 en\n.\n"
    parts = b"--x\nContent-Type: message/rfc822\n\n" + within + b"\n--x--\n"
    data = b"Subject: s\nContent-Type: multipart/mixed; boundary=x\n\n" + parts
    assert attachments_of(data, [0]) == {0: within}


BOMBS = {
    "parts": b"Content-Type: multipart/mixed; boundary=x\n\n" + b"--x\n\n" * 100_000,
    "nests": b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(3_000)
    ),
    "mails": b"Content-Type: message/rfc822\n\n" * 3_000,
    "parameters": b"Content-Type: text/plain" + b";a=b" * 100_000 + b"\n\nx",
    "folds": b"Subject: x" + b"\n =?utf-8?q?=41?=" * 20_000 + b"\n\nx",
    "people": b"To: " + b"(" * 50_000 + b"\n\nx",
    "references": b"References: " + b"<a@b> " * 50_000 + b"\n\nx",
    "tags": b"Content-Type: text/html\n\n" + b"<script" * 50_000 + b"<!--" * 50_000,
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_mail_that_is_a_bomb_costs_no_more_than_another(bomb):
    begun = time.process_time()
    (unit,) = parse("maildir", b"cur/1", BOMBS[bomb]).units
    assert unit.kind is UnitKind.MAIL
    assert time.process_time() - begun < 2


def test_an_archive_that_is_a_bomb_is_unpacked_up_to_a_limit():
    line = b"12-03-2024 08:01 - Jan: x\n"
    packed = zlib.compressobj(1, zlib.DEFLATED, -15)
    data = packed.compress(line + bytes(66 << 20)) + packed.flush()
    head = struct.pack("<4s5H3I2H", b"PK\x03\x04", 20, 0, 8, 0, 0, 0, len(data), 0, 5, 0)
    (unit,) = parse("whatsapp-export", b"x.zip", head + b"a.txt" + data).units
    assert 1_000_000 < len(unit.text) <= 1 << 20


def changed(chance, path):
    data = bytearray(sample(path)[: 1 << 14])
    for _ in range(chance.randrange(1, 8)):
        at = chance.randrange(len(data))
        data[at : at + chance.randrange(0, 40)] = chance.choice(PARTS)
    return bytes(data)


def check_index_of_hostile(device, collected, chance, count):
    for number in range(count):
        reader, path = chance.choice(list(HELD))
        data = changed(chance, path)
        device.send_as(reader, {f"{number}/{path}": stretches(reader, path, data)}, source=reader)
    collection = collected()
    units = [row for (row,) in collection.db.execute("SELECT id FROM unit")]
    segments = {row for (row,) in collection.db.execute("SELECT id FROM segment")}
    assert segments_of(collection.db, units) == segments
    for unit in collection.units(Query()):
        collection.body(unit.id)
        assert collection.conversation(unit.conversation).units


def test_hostile_files_are_indexed_and_opened(device, collected):
    check_index_of_hostile(device, collected, random.Random(3), 6)


@pytest.mark.soak
def test_many_hostile_files_are_indexed_and_opened(device, collected):
    check_index_of_hostile(device, collected, random.Random(4), 600)


def test_half_a_character_anywhere_is_no_fault(device, collected):
    half = b'"\\ud83d \\u0000"'
    data = (
        b'{"name": ' + half + b', "type": "personal_chat", "id": 2, "messages": [{"id": 1, "type":'
    )
    data += b' "message", "date": "2024-03-12T08:01:00", "from": ' + half + b', "from_id": ' + half
    data += b', "text": ' + half + b', "file": ' + half + b', "forwarded_from": ' + half + b"}]}"
    device.send_as("telegram-export", {"result.json": [data]})
    collection = collected()
    (unit,) = collection.units(Query(kinds=[UnitKind.MESSAGE]))
    assert collection.body(unit.id).attachments[0].unit is None
    assert unit.sender.name == "?  "


@pytest.mark.soak
def test_samples_with_bytes_changed_are_read_or_files():
    chance = random.Random(1)
    for _ in range(20_000):
        reader, path = chance.choice(list(HELD))
        check_hostile(reader, path.encode(), changed(chance, path))
