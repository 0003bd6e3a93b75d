# SPDX-License-Identifier: EUPL-1.2
"""Signal Desktop, in databases of SQLCipher that are made here."""

import json
import sys
from contextlib import closing, suppress
from pathlib import Path

import pytest
from sqlcipher3 import dbapi2 as sqlcipher

from lakzegel_agent.errors import StoreError
from lakzegel_agent.platforms import system
from lakzegel_agent.stores.base import line_of
from lakzegel_agent.stores.signal_desktop import STORE, SignalDesktop

KEY = "0123456789abcdef" * 4
BAS, EVA, SELF = (f"{digit * 8}-0000-4000-8000-000000000000" for digit in "abc")
PLACE = "ab/" + "ab" * 32
SCHEMA = """
CREATE TABLE items (id STRING PRIMARY KEY ASC, json TEXT);
CREATE TABLE conversations (id STRING PRIMARY KEY ASC, json TEXT, active_at INTEGER, type STRING,
  members TEXT, name TEXT, profileFullName TEXT, e164 TEXT, serviceId TEXT, groupId TEXT);
CREATE TABLE messages (rowid INTEGER PRIMARY KEY ASC, id STRING UNIQUE, json TEXT,
  sent_at INTEGER, conversationId STRING, sourceServiceId TEXT, type STRING, body TEXT,
  expireTimer INTEGER, isErased INTEGER,
  hasExpireTimer INTEGER GENERATED ALWAYS AS (expireTimer > 0) VIRTUAL);
CREATE INDEX messages_conversation ON messages (conversationId, sent_at);
CREATE TABLE message_attachments (messageId TEXT NOT NULL, orderInMessage INTEGER NOT NULL,
  path TEXT, localKey TEXT, thumbnailPath TEXT, PRIMARY KEY (messageId, orderInMessage)) STRICT;
CREATE TABLE reactions (messageId STRING, emoji STRING, fromId STRING);
CREATE TABLE sessions (id STRING PRIMARY KEY ASC, json TEXT);
CREATE VIRTUAL TABLE messages_fts USING fts5(body);
"""
ROWS = f"""
INSERT INTO items VALUES ('uuid_id', '{{"id":"uuid_id","value":"{SELF}.2"}}'),
  ('storageKey', 'CANARY-ITEM');
INSERT INTO sessions VALUES ('x', 'CANARY-SESSION');
INSERT INTO messages_fts VALUES ('CANARY-INDEX');
INSERT INTO conversations VALUES
  ('c-bas', '{{"profileKey":"CANARY-PROFILE-KEY"}}', 9, 'private', NULL, 'Bas', 'Bas de Test',
    '+31600000001', '{BAS}', NULL),
  ('c-eva', '{{}}', 9, 'private', NULL, NULL, 'Eva', NULL, '{EVA}', NULL),
  ('c-group', '{{"masterKey":"CANARY-MASTER-KEY"}}', 9, 'group', '{SELF} {BAS}', 'Beraad', NULL,
    NULL, NULL, 'Z3JvZXA='),
  ('c-self', '{{}}', 9, 'private', NULL, NULL, NULL, '+31600000009', '{SELF}', NULL),
  ('c-empty', '{{}}', 9, 'private', NULL, 'CANARY-EMPTY', NULL, '+31600000008', 'e', NULL);
INSERT INTO messages (rowid, id, json, sent_at, conversationId, sourceServiceId, type, body,
  expireTimer) VALUES
  (7, 'm7', '{{"attachments":[{{"path":"{PLACE}"}}]}}', 1678233600000, 'c-bas', '{BAS}',
    'incoming', 'Goedemorgen', 3600),
  (8, 'm8', NULL, 1678320000000, 'c-bas', NULL, 'outgoing', NULL, NULL),
  (9, 'm9', '{{}}', 1678233600000, 'c-group', '{EVA}', 'incoming', 'in de groep', NULL),
  (10, 'm10', '{{}}', 1678233600000, 'c-self', NULL, 'outgoing', 'notitie', NULL),
  (11, 'm11', '{{}}', 1678233600000, NULL, '{EVA}', 'incoming', 'CANARY-NO-CHAT', NULL),
  (12, 'm12', '{{}}', 1678233600000, 'c-bas', '{BAS}', 'story', 'CANARY-STORY', NULL),
  (13, 'm13', '{{}}', 1678233600000, 'c-empty', 'e', 'story', 'CANARY-STORY', NULL),
  (14, 'm14', '{{}}', 1678233600000, 'c-bas', '{BAS}', 'incoming', 'CANARY-DELETED', NULL);
DELETE FROM messages WHERE rowid = 14;
INSERT INTO message_attachments VALUES ('m8', 0, 'cd/0', 'bG9jYWw=', 'ef\\1'),
  ('m11', 0, 'CANARY', 'CANARY', NULL);
INSERT INTO reactions VALUES ('m8', '👍', 'c-bas');
"""
WRAPPED = (  # the key, under the password "geheim"
    "763131c737c3b46d447da41daf5386d8731b0a613c2b8e2ef833ba6ee40c33987632331fc446"
    "212f324f812ce7c5cb8b2138bcc016abb31a7a8f8c4cb38e4b91cef3fc4dc011a0b54f90a563"
    "7d520d9d2cc105"
)
CHAT, GROUP, NOTE = (
    "a016ca397ce955c27227e0af59da5794",
    "0ef8fa27d310313d63d8361e01b3f536",
    "2c45e132f485be018c5f37b9f816d7e9",
)


