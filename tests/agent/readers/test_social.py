# SPDX-License-Identifier: EUPL-1.2
"""Archives of social networks: an entry, or a day of a conversation, is a segment."""

import csv
import io
import json
import re
import tarfile
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakzegel_agent import view
from lakzegel_agent.readers import reader_of, social_csv
from lakzegel_agent.view import View

KIND = "social-export"
TWEETS = b"twitter-2024/data/tweets.js"
DIRECT = b"twitter-2024/data/direct-messages.js"
META = b"your_activity/messages/inbox/bas_1/message_1.json"
OUTBOX = b"archive-1/outbox.json"
TABLE = b"messages.csv"
HEADER = b"CONVERSATION ID,FROM,DATE,CONTENT\n"
MOMENT = re.compile(rb"20\d\d-\d\d-\d\d(?=[T ])")


def incomplete(path, data):
    return reader_of(KIND).incomplete(path, View.of_bytes(data))


def cut(path, data):
    ends = list(reader_of(KIND).cut(path, View.of_bytes(data)))
    return [data[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def moments(segments):
    return [sorted({found.decode()[5:] for found in MOMENT.findall(one)}) for one in segments]


# X


def test_each_tweet_is_a_segment_and_a_quoted_head_is_text(pieces, sample):
    found = pieces(KIND, TWEETS, sample("tweets.js"))
    assert [one.count(b"full_text") for one in found] == [1, 1, 1, 0]
    assert found[-1] == b"\n]"


@pytest.mark.parametrize(
    "text",
    [
        'window.YTD.tweet.part0 = [ {\n "a" : 0\n}, {\n "a" : 1,\n "b" : {\n  "a" : 0\n }\n} ]',
        '\ufeffwindow.YTD.like.part12 =[{"like":{"tweetId":"1"}},{"like":{"tweetId":"2"}}]',
        'window.YTD.n.part0 = [\r\n\t{\r\n\t\t"a":{}\r\n\t},\r\n\t{\r\n\t\t"a":{}\r\n\t}\r\n]\r\n',
    ],
)
def test_lists_are_cut_however_they_are_laid_out(pieces, text):
    assert len(pieces(KIND, b"data/list.js", text.encode())) == 3


def test_each_day_of_a_conversation_on_x_is_a_segment(pieces, sample):
    found = pieces(KIND, DIRECT, sample("direct-messages.js"))
    assert [re.findall(rb'"id" : "(\d+)"', one) for one in found] == [
        [b"14"],
        [b"13", b"12"],
        [b"11"],
        [b"21"],
        [],
    ]
    assert b'"1-2"' in found[0]
    assert b'"1-3"' in found[3]
    assert b"joinConversation" in found[3]


def test_a_reaction_on_another_day_does_not_cut_and_changes_one_segment(pieces, sample):
    data = sample("direct-messages.js")
    before = pieces(KIND, DIRECT, data)
    after = pieces(KIND, DIRECT, data.replace(b"2024-03-20T", b"2024-03-21T"))
    assert [old == new for old, new in zip(before, after, strict=True)].count(False) == 1


def x_list(rows):
    text = json.dumps([{"tweet": {"id": row}} for row in rows], indent=2)
    return f"window.YTD.tweets.part0 = {text}".encode()


texts = st.text(max_size=30) | st.sampled_from(('{ "tweet": {', "\n  {", ",{", "]}"))


@settings(max_examples=80, deadline=None, database=None)
@given(rows=st.lists(texts, min_size=2, max_size=8), newer=texts, first=st.booleans())
def test_a_later_archive_of_x_keeps_its_tweets(rows: list[str], newer: str, first: bool) -> None:  # noqa: FBT001
    old = cut(TWEETS, x_list(rows))
    new = cut(TWEETS, x_list([newer, *rows] if first else [*rows, newer]))
    assert len(old) == len(rows) + 1
    if first:
        assert new[2:] == old[1:]
    else:
        assert new[: len(rows)] == old[:-1]
        assert new[-1] == old[-1]


# Facebook and Instagram


def test_each_day_of_a_conversation_on_facebook_is_a_segment(pieces, sample):
    found = pieces(KIND, META, sample("message_1.json"))
    assert [re.findall(rb'"timestamp_ms": (\d{13})', one) for one in found] == [
        [b"1710399600000"],
        [b"1710230580000", b"1710230460000"],
        [b"1710194281000"],
    ]
    assert b"participants" in found[0]
    assert b"thread_path" in found[2]


def test_a_later_export_of_facebook_keeps_the_earlier_days(pieces):
    def export(days):
        rows = [
            {
                "sender_name": "Bas \\u00c3\\u00a9",
                "timestamp_ms": day * 86_400_000 + 5,
                "content": "x",
            }
            for day in days
            for _ in range(2)
        ]
        return json.dumps({"participants": [], "messages": rows, "title": "Bas"}, indent=2).encode()

    later = pieces(KIND, META, export(range(19_800, 19_790, -1)))
    earlier = pieces(KIND, META, export(range(19_797, 19_790, -1)))
    assert later[-6:] == earlier[1:]
    assert len(later) == 10


# Mastodon


def test_each_day_of_an_outbox_is_a_segment(pieces, sample):
    found = pieces(KIND, OUTBOX, sample("outbox.json"))
    assert moments(found) == [["03-11"], ["03-12"], ["03-14"], []]
    assert found[-1] == b"]}"


def test_a_later_outbox_keeps_the_earlier_days(pieces, sample):
    later = json.loads(sample("outbox.json"))
    earlier = {**later, "orderedItems": later["orderedItems"][:3]}
    old, new = (
        pieces(KIND, OUTBOX, json.dumps(box, separators=(",", ":")).encode())
        for box in (earlier, later)
    )
    assert new[:2] == old[:2]
    assert new[-1] == old[-1]


# LinkedIn


def test_each_day_of_a_conversation_on_linkedin_is_a_segment(pieces, sample):
    found = pieces(KIND, TABLE, sample("messages.csv"))
    assert len(found) == 3
    assert found[0].endswith(b"Tot zo,INBOX\n")
    assert b"2-zzz" in found[1]  # a row pasted into a message
    assert b"Titel" in found[1]
    assert found[2].startswith(b"2-bbb")


cells = st.text('ab",\n\r é', max_size=12)
rows = st.tuples(st.sampled_from(("2-a", '2,"b"', "")), st.integers(1, 3), cells, cells)


@settings(max_examples=150, deadline=None, database=None)
@given(table=st.lists(rows, max_size=12))
def test_whatever_is_said_a_segment_begins_with_a_row(
    table: list[tuple[str, int, str, str]],
) -> None:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(["CONVERSATION ID", "FROM", "DATE", "CONTENT"])
    for chat, day, name, text in table:
        writer.writerow([chat, name, f"2024-03-{day:02} 08:01:00 UTC", text])
    data = out.getvalue().encode()
    expected = [
        [(row[0], row[2][:10]) for row in csv.reader(io.StringIO(one.decode(), newline="")) if row]
        for one in cut(TABLE, data)
    ]
    keys = [key for one in expected for key in one][1:]
    assert keys == [(chat, f"2024-03-{day:02}") for chat, day, _, _ in table]
    assert all(len(set(one) - {("CONVERSATION ID", "DATE")}) == 1 for one in expected) or not table


def test_a_quote_that_is_never_closed_does_not_swallow_the_file(pieces, monkeypatch):
    monkeypatch.setattr(social_csv, "_LONGEST_ROW", 200)
    broken = HEADER + b'2-a,"Anna,2024-03-01 x\n'
    rest = b"".join(b"2-a,Bas,2024-03-%02d 08:00:00 UTC,tekst\n" % day for day in range(1, 29))
    found = pieces(KIND, TABLE, broken + rest)
    assert len(found) > 15


def test_a_row_whose_date_is_too_far_away_belongs_to_the_one_before(pieces):
    long = b"2-a,%s,2024-03-02 08:00:00 UTC,b\n" % (b"x" * 70_000)
    data = HEADER + b"2-a,Bas,2024-03-01 08:00:00 UTC,a\n" + long
    assert pieces(KIND, TABLE, data) == [data]


def test_a_table_with_other_columns_is_opaque(pieces):
    for first in (
        b"First Name,DATE\n",
        b"CONVERSATION ID,FROM\n",
        b"CONVERSATION ID,DATE",
        b"\xff\n",
    ):
        data = first + b"a,2024-03-01\nb,2024-03-02\n"
        assert pieces(KIND, b"Connections.csv", data) == [data]


BEGINS = {
    TWEETS: b'window.YTD.tweets.part0 = [ {"tweet":{',
    DIRECT: b'window.YTD.direct_messages.part0 = [ {"dmConversation" : {"messages" : [',
    META: b'{"participants": [], "messages": [',
    OUTBOX: b'{"type":"OrderedCollection","orderedItems":[',
    TABLE: HEADER,
}
PARTS = (
    b",", b" ", b"\n", b'"', b"}", b"]", b"\\", b" " * 65, b'{"tweet":{', b'{"dmConversation" : {',
    b'{"x":', b'{"messageCreate" : {', b'"createdAt" : "2024-03-12T', b'"createdAt" : "2024-03-13T',
    b'{"sender_name": "B", "timestamp_ms": 1710230460000', b'{"sender_name":"A","timestamp_ms":9',
    b'{"id":"a","type":"Create","actor":"b","published":"2024-03-12T', b'{"id":"',
    b'{"id":"a","type":"Announce","actor":"b","published":"2024-03-13T',
    b"\n2-a,A,2024-03-12 x,b", b'\n"2-b","B","2024-03-13 x","b', b'""', b"x" * 300,
)  # fmt: skip


@settings(max_examples=150, deadline=None, database=None)
@given(
    path=st.sampled_from(sorted(BEGINS)),
    parts=st.lists(st.sampled_from(PARTS), max_size=40),
    window=st.integers(1, 120),
)
def test_hostile_content_is_cut_the_same_through_any_window(
    path: bytes, parts: list[bytes], window: int
) -> None:
    data = BEGINS[path] + b"".join(parts)
    whole = cut(path, data)
    assert b"".join(whole) == data
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(view, "WINDOW", window)
        assert cut(path, data) == whole
    assert incomplete(path, data) in {None, "json-open", "line-open"}


@pytest.mark.parametrize(
    ("path", "content"),
    [
        (
            DIRECT,
            b'{"x":{"dmConversation" : {"y":{"createdAt":"2024-03-12T",{"dmConversation":{',
        ),
        (TABLE, b'2-a,"A\n2-b,B,2024-03-13 x\n",2024-03-12 x\n2-a,"\n",2024-03-13 x\n'),
    ],
)
def test_what_spans_two_windows_is_seen_once(path, content, monkeypatch):
    data = BEGINS[path] + content
    whole = cut(path, data)
    assert len(whole) > 1
    for window in range(1, len(data)):
        monkeypatch.setattr(view, "WINDOW", window)
        assert cut(path, data) == whole


# whole archives, and what is not known


def test_an_archive_in_a_zip_is_cut_by_member_and_one_in_a_tar_is_opaque(pieces):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("data/tweets.js", "a" * 99)
        archive.writestr("data/direct-messages.js", "b" * 99)
    data = out.getvalue()
    assert len(pieces(KIND, b"twitter-2024.zip", data)) == 3
    assert incomplete(b"twitter-2024.zip", data) is None
    assert incomplete(b"twitter-2024.zip", data[:-1]) == "zip-open"
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("outbox.json"))
    assert pieces(KIND, b"archive-2024.tar.gz", out.getvalue()) == [out.getvalue()]
    assert incomplete(b"archive-2024.tar.gz", out.getvalue()) is None


@pytest.mark.parametrize(
    ("path", "name", "why"),
    [
        (TWEETS, "tweets.js", "json-open"),
        (DIRECT, "direct-messages.js", "json-open"),
        (META, "message_1.json", "json-open"),
        (TABLE, "messages.csv", "line-open"),
    ],
)
def test_a_file_that_is_cut_off_is_not_complete(sample, path, name, why):
    data = sample(name)
    assert incomplete(path, data) is None
    for size in range(200, len(data) - 2):
        expected = None if why == "line-open" and data[size - 1] == ord("\n") else why
        assert incomplete(path, data[:size]) == expected


def test_an_outbox_is_complete_when_it_is_closed(sample):
    assert incomplete(OUTBOX, sample("outbox.json")) is None
    assert incomplete(OUTBOX, sample("outbox.json")[:-9]) == "json-open"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (b"data/manifest.js", "message_1.json"),
        (b"likes.json", "outbox.json"),
        (b"message_1.html", "message_1.json"),
        (b"tweets.txt", "tweets.js"),
        (b"message_1.json", "outbox.json"),
        (b"outbox.json", "message_1.json"),
    ],
)
def test_content_under_another_name_is_opaque(pieces, sample, path, name):
    assert pieces(KIND, path, sample(name)) == [sample(name)]
    assert incomplete(path, sample(name)[:-3]) is None


def test_an_empty_list_is_whole(pieces):
    data = b"window.YTD.deleted_tweets.part0 = [ ]"
    assert pieces(KIND, b"deleted-tweets.js", data) == [data]
    assert incomplete(b"deleted-tweets.js", data[:-1]) is None
