# SPDX-License-Identifier: EUPL-1.2
"""WhatsApp on iPhone and Mac, in databases that are made here."""

import json
import sqlite3
from contextlib import closing

import pytest

from lakzegel_agent.errors import StoreError
from lakzegel_agent.stores.base import line_of
from lakzegel_agent.stores.whatsapp_ios import STORE

SCHEMA = """
CREATE TABLE ZWACHATSESSION (Z_PK INTEGER PRIMARY KEY, Z_ENT INTEGER, Z_OPT INTEGER,
  ZREMOVED INTEGER, ZSESSIONTYPE INTEGER, ZUNREADCOUNT INTEGER, ZGROUPINFO INTEGER,
  ZCONTACTIDENTIFIER VARCHAR, ZCONTACTJID VARCHAR, ZPARTNERNAME VARCHAR, ZLASTMESSAGETEXT VARCHAR);
CREATE TABLE ZWAMESSAGE (Z_PK INTEGER PRIMARY KEY, ZISFROMME INTEGER, ZMESSAGETYPE INTEGER,
  ZCHATSESSION INTEGER, ZGROUPMEMBER INTEGER, ZMESSAGEDATE TIMESTAMP, ZTEXT VARCHAR);
CREATE INDEX ZWAMESSAGE_ZCHATSESSION_INDEX ON ZWAMESSAGE (ZCHATSESSION);
CREATE TABLE ZWAMEDIAITEM (Z_PK INTEGER PRIMARY KEY, ZMESSAGE INTEGER, ZLATITUDE FLOAT,
  ZMEDIALOCALPATH VARCHAR, ZXMPPTHUMBPATH VARCHAR, ZMETADATA BLOB);
CREATE TABLE ZWAGROUPMEMBER (Z_PK INTEGER PRIMARY KEY, ZISACTIVE INTEGER, ZCHATSESSION INTEGER,
  ZMEMBERJID VARCHAR);
CREATE TABLE ZWAGROUPINFO (Z_PK INTEGER PRIMARY KEY, ZCHATSESSION INTEGER,
  ZCREATIONDATE TIMESTAMP);
CREATE TABLE ZWAMESSAGEINFO (Z_PK INTEGER PRIMARY KEY, ZMESSAGE INTEGER, ZRECEIPTINFO BLOB);
CREATE TABLE ZWAPROFILEPUSHNAME (Z_PK INTEGER PRIMARY KEY, ZJID VARCHAR, ZPUSHNAME VARCHAR);
"""
ROWS = """
INSERT INTO ZWACHATSESSION VALUES
  (1, 3, 1, 0, 0, 2, NULL, NULL, '31600000001@s.whatsapp.net', 'Bas', 'Goedemorgen'),
  (2, 3, 1, 0, 1, 0, 1, NULL, '31600000001-160@g.us', 'Beraad', 'x'),
  (3, 3, 1, 0, 3, 0, NULL, NULL, '31600000004@status', NULL, 'CANARY-FEED'),
  (4, 3, 1, 1, 0, 0, NULL, NULL, '31600000005@s.whatsapp.net', 'CANARY-REMOVED', 'x'),
  (5, 3, 1, 0, 0, 0, NULL, NULL, '31600000006@s.whatsapp.net', 'CANARY-EMPTY', 'x');
INSERT INTO ZWAGROUPINFO VALUES (1, 2, 690000000.5), (2, 9, 1);
INSERT INTO ZWAGROUPMEMBER VALUES (4, 1, 2, '31600000001@s.whatsapp.net'),
  (5, 0, 2, '77@lid'), (6, 1, 9, 'CANARY-OTHER-MEMBER');
INSERT INTO ZWAMESSAGE VALUES
  (9, 0, 0, 1, NULL, 700000000, 'Goedemorgen'),
  (10, 1, 1, 1, NULL, 700086400.25, NULL),
  (11, 0, 0, 2, 5, 700000000, 'in de groep'),
  (12, 0, 6, 2, NULL, 700000000, NULL),
  (13, 0, 0, 3, NULL, 700000000, 'CANARY-FEED'),
  (14, 0, 0, 4, NULL, 700000000, 'CANARY-REMOVED'),
  (15, 0, 0, NULL, NULL, 700000000, 'CANARY-NO-CHAT'),
  (16, 0, 0, 1, NULL, 700000000, 'CANARY-DELETED');
DELETE FROM ZWAMESSAGE WHERE Z_PK = 16;
INSERT INTO ZWAMEDIAITEM VALUES (3, 10, 52.5, '/Media/a@s/b/Foto.jpg', 'Media/a@s/b/Foto.thumb',
  x'0801'), (4, 14, NULL, 'Media/CANARY', NULL, NULL);
INSERT INTO ZWAMESSAGEINFO VALUES (8, 10, x'00FF');
INSERT INTO ZWAPROFILEPUSHNAME VALUES (1, '31600000001@s.whatsapp.net', 'CANARY-PUSHNAME');
"""
SINGLE = "1-5269635c35c37310"
GROUP = "2-cc5cb10df9706c37"
BACKUP = b"7c/7c7fba66680ef796b916b067077cc246adacf01d"