@pytest.fixture
def home(tmp_path):
    (tmp_path / "sql").mkdir()
    (tmp_path / "config.json").write_text(json.dumps({"key": KEY}))
    change(tmp_path, SCHEMA, ROWS)
    return tmp_path


def connect(home, key=KEY):
    connection = sqlcipher.connect(str(home / "sql" / "db.sqlite"), isolation_level=None)
    connection.execute("PRAGMA cipher_log_level=NONE")
    connection.execute(f"PRAGMA key=\"x'{key}'\"")
    return connection


def change(home, *scripts):
    with closing(connect(home)) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        for script in scripts:
            connection.executescript(script)


def read(root, path=b"sql/db.sqlite", store=STORE):
    """Return head, people, rows and media of each conversation, by key."""
    with store.open(bytes(root), path) as opened:
        return {
            found.key: (
                line_of(found.head),
                found.people,
                list(opened.rows(found.key)),
                list(opened.media(found.key)),
            )
            for found in opened.conversations()
        }


def held():
    """Return what this process has open."""
    found = set()
    for link in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            found.add(str(link.readlink()))
    return found


def state(home):
    return {path.name: path.read_bytes() for path in (home / "sql").iterdir()}


def test_a_conversation_is_its_messages_each_with_what_belongs_to_it(home):
    head, people, rows, media = read(home)[CHAT]
    assert head == (
        b'{"conversation":{"e164":"+31600000001","groupId":null,"id":"c-bas","members":null,'
        b'"name":"Bas","profileFullName":"Bas de Test","serviceId":"' + BAS.encode() + b'",'
        b'"type":"private"},"kind":"signal-desktop","people":{}}\n'
    )
    assert people == {"tel:+31600000001"}
    assert [row.day for row in rows] == ["2023-03-08", *["2023-03-09"] * 3]
    assert b"".join(row.line for row in rows).decode() == (
        '{"row":{"body":"Goedemorgen","conversationId":"c-bas","expireTimer":3600,"id":"m7",'
        f'"isErased":null,"json":"{{\\"attachments\\":[{{\\"path\\":\\"{PLACE}\\"}}]}}",'
        f'"rowid":7,"sent_at":1678233600000,"sourceServiceId":"{BAS}","type":"incoming"}},'
        '"table":"messages"}\n'
        '{"row":{"body":null,"conversationId":"c-bas","expireTimer":null,"id":"m8",'
        '"isErased":null,"json":null,"rowid":8,"sent_at":1678320000000,"sourceServiceId":null,'
        '"type":"outgoing"},"table":"messages"}\n'
        '{"row":{"localKey":"bG9jYWw=","messageId":"m8","orderInMessage":0,"path":"cd/0",'
        '"thumbnailPath":"ef\\\\1"},"table":"message_attachments"}\n'
        '{"row":{"emoji":"👍","fromId":"c-bas","messageId":"m8"},"table":"reactions"}\n'
    )
    assert media == [
        b"attachments.noindex/" + PLACE.encode(),
        b"attachments.noindex/cd/0",
        b"attachments.noindex/ef/1",
    ]


def test_a_group_counts_its_members_and_who_ever_wrote_but_not_oneself(home):
    head, people, rows, _ = read(home)[GROUP]
    assert people == {"tel:+31600000001", f"id:{EVA}"}
    assert json.loads(head)["people"] == {
        BAS: {"e164": "+31600000001", "name": "Bas", "profileFullName": "Bas de Test"},
        EVA: {"e164": None, "name": None, "profileFullName": "Eva"},
        SELF: {"e164": "+31600000009", "name": None, "profileFullName": None},
    }
    assert [row.day for row in rows] == ["2023-03-08"]


def test_notes_to_oneself_have_nobody_in_them(home):
    assert read(home)[NOTE][1] == frozenset()


def test_conversations_come_in_the_stores_order_and_none_without_a_message(home):
    assert list(read(home)) == [CHAT, GROUP, NOTE]


def test_no_key_of_signals_no_story_and_nothing_of_no_chat_comes_along(home):
    assert b"CANARY" not in repr(read(home)).encode()


