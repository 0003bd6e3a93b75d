# SPDX-License-Identifier: EUPL-1.2
"""Messages, WhatsApp on iPhone and Signal Desktop through the engine, with canaries."""

import json
import sqlite3
from contextlib import closing

import pytest
from sqlcipher3 import dbapi2 as sqlcipher

KEY = "0123456789abcdef" * 4
PLACE = "ab/" + "ab" * 32
MESSAGES = """
CREATE TABLE chat (ROWID INTEGER PRIMARY KEY, guid TEXT, style INTEGER);
CREATE TABLE handle (ROWID INTEGER PRIMARY KEY, id TEXT);
CREATE TABLE message (ROWID INTEGER PRIMARY KEY, text TEXT, handle_id INTEGER, date INTEGER,
  is_from_me INTEGER);
CREATE TABLE attachment (ROWID INTEGER PRIMARY KEY, filename TEXT);
CREATE TABLE chat_handle_join (chat_id INTEGER, handle_id INTEGER);
CREATE TABLE chat_message_join (chat_id INTEGER, message_id INTEGER);
CREATE TABLE message_attachment_join (message_id INTEGER, attachment_id INTEGER);
INSERT INTO handle VALUES (1, '+31600000001'), (2, '+31600000002'), (3, 'kanarie@test.example');
INSERT INTO chat VALUES (1, 'zakelijk', 45), (2, 'prive', 45);
INSERT INTO chat_handle_join VALUES (1, 1), (2, 2);
INSERT INTO message VALUES (1, 'Goedemorgen', 1, 700000000, 0), (2, 'kanarie', 2, 700000000, 0),
  (3, 'kanarie-gewist', 1, 700000000, 0);
INSERT INTO chat_message_join VALUES (1, 1), (2, 2);
DELETE FROM message WHERE ROWID = 3;
INSERT INTO attachment VALUES (1, '~/Library/Messages/Attachments/foto.heic');
INSERT INTO message_attachment_join VALUES (1, 1);
"""
WHATSAPP = """
CREATE TABLE ZWACHATSESSION (Z_PK INTEGER PRIMARY KEY, ZCONTACTJID VARCHAR, ZLASTMESSAGETEXT);
CREATE TABLE ZWAMESSAGE (Z_PK INTEGER PRIMARY KEY, ZCHATSESSION INTEGER, ZMESSAGEDATE TIMESTAMP,
  ZTEXT VARCHAR);
CREATE TABLE ZWAMEDIAITEM (Z_PK INTEGER PRIMARY KEY, ZMESSAGE INTEGER, ZMEDIALOCALPATH VARCHAR);
INSERT INTO ZWACHATSESSION VALUES (1, '31600000001@s.whatsapp.net', 'kanarie'),
  (2, '31600000002@s.whatsapp.net', 'kanarie');
INSERT INTO ZWAMESSAGE VALUES (1, 1, 700000000, 'Goedemorgen'), (2, 2, 700000000, 'kanarie'),
  (3, 1, 700000000, 'kanarie-gewist');
DELETE FROM ZWAMESSAGE WHERE Z_PK = 3;
INSERT INTO ZWAMEDIAITEM VALUES (1, 1, 'Media/foto.jpg');
"""
SIGNAL = f"""
CREATE TABLE conversations (id STRING PRIMARY KEY, json TEXT, type STRING, e164 TEXT);
CREATE TABLE messages (rowid INTEGER PRIMARY KEY ASC, id STRING UNIQUE, json TEXT,
  sent_at INTEGER, conversationId STRING, type STRING, body TEXT);
INSERT INTO conversations VALUES ('a', 'kanarie', 'private', '+31600000001'),
  ('b', 'kanarie', 'private', '+31600000002');
INSERT INTO messages VALUES
  (1, 'm1', '{{"attachments":[{{"path":"{PLACE}"}}]}}', 1678233600000, 'a', 'incoming',
    'Goedemorgen'),
  (2, 'm2', '{{}}', 1678233600000, 'b', 'incoming', 'kanarie');
"""
CASES = {
    "imessage": ("chat.db", MESSAGES, "Attachments/foto.heic"),
    "whatsapp-ios": ("ChatStorage.sqlite", WHATSAPP, "Message/Media/foto.jpg"),
    "signal-desktop": ("sql/db.sqlite", SIGNAL, f"attachments.noindex/{PLACE}"),
}


def connect(kind, path):
    if kind != "signal-desktop":
        return sqlite3.connect(path)
    connection = sqlcipher.connect(str(path))
    connection.execute(f"PRAGMA key=\"x'{KEY}'\"")
    return connection


@pytest.mark.parametrize("kind", sorted(CASES))
def test_a_conversation_and_its_media_arrive_and_no_canary_does(engine, kind):
    name, script, media = CASES[kind]
    path = engine.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(connect(kind, path)) as connection:
        connection.execute("PRAGMA secure_delete=OFF")
        connection.executescript(script)
    if kind == "signal-desktop":
        engine.write("config.json", json.dumps({"key": KEY}).encode())
    engine.write(media, b"getoond")
    engine.write(f"{media}.kanarie", b"kanarie-foto")
    engine.watch(reader=kind, correspondents=("+31600000002",))
    engine.capture()
    archive = engine.archive()
    talks = {path for path in archive.latest() if path.endswith(b".jsonl")}
    assert len(talks) == 1
    assert set(archive.latest()) - talks == {media.encode()}
    told = b"\0".join(s.item.payload + repr(s.item.context).encode() for s in archive.items)
    assert b"Goedemorgen" in told
    assert b"kanarie" not in told
    reasons = engine.ledger.counts().reasons
    assert reasons["as-conversations"] == reasons["private"] == 1