def make(path, *scripts):
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA secure_delete=OFF")
        connection.execute("PRAGMA synchronous=OFF")
        for script in scripts:
            connection.executescript(script)
    return path


def read(root, path=b"ChatStorage.sqlite"):
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
    make(tmp_path / "ChatStorage.sqlite", SCHEMA, ROWS)
    return tmp_path


def test_a_chat_of_two_is_its_messages_each_with_its_media_and_receipts(store):
    head, people, rows, media = read(store)[SINGLE]
    assert head == (
        b'{"kind":"whatsapp-ios","people":{},"session":{"ZCONTACTIDENTIFIER":null,'
        b'"ZCONTACTJID":"31600000001@s.whatsapp.net","ZGROUPINFO":null,"ZPARTNERNAME":"Bas",'
        b'"ZSESSIONTYPE":0,"Z_PK":1}}\n'
    )
    assert people == {"tel:+31600000001"}
    assert [row.day for row in rows] == ["2023-03-08", *["2023-03-09"] * 3]
    assert b"".join(row.line for row in rows) == (
        b'{"row":{"ZCHATSESSION":1,"ZGROUPMEMBER":null,"ZISFROMME":0,"ZMESSAGEDATE":700000000,'
        b'"ZMESSAGETYPE":0,"ZTEXT":"Goedemorgen","Z_PK":9},"table":"ZWAMESSAGE"}\n'
        b'{"row":{"ZCHATSESSION":1,"ZGROUPMEMBER":null,"ZISFROMME":1,"ZMESSAGEDATE":'
        b'{"real":"700086400.25"},"ZMESSAGETYPE":1,"ZTEXT":null,"Z_PK":10},"table":"ZWAMESSAGE"}\n'
        b'{"row":{"ZLATITUDE":{"real":"52.5"},"ZMEDIALOCALPATH":"/Media/a@s/b/Foto.jpg",'
        b'"ZMESSAGE":10,"ZMETADATA":{"base64":"CAE="},"ZXMPPTHUMBPATH":"Media/a@s/b/Foto.thumb",'
        b'"Z_PK":3},"table":"ZWAMEDIAITEM"}\n'
        b'{"row":{"ZMESSAGE":10,"ZRECEIPTINFO":{"base64":"AP8="},"Z_PK":8},'
        b'"table":"ZWAMESSAGEINFO"}\n'
    )
    assert media == [b"Message/Media/a@s/b/Foto.jpg", b"Message/Media/a@s/b/Foto.thumb"]