def test_a_deleted_message_is_in_no_row(home):
    lines = [row.line for found in read(home).values() for row in found[2]]
    assert not any(b'"m14"' in line for line in lines)


def test_a_key_stays_the_same_when_the_database_renumbers_its_rows(home):
    change(home, "DELETE FROM conversations WHERE id = 'c-bas'; VACUUM")
    assert list(read(home)) == [GROUP, NOTE]


def test_what_only_the_write_ahead_log_has_is_read_and_nothing_is_changed(home):
    with closing(connect(home)) as writer:
        writer.execute("PRAGMA journal_mode=WAL")
        writer.execute(
            "INSERT INTO messages (rowid, id, sent_at, conversationId, type, body)"
            " VALUES (20, 'm20', 1678320000000, 'c-bas', 'outgoing', 'net')"
        )
        before = state(home)
        rows = read(home)[CHAT][2]
        after = state(home)
    assert b'"body":"net"' in rows[-1].line
    assert set(before) == set(after)
    assert before["db.sqlite"] == after["db.sqlite"]
    assert before["db.sqlite-wal"] == after["db.sqlite-wal"]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_no_file_is_open_but_signals_own_while_messages_are_read_and_sorted(home):
    change(
        home,
        "WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) INSERT"
        " INTO messages (rowid, id, sent_at, conversationId, type, body) SELECT i, 'n' || i,"
        " 9000 - i, 'c-bas', 'outgoing', hex(randomblob(500)) FROM n",
    )
    before = held()
    with STORE.open(bytes(home), b"sql/db.sqlite") as opened:
        for number, _ in enumerate(opened.rows(CHAT)):
            if number % 500 == 0:
                assert held() - before == {str(home / "sql" / "db.sqlite")}
    assert number == 4904


def test_a_log_that_a_crash_left_behind_is_read_and_stays(home):
    with closing(connect(home)) as writer:
        writer.execute("PRAGMA journal_mode=WAL")
        writer.execute("UPDATE messages SET body = 'net' WHERE rowid = 8")
        left = state(home)
    for name in ("db.sqlite", "db.sqlite-wal"):
        (home / "sql" / name).write_bytes(left[name])
    assert b'"body":"net"' in read(home)[CHAT][2][1].line
    for name in ("db.sqlite", "db.sqlite-wal"):
        assert state(home)[name] == left[name]


def test_a_database_at_rest_is_left_as_it_is_and_nothing_is_put_beside_it(home):
    change(home, "PRAGMA journal_mode=WAL")
    before = state(home)
    assert read(home)
    assert state(home) == before


def test_the_key_is_asked_once_for_as_long_as_the_configuration_is_the_same(home):
    asked = []

    class Keyring:
        def __init__(self, owner):
            assert owner == system.me()

        def password(self, backend):
            asked.append(backend)
            return b"geheim"

    config = json.dumps({"encryptedKey": WRAPPED, "safeStorageBackend": "gnome_libsecret"})
    (home / "config.json").write_text(config)
    store = SignalDesktop(Keyring, "linux")
    assert list(read(home, store=store)) == list(read(home, store=store))
    assert asked == ["gnome_libsecret"]


@pytest.mark.parametrize("config", [{"key": "ff" * 32}, {}, {"encryptedKey": "763131" + "00" * 16}])
def test_a_key_that_does_not_open_the_database_is_none(home, config, capfd):
    (home / "config.json").write_text(json.dumps(config))
    with pytest.raises(StoreError, match="no-key"):
        read(home, store=SignalDesktop(system="linux"))
    assert capfd.readouterr() == ("", "")


def test_a_configuration_that_is_a_link_or_missing_is_no_key(home):
    (home / "config.json").rename(home / "elsewhere.json")
    with pytest.raises(StoreError, match="no-key"):
        read(home)
    (home / "config.json").symlink_to(home / "elsewhere.json")
    with pytest.raises(StoreError, match="no-key"):
        read(home)


def test_a_device_without_the_library_says_so(home, monkeypatch):
    monkeypatch.setitem(sys.modules, "sqlcipher3", None)
    monkeypatch.setitem(sys.modules, "sqlcipher3.dbapi2", None)
    with pytest.raises(StoreError, match="no-library"):
        read(home)


@pytest.mark.parametrize("name", ["db.sqlite", "db.sqlite-wal"])
def test_a_database_or_a_log_that_is_a_link_is_not_followed(home, name):
    path = home / "sql" / name
    if path.exists():
        path.rename(home / name)
    path.symlink_to(home / name)
    with pytest.raises(StoreError, match="damaged"):
        read(home)


def test_a_database_that_is_not_there_is_no_store(home):
    (home / "sql" / "db.sqlite").unlink()
    with pytest.raises(StoreError, match="no-store"):
        read(home)


