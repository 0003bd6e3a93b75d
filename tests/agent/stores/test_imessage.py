# SPDX-License-Identifier: EUPL-1.2
"""Messages of macOS and iOS, in databases that are made here."""

import json
import shutil
import sqlite3
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakzegel_agent.errors import StoreError
from lakzegel_agent.stores.base import line_of
from lakzegel_agent.stores.imessage import STORE

SCHEMA = """
CREATE TABLE chat (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, guid TEXT UNIQUE NOT NULL,
  style INTEGER, chat_identifier TEXT, service_name TEXT, display_name TEXT, properties BLOB,
  last_read_message_timestamp INTEGER DEFAULT 0);
CREATE TABLE handle (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, service TEXT);
CREATE TABLE message (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, guid TEXT UNIQUE NOT NULL,
  text TEXT, attributedBody BLOB, handle_id INTEGER DEFAULT 0, other_handle INTEGER DEFAULT 0,
  date INTEGER, is_from_me INTEGER DEFAULT 0);
CREATE TABLE attachment (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, filename TEXT,
  total_bytes INTEGER);
CREATE TABLE chat_handle_join (chat_id INTEGER, handle_id INTEGER, UNIQUE(chat_id, handle_id));
CREATE TABLE chat_message_join (chat_id INTEGER, message_id INTEGER,
  message_date INTEGER DEFAULT 0, PRIMARY KEY (chat_id, message_id));
CREATE TABLE message_attachment_join (message_id INTEGER, attachment_id INTEGER,
  UNIQUE(message_id, attachment_id));
CREATE TABLE chat_recoverable_message_join (chat_id INTEGER, message_id INTEGER,
  delete_date INTEGER, PRIMARY KEY (chat_id, message_id));
CREATE TABLE deleted_messages (ROWID INTEGER PRIMARY KEY, guid TEXT);
"""
ROWS = """
INSERT INTO handle VALUES (1, '+31600000001', 'iMessage'), (2, 'Bas@test.example', 'iMessage'),
  (3, '+31600000003', 'SMS'), (9, '+31600000009', 'CANARY-OTHER-HANDLE');
INSERT INTO chat VALUES (1, 'iMessage;-;+31600000001', 45, '+31600000001', 'iMessage', NULL,
  x'CAFE', 5);
INSERT INTO chat VALUES (4, 'iMessage;+;chat4', 43, 'chat4', 'iMessage', 'Beraad', NULL, 6);
INSERT INTO chat VALUES (5, 'SMS;-;leeg', 45, 'leeg', 'SMS', 'CANARY-EMPTY-CHAT', NULL, 7);
INSERT INTO chat_handle_join VALUES (1, 1), (4, 1), (4, 2);
INSERT INTO message VALUES (7, 'm7', 'Goedemorgen', x'04', 1, 0, 700000000000000000, 0);
INSERT INTO message VALUES (8, 'm8', NULL, NULL, 0, 0, 700086400, 1);
INSERT INTO message VALUES (9, 'm9', 'in de groep', NULL, 3, 0, 700000000000000000, 0);
INSERT INTO message VALUES (10, 'm10', 'CANARY-RECENT', NULL, 9, 0, 700000000000000000, 0);
INSERT INTO message VALUES (11, 'm11', 'CANARY-NO-CHAT', NULL, 9, 0, 700000000000000000, 0);
INSERT INTO message VALUES (12, 'm12', 'CANARY-DELETED', NULL, 1, 0, 700000000000000000, 0);
INSERT INTO message VALUES (13, 'm13', 'CANARY-RECENT', NULL, 9, 0, 700000000000000000, 0);
INSERT INTO attachment VALUES (2, '~/Library/Messages/Attachments/ab/11/x/Foto 1.heic', 3);
INSERT INTO attachment VALUES (3, '/var/folders/zz/CANARY-ELSEWHERE.png', 3);
INSERT INTO chat_message_join VALUES (1, 7, 70), (1, 8, 71), (4, 9, 72), (1, 12, 73),
  (1, 13, 74);
INSERT INTO chat_recoverable_message_join VALUES (1, 10, 99), (1, 13, 99);
INSERT INTO message_attachment_join VALUES (8, 2), (13, 3);
DELETE FROM message WHERE ROWID = 12; DELETE FROM chat_message_join WHERE message_id = 12;
"""
FIRST = "1-f4d281683624a6fa"
GROUP = "4-4c6229de270cdbf6"