def test_a_group_begins_with_its_members_and_those_who_left_count_among_its_people(store):
    head, people, rows, _ = read(store)[GROUP]
    assert b'"people":{"4":"31600000001@s.whatsapp.net","5":"77@lid"}' in head
    assert people == {"tel:+31600000001", "id:77@lid"}
    assert [(row.day, json.loads(row.line)["table"]) for row in rows] == [
        ("", "ZWAGROUPINFO"),
        ("", "ZWAGROUPMEMBER"),
        ("", "ZWAGROUPMEMBER"),
        ("2023-03-08", "ZWAMESSAGE"),
        ("2023-03-08", "ZWAMESSAGE"),
    ]


def test_feeds_removed_chats_and_empty_ones_are_no_conversations(store):
    assert list(read(store)) == [SINGLE, GROUP]


def test_nothing_deleted_nothing_of_no_chat_and_nobody_else_comes_along(store):
    assert b"CANARY-DELETED" in (store / "ChatStorage.sqlite").read_bytes()
    assert b"CANARY" not in repr(read(store)).encode()


def test_a_removed_chat_gives_no_rows_to_one_who_knows_its_key(store):
    make(store / "ChatStorage.sqlite", "UPDATE ZWACHATSESSION SET ZREMOVED = 1 WHERE Z_PK = 1")
    with STORE.open(bytes(store), b"ChatStorage.sqlite") as opened:
        assert list(opened.rows(SINGLE)) == []
        assert list(opened.media(SINGLE)) == []


def test_what_only_the_write_ahead_log_has_is_read(store):
    path = store / "ChatStorage.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode=WAL")
        writer.execute("INSERT INTO ZWAMESSAGE VALUES (20, 0, 0, 1, NULL, 700086400, 'net')")
        before = path.read_bytes(), (store / "ChatStorage.sqlite-wal").read_bytes()
        rows = read(store)[SINGLE][2]
        assert before == (path.read_bytes(), (store / "ChatStorage.sqlite-wal").read_bytes())
    assert b'"ZTEXT":"net"' in rows[-1].line


@pytest.mark.parametrize(
    ("script", "key"),
    [
        ("UPDATE ZWAGROUPMEMBER SET ZMEMBERJID = NULL WHERE Z_PK = 5", GROUP),
        ("DELETE FROM ZWAGROUPMEMBER WHERE Z_PK = 5", GROUP),
        ("DELETE FROM ZWAGROUPMEMBER; DELETE FROM ZWAMESSAGE WHERE Z_PK = 11", GROUP),
        ("DROP TABLE ZWAGROUPMEMBER", GROUP),
        ("ALTER TABLE ZWAMESSAGE DROP COLUMN ZISFROMME", GROUP),
        ("UPDATE ZWACHATSESSION SET ZCONTACTJID = NULL WHERE Z_PK = 1", None),
    ],
)
def test_people_are_unknown_where_the_store_does_not_say_who_all_are(store, script, key):
    make(store / "ChatStorage.sqlite", script)
    found = read(store)
    assert (found[key] if key else next(iter(found.values())))[1] is None


def test_a_person_whose_number_stands_beside_an_id_is_known_by_the_number(store):
    make(
        store / "ChatStorage.sqlite",
        "UPDATE ZWACHATSESSION SET ZCONTACTJID = '88@lid', ZCONTACTIDENTIFIER ="
        " '31600000001@s.whatsapp.net' WHERE Z_PK = 1",
    )
    assert next(iter(read(store).values()))[1] == {"tel:+31600000001"}


@pytest.mark.parametrize(
    "name",
    ["../../id", "Media/../../x", "/", "", "Media//x", "Media/./x", "Media/\0x", 7, b"Media/x"],
)
def test_media_that_lie_elsewhere_are_not_looked_for(store, name):
    with closing(sqlite3.connect(store / "ChatStorage.sqlite")) as connection, connection:
        connection.execute(
            "UPDATE ZWAMEDIAITEM SET ZMEDIALOCALPATH = ?, ZXMPPTHUMBPATH = NULL", (name,)
        )
    expected = [b"Message/7"] if name == 7 else []  # the column makes a text of it
    assert read(store)[SINGLE][3] == expected