def test_a_changed_page_is_found_by_its_digest(home, capfd):
    change(
        home,
        "WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 400) INSERT"
        " INTO messages (rowid, id, sent_at, conversationId, type, body) SELECT i, 'n' || i,"
        " 1678233600000, 'c-bas', 'outgoing', hex(zeroblob(500)) FROM n",
    )
    path = home / "sql" / "db.sqlite"
    data = bytearray(path.read_bytes())
    for place in range(4096 + 2000, len(data), 4096):
        data[place] ^= 1
    path.write_bytes(data)
    with pytest.raises(StoreError, match="damaged"):
        read(home)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "script",
    [
        "DROP TABLE messages",
        "DROP TABLE conversations",
        "ALTER TABLE messages RENAME COLUMN sent_at TO moment",
        "ALTER TABLE messages RENAME TO m; CREATE VIEW messages AS SELECT * FROM m",
    ],
)
def test_a_database_without_what_makes_a_store_is_said_to_be_of_an_unknown_schema(home, script):
    change(home, "DROP TABLE messages_fts; DROP INDEX messages_conversation;" + script)
    with pytest.raises(StoreError, match="unknown-schema"):
        read(home)


def test_an_older_schema_without_the_tables_beside_messages_is_read(home):
    change(
        home,
        "DROP TABLE message_attachments; DROP TABLE reactions; DROP TABLE items;"
        "ALTER TABLE messages RENAME COLUMN sourceServiceId TO sourceUuid;"
        "ALTER TABLE conversations RENAME COLUMN serviceId TO uuid;",
    )
    found = read(home)
    assert len(found[CHAT][2]) == 2
    assert found[CHAT][3] == [b"attachments.noindex/" + PLACE.encode()]
    assert found[GROUP][1] == {"tel:+31600000001", f"id:{EVA}", "tel:+31600000009"}


@pytest.mark.parametrize(
    "script",
    [
        "UPDATE messages SET sourceServiceId = NULL WHERE rowid = 9",
        "UPDATE messages SET sourceServiceId = 'é' WHERE rowid = 9",
        "UPDATE conversations SET members = NULL WHERE id = 'c-group'",
        "UPDATE conversations SET members = ' ' WHERE id = 'c-group'",
        'UPDATE conversations SET members = NULL, json = \'{"membersV2":[{"aci":5}]}\'',
        "ALTER TABLE messages DROP COLUMN sourceServiceId",
    ],
)
def test_people_of_a_group_are_unknown_where_the_store_does_not_say_who_all_are(home, script):
    change(home, script)
    assert read(home)[GROUP][1] is None


def test_members_are_also_found_in_the_groups_own_json(home):
    members = json.dumps({"membersV2": [{"aci": BAS}, {"aci": SELF}]})
    change(home, f"UPDATE conversations SET members = NULL, json = '{members}'")
    assert read(home)[GROUP][1] == {"tel:+31600000001", f"id:{EVA}"}


@pytest.mark.parametrize(
    "text",
    [
        '{"attachments":[{"path":"../../id"}]}',
        '{"attachments":[{"path":"/etc/passwd"}]}',
        '{"attachments":[{"path":"ab/.."}]}',
        '{"attachments":[{"path":7}]}',
        '{"attachments":{"path":"ab"}}',
        "[" * 100_000,
        "{",
        "9" * 5_000,
    ],
)
def test_attachments_that_lie_elsewhere_are_not_looked_for(home, text):
    with closing(connect(home)) as connection:
        connection.execute("UPDATE messages SET json = ? WHERE rowid = 7", (text,))
        connection.execute("DELETE FROM message_attachments")
    assert read(home)[CHAT][3] == []


@pytest.mark.parametrize(
    ("moment", "day"),
    [(1, "1970-01-01"), (0, ""), (-5, ""), ("nu", ""), (None, ""), (2**62, ""), (1.5, "")],
)
def test_the_day_is_that_of_the_message_in_utc(home, moment, day):
    with closing(connect(home)) as connection:
        connection.execute("UPDATE messages SET sent_at = ? WHERE rowid = 7", (moment,))
    assert read(home)[CHAT][2][0].day == day


@pytest.mark.parametrize(
    ("path", "store", "part"),
    [
        (b"sql/db.sqlite", True, False),
        (b"Signal/sql/db.sqlite", True, False),
        (b"sql/db.sqlite-wal", False, True),
        (b"sql/db.sqlite-shm", False, True),
        (b"mysql/db.sqlite", False, False),
        (b"db.sqlite", False, False),
        (b"attachments.noindex/ab/ab", False, False),
    ],
)
def test_a_store_and_its_parts_are_known_by_their_places(path, store, part):
    assert STORE.is_store(path) is store
    assert STORE.is_part(path) is part
