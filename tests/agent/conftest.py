# SPDX-License-Identifier: EUPL-1.2
"""Databases as WhatsApp makes them, of people who do not exist."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

DAY = 86_400_000
MONDAY = 1_710_144_000_000  # 11 March 2024, 08:00 UTC
NEW_SCHEMA = """
CREATE TABLE jid (_id INTEGER PRIMARY KEY, user TEXT, server TEXT, raw_string TEXT);
CREATE TABLE chat (_id INTEGER PRIMARY KEY, jid_row_id INTEGER UNIQUE, subject TEXT,
    ephemeral_expiration INTEGER);
CREATE TABLE message (_id INTEGER PRIMARY KEY, chat_row_id INTEGER, from_me INTEGER, key_id TEXT,
    sender_jid_row_id INTEGER, timestamp INTEGER, message_type INTEGER, text_data TEXT);
CREATE INDEX message_chat ON message (chat_row_id);
CREATE TABLE message_media (message_row_id INTEGER PRIMARY KEY, file_path TEXT, media_key BLOB);
CREATE TABLE message_quoted (message_row_id INTEGER PRIMARY KEY, text_data TEXT);
CREATE TABLE message_add_on (_id INTEGER PRIMARY KEY, parent_message_row_id INTEGER);
CREATE TABLE message_add_on_reaction (message_add_on_row_id INTEGER PRIMARY KEY, reaction TEXT);
CREATE TABLE group_participant_user (_id INTEGER PRIMARY KEY, group_jid_row_id INTEGER,
    user_jid_row_id INTEGER);
CREATE TABLE call_log (_id INTEGER PRIMARY KEY, jid_row_id INTEGER, timestamp INTEGER,
    duration INTEGER);
INSERT INTO jid VALUES (1, '31600000001', 's.whatsapp.net', '31600000001@s.whatsapp.net');
INSERT INTO jid VALUES (2, '31600000002', 's.whatsapp.net', '31600000002@s.whatsapp.net');
INSERT INTO jid VALUES (3, '120363', 'g.us', '120363@g.us');
INSERT INTO chat VALUES (1, 1, NULL, 0), (2, 2, NULL, 0), (3, 3, 'Stukken', 604800);
INSERT INTO group_participant_user VALUES (1, 3, 1), (2, 3, 2);
"""


class WhatsApp:
    """A store that a writer has open."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.db = sqlite3.connect(path, isolation_level=None)
        self.db.execute("PRAGMA secure_delete = OFF")
        self.db.execute("PRAGMA synchronous = OFF")
        self.db.executescript(NEW_SCHEMA)

    def say(self, chat: int, text: str, *, at: int = MONDAY, sender: int = 1) -> int:
        row = (chat, sender, at, text)
        cursor = self.db.execute(
            "INSERT INTO message (chat_row_id, from_me, key_id, sender_jid_row_id, timestamp,"
            " message_type, text_data) VALUES (?, 0, 'K', ?, ?, 0, ?)",
            row,
        )
        return cursor.lastrowid

    def show(self, message: int, path: str) -> None:
        self.db.execute("INSERT INTO message_media VALUES (?, ?, x'00ff')", (message, path))


@pytest.fixture
def whatsapp(tmp_path) -> Callable[..., WhatsApp]:
    made: list[WhatsApp] = []

    def make(path: str = "phone/msgstore.db") -> WhatsApp:
        made.append(WhatsApp(tmp_path / path))
        return made[-1]

    yield make
    for one in made:
        one.db.close()