def test_in_a_backup_the_media_have_names_of_their_own(tmp_path):
    make(tmp_path / BACKUP.decode(), SCHEMA, ROWS)
    assert read(tmp_path, BACKUP)[SINGLE][3] == [
        b"fb/fb65068a28fb8c4be69b7aad9fa3e8b4c1e9ce4e",
        b"92/926f313a9a95b078ceeb7468683fee6129fdcfe9",
    ]


@pytest.mark.parametrize(
    ("path", "store", "part"),
    [
        (b"ChatStorage.sqlite", True, False),
        (b"x/y/ChatStorage.sqlite", True, False),
        (b"udid/" + BACKUP, True, False),
        (b"72/724bd3b98b18518b455a87c1f3ac3a0d189c4466", True, False),
        (b"ChatStorage.sqlite-wal", False, True),
        (b"x/ChatStorage.sqlite-shm", False, True),
        (b"ContactsV2.sqlite", False, False),
        (b"ab/ab7fba66680ef796b916b067077cc246adacf01d", False, False),
        (b"Message/Media/x/ChatStorage.sqlite.jpg", False, False),
    ],
)
def test_a_store_and_its_parts_are_known_by_their_names(path, store, part):
    assert STORE.is_store(path) is store
    assert STORE.is_part(path) is part


@pytest.mark.parametrize(
    "script",
    [
        "DROP TABLE ZWAMESSAGE",
        "DROP TABLE ZWACHATSESSION",
        "ALTER TABLE ZWAMESSAGE RENAME COLUMN ZMESSAGEDATE TO ZWHEN",
        "ALTER TABLE ZWAMESSAGE RENAME TO m; CREATE VIEW ZWAMESSAGE AS SELECT * FROM m",
        (
            "DROP TABLE ZWAMESSAGE; CREATE VIRTUAL TABLE ZWAMESSAGE USING"
            " fts5(Z_PK, ZCHATSESSION, ZMESSAGEDATE)"
        ),
    ],
)
def test_a_database_without_what_makes_a_store_is_said_to_be_of_an_unknown_schema(store, script):
    make(store / "ChatStorage.sqlite", script)
    with pytest.raises(StoreError, match="unknown-schema"):
        read(store)


def test_a_store_without_rows_of_its_own_number_is_damaged_and_not_read(store):
    make(
        store / "ChatStorage.sqlite",
        "DROP TABLE ZWAMESSAGE; CREATE TABLE ZWAMESSAGE (Z_PK INTEGER PRIMARY KEY,"
        " ZCHATSESSION, ZMESSAGEDATE) WITHOUT ROWID;"
        "INSERT INTO ZWAMESSAGE VALUES (9, 1, 1)",
    )
    with pytest.raises(StoreError, match="damaged"):
        read(store)


def test_a_store_without_an_index_is_read_all_the_same(store):
    make(
        store / "ChatStorage.sqlite",
        "DROP INDEX ZWAMESSAGE_ZCHATSESSION_INDEX; WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL"
        " SELECT i + 1 FROM n WHERE i < 2100) INSERT INTO ZWAMESSAGE SELECT i, 0, 1, 1, NULL,"
        " 700000000 - i, 'bericht ' || i FROM n;"
        "INSERT INTO ZWAMEDIAITEM SELECT Z_PK, Z_PK, NULL, 'Media/' || Z_PK, NULL, NULL"
        " FROM ZWAMESSAGE WHERE Z_PK >= 100",
    )
    _, _, rows, media = read(store)[SINGLE]
    tables = [json.loads(row.line)["table"] for row in rows[4:]]
    assert tables == ["ZWAMESSAGE", "ZWAMEDIAITEM"] * 2001
    assert media[2:4] == [b"Message/Media/100", b"Message/Media/101"]