def make(path, *scripts):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA secure_delete=OFF")
        connection.execute("PRAGMA synchronous=OFF")
        for script in scripts:
            connection.executescript(script)
    return path


def read(root, path=b"chat.db"):
    """Return head, people, rows and media of each conversation, by key."""
    with STORE.open(bytes(root), path) as store:
        return {
            found.key: (
                line_of(found.head),
                found.people,
                list(store.rows(found.key)),
                list(store.media(found.key)),
            )
            for found in store.conversations()
        }


@pytest.fixture
def store(tmp_path):
    make(tmp_path / "chat.db", SCHEMA, ROWS)
    return tmp_path


def test_a_conversation_is_its_people_and_then_each_message_with_what_belongs_to_it(store):
    head, people, rows, media = read(store)[FIRST]
    assert head == (
        b'{"chat":{"ROWID":1,"chat_identifier":"+31600000001","display_name":null,'
        b'"guid":"iMessage;-;+31600000001","service_name":"iMessage","style":45},'
        b'"kind":"imessage","people":{"1":"+31600000001"}}\n'
    )
    assert people == {"tel:+31600000001"}
    assert rows == [
        ("", b'{"row":{"chat_id":1,"handle_id":1},"table":"chat_handle_join"}\n'),
        ("", b'{"row":{"ROWID":1,"id":"+31600000001","service":"iMessage"},"table":"handle"}\n'),
        (
            "2023-03-08",
            (
                b'{"row":{"ROWID":7,"attributedBody":{"base64":"BA=="},"date":{"integer":'
                b'"700000000000000000"},"guid":"m7","handle_id":1,"is_from_me":0,"other_handle":0,'
                b'"text":"Goedemorgen"},"table":"message"}\n'
            ),
        ),
        (
            "2023-03-08",
            b'{"row":{"chat_id":1,"message_date":70,"message_id":7},"table":"chat_message_join"}\n',
        ),
        (
            "2023-03-09",
            (
                b'{"row":{"ROWID":8,"attributedBody":null,"date":700086400,"guid":"m8","handle_id":0,'
                b'"is_from_me":1,"other_handle":0,"text":null},"table":"message"}\n'
            ),
        ),
        (
            "2023-03-09",
            b'{"row":{"chat_id":1,"message_date":71,"message_id":8},"table":"chat_message_join"}\n',
        ),
        (
            "2023-03-09",
            b'{"row":{"attachment_id":2,"message_id":8},"table":"message_attachment_join"}\n',
        ),
        (
            "2023-03-09",
            (
                b'{"row":{"ROWID":2,"filename":"~/Library/Messages/Attachments/ab/11/x/Foto 1.heic'
                b'","total_bytes":3},"table":"attachment"}\n'
            ),
        ),
    ]
    assert media == [b"Attachments/ab/11/x/Foto 1.heic"]


def test_a_group_counts_those_who_left_it_among_its_people(store):
    _, people, rows, media = read(store)[GROUP]
    assert people == {"tel:+31600000001", "mailto:bas@test.example", "tel:+31600000003"}
    tables = [json.loads(row.line)["table"] for row in rows]
    assert tables == [
        *["chat_handle_join"] * 2,
        *["handle"] * 3,
        "message",
        "chat_message_join",
    ]
    assert media == []


def test_chats_come_by_number_and_one_without_a_message_does_not_come(store):
    assert list(read(store)) == [FIRST, GROUP]


def test_nothing_deleted_nothing_of_no_chat_and_no_other_handle_comes_along(store):
    assert b"CANARY-DELETED" in (store / "chat.db").read_bytes()
    assert b"CANARY" not in repr(read(store)).encode()


