# SPDX-License-Identifier: EUPL-1.2
"""Lines of chat stores, as devices write them, each read as its store means it."""

import base64
import json

import pytest

from lakzegel_office.collection.model import UnitKind
from lakzegel_office.collection.parsing import parse

BAS = "aaaaaaaa-0000-4000-8000-000000000000"


def lines(*values):
    texts = (json.dumps(value, separators=(",", ":"), sort_keys=True) for value in values)
    return "".join(f"{text}\n" for text in texts).encode()


def row(table, **values):
    return {"row": values, "table": table}


def read(reader, *values):
    piece = parse(reader, b"x.db.conversations/1.jsonl", lines(*values))
    return piece.heads, [unit for unit in piece.units if unit.key[0] == "row"]


@pytest.mark.parametrize("reader", ["whatsapp-ios", "ios-backup"])
def test_a_message_of_an_iphone(reader):
    session = {"Z_PK": 1, "ZCONTACTJID": "31600000001@s.whatsapp.net", "ZPARTNERNAME": "Bas"}
    when = {"real": "700086400.25"}
    (head,), units = read(
        reader,
        {"kind": "whatsapp-ios", "people": {}, "session": session},
        row("ZWAMESSAGE", Z_PK=9, ZISFROMME=0, ZMESSAGEDATE=700000000, ZTEXT="Hoi", ZSTANZAID="A"),
        row("ZWAMESSAGE", Z_PK=10, ZISFROMME=1, ZMESSAGEDATE=when, ZMESSAGETYPE=1),
        row("ZWAMEDIAITEM", ZMESSAGE=10, ZMEDIALOCALPATH="Media/a/Foto.jpg"),
        row("ZWAMESSAGE", Z_PK=11, ZISFROMME=0, ZMESSAGEDATE=700086401, ZMESSAGETYPE=6),
    )
    assert (head.app, head.key, head.title) == ("whatsapp", "31600000001@s.whatsapp.net", "Bas")
    assert [head.people[unit.who].role for unit in units] == ["member", "owner", "member"]
    assert units[1].at == 1_678_393_600_250_000
    assert units[1].media == ("Media/a/Foto.jpg",)
    assert [unit.kind for unit in units][2] is UnitKind.SYSTEM


def test_a_message_of_messages_with_its_attributed_body():
    stream = b"\x04\x0bstreamtyped\x81\xe8\x03\x84\x01@\x84\x84\x84\x08NSString\x01\x94\x84\x01+"
    stream += b"\x81\x04\x01" + b"x" * 260 + b"\x86"
    (head,), units = read(
        "imessage",
        {
            "chat": {"guid": "iMessage;-;+31600000001", "chat_identifier": "+31600000001"},
            "kind": "imessage",
            "people": {"1": "+31 6 00000001"},
        },
        row("chat_handle_join", chat_id=1, handle_id=1),
        row("handle", ROWID=1, id="+31600000001"),
        row(
            "message",
            ROWID=7,
            guid="m7",
            date={"integer": "700000000000000000"},
            handle_id=1,
            is_from_me=0,
            text=None,
            attributedBody={"base64": base64.b64encode(stream).decode()},
        ),
        row("attachment", ROWID=2, filename="~/Library/Messages/Attachments/ab/1.heic"),
    )
    assert units[0].text == "x" * 260
    assert units[0].at == 1_678_307_200_000_000
    assert head.people[units[0].who].address == "tel:+31600000001"
    assert units[0].attachments[0].name == "1.heic"


def test_a_message_of_signal_with_quote_reaction_and_deletion():
    more = {"quote": {"text": "Waar?"}, "editHistory": [1], "deletedForEveryone": True}
    (head,), units = read(
        "signal-desktop",
        {
            "conversation": {"id": "c", "type": "private", "name": "Bas", "serviceId": BAS},
            "kind": "signal-desktop",
            "people": {},
        },
        row("messages", rowid=7, body="Hier", json=json.dumps(more), sent_at=1678233600000,
            conversationId="c", sourceServiceId=BAS, type="incoming"),
        row("message_attachments", messageId="m7", path="cd/0", contentType="image/jpeg"),
        row("reactions", messageId="m7", emoji="👍"),
        row("messages", rowid=8, sent_at=1678233600001, conversationId="c",
            type="timer-notification"),
    )  # fmt: skip
    assert head.people[units[0].who].name == "Bas"
    assert units[0].fields == {
        "quotes": "Waar?",
        "edited": "yes",
        "state": "deleted",
        "reactions": "👍",
    }
    assert units[0].attachments[0].media_type == "image/jpeg"
    assert (units[1].kind, units[1].text) == (UnitKind.SYSTEM, "timer-notification")


def test_a_message_of_the_old_whatsapp_says_itself_who_wrote_it():
    old = row("messages", _id=1, key_from_me=0, key_id="A", data="Hoi", timestamp=1710226860000,
              remote_resource="31600000002@s.whatsapp.net")  # fmt: skip
    _, units = read("whatsapp-android", old, row("call_log", _id=3, timestamp=1710226861000))
    assert units[0].sender.address == "tel:+31600000002"
    assert (units[1].kind, units[1].text) == (UnitKind.SYSTEM, "voice call, 0 s")


def test_a_line_that_is_no_json_is_in_a_unit_all_the_same():
    data = lines(row("message", _id=1, key_id="A", text_data="Hoi", timestamp=1710226860000))
    broken = data + b'{"row":{"_id":\n' + data
    units = parse("whatsapp-android", b"x.conversations/1.jsonl", broken).units
    assert sum(unit.length for unit in units) == len(broken)
