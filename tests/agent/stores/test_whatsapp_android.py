# SPDX-License-Identifier: EUPL-1.2
"""WhatsApp on Android: what is taken of a store, and nothing else."""

import contextlib
import hashlib
import hmac
import json
import os
import sqlite3
import zlib

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from lakzegel_agent.errors import StoreError
from lakzegel_agent.stores import store_of
from lakzegel_agent.stores.base import json_of, line_of, value_of
from lakzegel_agent.stores.database import opened

STORE = store_of("whatsapp-android")
NAME = b"msgstore.db"


def lines(root, key, path=NAME):
    with STORE.open(os.fsencode(root), path) as store:
        return [(row.day, row.line) for row in store.rows(key)]


def keys(root, path=NAME):
    with STORE.open(os.fsencode(root), path) as store:
        return {one.key: one for one in store.conversations()}


DAY = 86_400_000
MONDAY = 1_710_144_000_000  # 11 March 2024, 08:00 UTC
ROOT_KEY = bytes(range(32))


def test_a_conversation_is_its_messages_in_order_with_what_belongs_to_them(whatsapp, tmp_path):
    store = whatsapp()
    first = store.say(1, "Goedemorgen")
    store.say(2, "van een ander")
    store.say(1, "Tot morgen", at=MONDAY + DAY)
    store.show(first, "Media/Foto/IMG-1.jpg")
    store.db.execute("INSERT INTO message_add_on VALUES (7, ?)", (first,))
    store.db.execute("INSERT INTO message_add_on_reaction VALUES (7, 'ja')")
    store.db.execute("INSERT INTO call_log VALUES (1, 1, ?, 60)", (MONDAY,))
    assert lines(tmp_path / "phone", "31600000001.s.whatsapp.net") == [
        (
            "2024-03-11",
            (
                b'{"row":{"_id":1,"chat_row_id":1,"from_me":0,"key_id":"K","message_type":0,'
                b'"sender_jid_row_id":1,"text_data":"Goedemorgen","timestamp":1710144000000},'
                b'"table":"message"}\n'
            ),
        ),
        (
            "2024-03-11",
            (
                b'{"row":{"file_path":"Media/Foto/IMG-1.jpg","media_key":{"base64":"AP8="},'
                b'"message_row_id":1},"table":"message_media"}\n'
            ),
        ),
        (
            "2024-03-11",
            b'{"row":{"_id":7,"parent_message_row_id":1},"table":"message_add_on"}\n',
        ),
        (
            "2024-03-11",
            (
                b'{"row":{"message_add_on_row_id":7,"reaction":"ja"},'
                b'"table":"message_add_on_reaction"}\n'
            ),
        ),
        (
            "2024-03-12",
            (
                b'{"row":{"_id":3,"chat_row_id":1,"from_me":0,"key_id":"K","message_type":0,'
                b'"sender_jid_row_id":1,"text_data":"Tot morgen","timestamp":1710230400000},'
                b'"table":"message"}\n'
            ),
        ),
        (
            "2024-03-11",
            (
                b'{"row":{"_id":1,"duration":60,"jid_row_id":1,"timestamp":1710144000000},'
                b'"table":"call_log"}\n'
            ),
        ),
    ]


def test_people_are_all_who_are_or_wrote_in_a_conversation(whatsapp, tmp_path):
    store = whatsapp()
    store.db.execute("INSERT INTO jid VALUES (9, '99', 'lid', '99@lid')")
    store.say(3, "ik was er even", sender=9)
    found = keys(tmp_path / "phone")
    assert found["31600000001.s.whatsapp.net"].people == {"tel:+31600000001"}
    assert found["120363.g.us"].people == {"tel:+31600000001", "tel:+31600000002", "id:99@lid"}
    assert found["120363.g.us"].head["people"]["9"] == "99@lid"


def test_a_group_without_a_list_of_members_has_unknown_people(whatsapp, tmp_path):
    whatsapp().db.execute("DROP TABLE group_participant_user")
    assert keys(tmp_path / "phone")["120363.g.us"].people is None