def test_what_only_the_write_ahead_log_has_is_read_and_nothing_is_changed(store):
    with closing(sqlite3.connect(store / "chat.db", isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode=WAL")
        writer.execute("INSERT INTO message VALUES (20, 'm20', 'net', NULL, 1, 0, 700086400, 0)")
        writer.execute("INSERT INTO chat_message_join VALUES (1, 20, 1)")
        before = {path.name: path.read_bytes() for path in store.iterdir()}
        rows = read(store)[FIRST][2]
        after = {path.name: path.read_bytes() for path in store.iterdir()}
    assert b'"text":"net"' in rows[-2].line
    assert before["chat.db"] == after["chat.db"]
    assert before["chat.db-wal"] == after["chat.db-wal"]
    assert set(before) == set(after)


def test_a_sender_whom_the_store_does_not_name_makes_the_people_unknown(store):
    make(
        store / "chat.db",
        "INSERT INTO message VALUES (30, 'm30', 'wie', NULL, 0, 0, 1, 0);"
        "INSERT INTO chat_message_join VALUES (1, 30, 0);"
        "INSERT INTO message VALUES (31, 'm31', 'wie', NULL, 77, 0, 1, 0);"
        "INSERT INTO chat_message_join VALUES (4, 31, 0);",
    )
    found = read(store)
    assert found[FIRST][1] is None
    assert found[GROUP][1] is None


def test_a_number_without_its_country_is_never_taken_for_one_with_it(store):
    make(store / "chat.db", "UPDATE handle SET id = '06 0000 0001' WHERE ROWID = 1")
    assert read(store)[FIRST][1] == {"id:06 0000 0001"}


def test_a_key_that_names_another_chat_gives_no_rows(store):
    with STORE.open(bytes(store), b"chat.db") as opened:
        keys = ["", "1", "1-0000000000000000", GROUP.replace("4-", "1-"), f"{2**64}-{'0' * 16}"]
        for key in keys:
            assert list(opened.rows(key)) == []
            assert list(opened.media(key)) == []


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("~/Library/Messages/Attachments/a/b", b"Library/Messages/Attachments/a/b"),
        ("/Users/test/Library/Messages/StickerCache/a", b"Library/Messages/StickerCache/a"),
        ("~/Library/SMS/Attachments/a", b"Library/Messages/Attachments/a"),
        ("/var/mobile/Library/SMS/Attachments/a", b"Library/Messages/Attachments/a"),
        ("~/Library/Messages/../../.ssh/id", None),
        ("~/Library/Messages/a//b", None),
        ("/etc/passwd", None),
        ("Attachments/a", None),
        (None, None),
        (3, None),
    ],
)
def test_an_attachment_lies_beside_the_store_or_is_not_looked_for(tmp_path, name, place):
    folder = tmp_path / "Library" / "Messages"
    folder.mkdir(parents=True)
    make(folder / "chat.db", SCHEMA, ROWS)
    with closing(sqlite3.connect(folder / "chat.db")) as connection, connection:
        connection.execute("UPDATE attachment SET filename = ? WHERE ROWID = 2", (name,))
    media = read(tmp_path, b"Library/Messages/chat.db")[FIRST][3]
    assert media == ([place] if place else [])


def test_in_a_backup_the_attachments_have_names_of_their_own(tmp_path):
    path = "3d/3d0d7e5fb2ce288813306e4d4636395e047a3d28"
    (tmp_path / "3d").mkdir()
    make(tmp_path / path, SCHEMA, ROWS)
    assert STORE.is_store(path.encode())
    media = read(tmp_path, path.encode())[FIRST][3]
    assert media == [b"3a/3a10f2ec7c9a4e780d8f4380d267acf3b3657898"]


