# SPDX-License-Identifier: EUPL-1.2
"""Telegram exports: one day of one conversation is one segment, even in broken JSON."""

import json
import re

import pytest

from lakzegel_agent.readers import reader_of
from lakzegel_agent.view import View

KIND = "telegram-export"
RESULT = b"ChatExport_2024-03-14/result.json"
DATE = re.compile(rb'"type": "[a-z]+",\s+"date": "(\d{4}-\d\d-\d\d)T')
CLOSING = b"\n ]\n}\n"


def incomplete(data, path=RESULT):
    return reader_of(KIND).incomplete(path, View.of_bytes(data))


def days(segments):
    return [sorted({day.decode() for day in DATE.findall(segment)}) for segment in segments]


def messages(*moments):
    rows = [{"id": n, "type": "message", "date": moment} for n, moment in enumerate(moments)]
    return json.dumps(
        {"name": "A", "type": "bot_chat", "id": 1, "messages": rows}, indent=1
    ).encode()


def test_each_day_of_a_chat_is_a_segment(pieces, sample):
    found = pieces(KIND, RESULT, sample("gesprek.json"))
    assert days(found) == [["2024-03-11"], ["2024-03-12"], ["2024-03-14"], []]
    assert found[-1] == CLOSING


def test_a_message_quoted_in_a_text_and_control_characters_do_not_cut(pieces, sample):
    data = sample("gesprek.json")
    with pytest.raises(json.JSONDecodeError):
        json.loads(data)
    assert b"2020-01-01" in pieces(KIND, RESULT, data)[1]
    assert len(pieces(KIND, RESULT, data.replace(rb"\x01", b"\x01\x00\xff\n"))) == 4


def test_each_chat_of_an_export_of_all_begins_a_segment(pieces, sample):
    found = pieces(KIND, RESULT, sample("alles.json"))
    assert days(found) == [
        [],
        ["2024-03-11"],
        ["2024-03-12"],
        ["2024-03-12"],
        [],
        ["2019-01-01"],
        [],
    ]
    assert b'"contacts"' in found[0]
    assert b"Onthouden" in found[3]
    assert b"Onthouden" not in found[2] + found[4]


def test_a_later_export_of_the_same_chat_keeps_its_earlier_days(pieces):
    moments = [f"2024-03-{day:02}T{hour:02}:00:00" for day in range(1, 9) for hour in (8, 9)]
    later = pieces(KIND, RESULT, messages(*moments))
    for count in range(2, len(moments), 2):
        earlier = pieces(KIND, RESULT, messages(*moments[:count]))
        assert earlier[:-1] == later[: len(earlier) - 1]
        assert earlier[-1] == later[-1]


def test_a_new_message_in_one_chat_leaves_the_others_as_they_were(pieces, sample):
    old = sample("alles.json")
    new = old.replace(b'"text": "Hoi"', b'"text": "Hoi, hoe gaat het?"')
    before, after = pieces(KIND, RESULT, old), pieces(KIND, RESULT, new)
    assert len(set(before) - set(after)) == 1


def test_an_export_is_complete_when_its_outermost_bracket_is_closed(sample):
    for name in ("gesprek.json", "alles.json"):
        data = sample(name)
        assert incomplete(data) is None
        assert incomplete(data.rstrip()) is None
        whole = len(data.rstrip())
        assert {incomplete(data[:size]) for size in range(whole)} == {"json-open"}


def test_files_that_are_no_json_are_never_incomplete(sample):
    assert incomplete(sample("gesprek.json")[:50], b"photos/photo_1.jpg") is None


def test_json_without_messages_and_media_are_opaque(pieces, sample):
    assert pieces(KIND, b"export.json", b'{"a": [1, 2]}') == [b'{"a": [1, 2]}']
    data = sample("gesprek.json")
    assert pieces(KIND, b"messages.html", data) == [data]


def test_an_export_cut_off_anywhere_keeps_the_days_before(pieces, sample):
    data = sample("gesprek.json")
    whole = pieces(KIND, RESULT, data)
    for size in range(1, len(data)):
        found = pieces(KIND, RESULT, data[:size])
        assert found[: len(found) - 2] == whole[: max(len(found) - 2, 0)]


def test_real_exports_are_cut_where_the_day_or_the_chat_changes(pieces, shared):
    for file in shared("telegram"):
        data = file.read_bytes()
        found = pieces(KIND, b"result.json", data)
        chats = json.loads(data)["chats"]["list"]
        expected = []
        for chat in chats:
            seen = [message["date"][:10] for message in chat["messages"]]
            expected += [[day] for n, day in enumerate(seen) if n == 0 or seen[n - 1] != day]
        assert days(found) == [[], *expected, []]
        assert incomplete(data) is None