def test_what_a_writer_committed_to_its_log_is_read_and_the_log_left_alone(whatsapp, tmp_path):
    store = whatsapp()
    store.db.execute("PRAGMA journal_mode = WAL")
    store.say(1, "in het logboek")
    before = (tmp_path / "phone/msgstore.db-wal").read_bytes()
    assert len(lines(tmp_path / "phone", "31600000001.s.whatsapp.net")) == 1
    assert (tmp_path / "phone/msgstore.db-wal").read_bytes() == before


def test_the_old_schema_is_read_by_the_text_of_its_jids(tmp_path):
    db = sqlite3.connect(tmp_path / "msgstore.db")
    db.executescript(
        """
        CREATE TABLE chat_list (_id INTEGER PRIMARY KEY, key_remote_jid TEXT, subject TEXT);
        CREATE TABLE messages (_id INTEGER PRIMARY KEY, key_remote_jid TEXT, data TEXT,
            timestamp INTEGER, remote_resource TEXT, quoted_row_id INTEGER);
        CREATE TABLE messages_quotes (_id INTEGER PRIMARY KEY, data TEXT);
        CREATE TABLE group_participants (_id INTEGER PRIMARY KEY, gjid TEXT, jid TEXT);
        INSERT INTO chat_list VALUES (1, '7@g.us', 'Oud'), (2, '31600000003@s.whatsapp.net', NULL);
        INSERT INTO messages
            VALUES (4, '7@g.us', 'oud', 1710144000000, '31600000004@s.whatsapp.net', 2);
        INSERT INTO messages_quotes VALUES (2, 'geciteerd');
        INSERT INTO group_participants VALUES (1, '7@g.us', '');
        """
    )
    db.close()
    assert [json.loads(line)["table"] for _, line in lines(tmp_path, "7.g.us")] == [
        "messages",
        "messages_quotes",
    ]
    assert keys(tmp_path)["7.g.us"].people == {"tel:+31600000004"}


def test_media_is_looked_for_below_media_alone(whatsapp, tmp_path):
    store = whatsapp("phone/Databases/msgstore.db")
    for path in (
        "Media/a.jpg",
        "../DCIM/b.jpg",
        "Media/../../c.jpg",
        "/sdcard/d.jpg",
        "DCIM/e.jpg",
    ):
        store.show(store.say(1, path), path)
    with STORE.open(os.fsencode(tmp_path / "phone"), b"Databases/msgstore.db") as store:
        assert set(store.media("31600000001.s.whatsapp.net")) == {
            b"Media/a.jpg",
            b"Databases/Media/a.jpg",
            b"WhatsApp/Media/a.jpg",
            b"Android/media/com.whatsapp/WhatsApp/Media/a.jpg",
        }


def test_older_backups_and_logs_belong_to_the_store():
    assert STORE.is_store(b"x/msgstore.db.crypt15")
    assert STORE.is_part(b"x/msgstore-2024-03-11.1.db.crypt15")
    assert STORE.is_part(b"x/msgstore.db-wal")
    assert not STORE.is_part(b"x/wa.db")


# backups


def backup(plain: bytes, key: bytes = ROOT_KEY) -> bytes:
    extracted = hmac.digest(bytes(32), key, hashlib.sha256)
    secret = hmac.digest(extracted, b"backup encryption\x01", hashlib.sha256)
    header = bytes(7) + bytes(range(16)) + bytes(20)
    data = AESGCM(secret).encrypt(header[6 + 1 : 7 + 16], zlib.compress(plain), None)
    head = bytes([len(header) - 1]) + header
    return head + data + bytes(16)


def open_backup(root, key=ROOT_KEY):
    with STORE.open_with(os.fsencode(root), b"msgstore.db.crypt15", lambda: key) as store:
        return [one.key for one in store.conversations()]


def test_a_backup_is_opened_in_memory_with_its_key(whatsapp, tmp_path):
    store = whatsapp()
    store.say(1, "in de reservekopie")
    store.db.execute("PRAGMA journal_mode = WAL")
    store.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    (tmp_path / "msgstore.db.crypt15").write_bytes(backup(store.path.read_bytes()))
    assert len(open_backup(tmp_path)) == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["msgstore.db.crypt15", "phone"]