@pytest.mark.parametrize(
    ("path", "store", "part"),
    [
        (b"chat.db", True, False),
        (b"Library/SMS/sms.db", True, False),
        (b"a/3d/3d0d7e5fb2ce288813306e4d4636395e047a3d28", True, False),
        (b"chat.db-wal", False, True),
        (b"x/sms.db-shm", False, True),
        (b"mychat.db", False, False),
        (b"3d0d7e5fb2ce288813306e4d4636395e047a3d28", False, False),
        (b"Attachments/ab/photo.jpg", False, False),
    ],
)
def test_a_store_and_its_parts_are_known_by_their_names(path, store, part):
    assert STORE.is_store(path) is store
    assert STORE.is_part(path) is part


@pytest.mark.parametrize(
    ("date", "day"),
    [
        (700000000, "2023-03-08"),
        (700000000000000000, "2023-03-08"),
        (0, ""),
        (None, ""),
        ("700000000", "2023-03-08"),  # the column makes a number of it
        ("gisteren", ""),
        (-1, "2000-12-31"),
        (86399, "2001-01-01"),
        (86400, "2001-01-02"),
        (2**63 - 1, "2293-04-11"),
        (9e99, ""),
    ],
)
def test_the_day_is_that_of_the_message_in_utc(store, date, day):
    with closing(sqlite3.connect(store / "chat.db")) as connection, connection:
        connection.execute("UPDATE message SET date = ? WHERE ROWID = 7", (date,))
    assert read(store)[FIRST][2][2].day == day


def test_columns_of_a_newer_system_are_taken_and_tables_of_it_may_be_missing(store):
    make(
        store / "chat.db",
        "ALTER TABLE message ADD COLUMN date_edited INTEGER DEFAULT 5;"
        "DELETE FROM chat_message_join WHERE message_id = 13;"
        "DROP TABLE chat_recoverable_message_join; DROP TABLE message_attachment_join;"
        "DROP TABLE chat_handle_join; DROP TABLE attachment;",
    )
    rows = read(store)[FIRST][2]
    assert [json.loads(row.line)["table"] for row in rows] == [
        *("handle", "message", "chat_message_join", "message", "chat_message_join")
    ]
    assert b'"date_edited":5' in rows[1].line


@pytest.mark.parametrize(
    "script",
    [
        "DROP TABLE message",
        "DROP TABLE chat_message_join",
        "ALTER TABLE message RENAME COLUMN date TO moment",
        "ALTER TABLE message RENAME TO m; CREATE VIEW message AS SELECT * FROM m",
        'ALTER TABLE message ADD COLUMN "é" TEXT',
    ],
)
def test_a_database_without_what_makes_a_store_is_said_to_be_of_an_unknown_schema(store, script):
    make(store / "chat.db", script)
    with pytest.raises(StoreError, match="unknown-schema"):
        read(store)


def test_joins_that_lead_nowhere_or_hold_no_numbers_are_passed_over(store):
    make(
        store / "chat.db",
        "DROP TABLE chat_message_join; CREATE TABLE chat_message_join (chat_id, message_id);"
        "INSERT INTO chat_message_join VALUES (1, 7), (1, 'x'), (1, x'00'), (1, 999), (1, -4),"
        " (1, 1e300), (1, NULL), ('a', 7);"
        "INSERT INTO message_attachment_join VALUES (7, 'CANARY'), (7, 888), ('x', 2);",
    )
    rows = read(store)[FIRST][2]
    assert sum(b'"table":"message"}' in row.line for row in rows) == 1


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2**17), st.binary(max_size=40)), max_size=12))
def test_a_damaged_database_gives_a_store_error_or_rows_and_nothing_else(tmp_path_factory, changes):
    whole = _whole(tmp_path_factory)
    folder = tmp_path_factory.mktemp("damaged")
    data = bytearray(whole.read_bytes())
    for somewhere, change in changes:
        place = somewhere % len(data)
        data[place : place + len(change)] = change
    (folder / "chat.db").write_bytes(data)
    try:
        found = read(folder)
    except StoreError:
        found = {}
    for _, _, rows, _ in found.values():
        assert all(json.loads(row.line) for row in rows)
    shutil.rmtree(folder)


def _whole(tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "whole-chat.db"
    return path if path.exists() else make(path, SCHEMA, ROWS)