@pytest.mark.parametrize("cut", [40, 100, 1000])
def test_a_backup_that_is_not_whole_is_damaged(whatsapp, tmp_path, cut):
    data = backup(whatsapp().path.read_bytes())
    (tmp_path / "msgstore.db.crypt15").write_bytes(data[:-cut])
    with pytest.raises(StoreError, match="damaged"):
        open_backup(tmp_path)


def test_a_backup_under_another_key_has_no_key(whatsapp, tmp_path):
    data = backup(whatsapp().path.read_bytes())
    (tmp_path / "msgstore.db.crypt15").write_bytes(data)
    with pytest.raises(StoreError, match="no-key"):
        open_backup(tmp_path, bytes(32))


# hostile databases


def hostile(path, script: str) -> None:
    db = sqlite3.connect(path)
    db.executescript(script)
    db.close()


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("CREATE TABLE message (x)", "unknown-schema"),
        (
            (
                "CREATE TABLE chat (_id, jid_row_id); CREATE TABLE jid (_id, raw_string);"
                "CREATE VIEW message AS WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL"
                " SELECT n + 1 FROM r)"
                " SELECT n AS _id, 1 AS chat_row_id, n AS timestamp, 1 AS sender_jid_row_id FROM r"
            ),
            "unknown-schema",
        ),
        (
            (
                "CREATE TABLE message (_id, chat_row_id, timestamp, sender_jid_row_id);"
                'CREATE TABLE chat (_id, jid_row_id, "é" DEFAULT 1);'
                "CREATE TABLE jid (_id, raw_string); INSERT INTO chat (_id) VALUES (1)"
            ),
            "damaged",
        ),
    ],
)
def test_a_hostile_schema_is_refused_by_name(tmp_path, script, why):
    hostile(tmp_path / "msgstore.db", script)
    with pytest.raises(StoreError, match=why), STORE.open(os.fsencode(tmp_path), NAME) as store:
        [line_of(one.head) for one in store.conversations()]


def test_a_table_of_too_many_columns_is_damaged(tmp_path):
    hostile(tmp_path / "msgstore.db", "CREATE TABLE message (a)")
    data = bytearray((tmp_path / "msgstore.db").read_bytes())
    place = data.index(b"CREATE TABLE message (a)")
    data[place : place + 24] = b"CREATE TABLE message (,)"
    (tmp_path / "msgstore.db").write_bytes(data)
    with pytest.raises(StoreError, match="damaged"):
        keys(tmp_path)


def test_a_query_that_does_not_end_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr("lakzegel_agent.stores.database.STEPS", 1_000_000)
    hostile(tmp_path / "a.db", "CREATE TABLE t (a); INSERT INTO t VALUES (1)" + ", (1)" * 499)
    with (
        pytest.raises(StoreError, match="damaged"),
        opened(os.fsencode(tmp_path / "a.db")) as database,
    ):
        database.execute("SELECT count(*) FROM t a, t b, t c, t d").fetchall()


@pytest.mark.parametrize("place", range(0, 20_000, 1_111))
def test_damaged_pages_give_an_error_by_name_or_rows(whatsapp, tmp_path, place):
    store = whatsapp()
    for number in range(200):
        store.say(1 + number % 3, f"bericht {number}")
    data = bytearray(store.path.read_bytes())
    data[place : place + 64] = b"\xff" * len(data[place : place + 64])
    (tmp_path / "msgstore.db").write_bytes(data)
    with contextlib.suppress(StoreError):
        for key in keys(tmp_path):
            lines(tmp_path, key)


@pytest.mark.parametrize(
    "make",
    [
        lambda p: p.mkdir(),
        lambda p: p.symlink_to("/etc/passwd"),
        os.mkfifo,
        lambda p: p.write_bytes(b"geen"),
    ],
)
def test_what_is_no_database_is_never_opened(tmp_path, make):
    make(tmp_path / "msgstore.db")
    with pytest.raises(StoreError):
        keys(tmp_path)


@given(
    st.none()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.binary()
    | st.binary().map(lambda data: data.decode("utf-8", "surrogateescape"))
)
def test_every_value_of_sqlite_comes_back(value):
    found = value_of(json.loads(json.dumps(json_of(value))))
    assert (type(found), repr(found)) == (type(value), repr(value))
