# SPDX-License-Identifier: EUPL-1.2
"""The tables of the index. Another VERSION is another file: there is no upgrade, it is made anew.

`batch` has a row for each batch that was indexed whole; a batch is one transaction. `segment` and
`capture` say what the mirror holds, `unit` and `place` what is in it. The full text holds words
and no text: a unit is opened from its segments. Where a place is `packed`, it lies in what a
member of an archive gives unpacked, which begins in the segment and goes on in those that are
`part_of` it.

A `facet` is what units have in common that is asked for by choice, a `crowd` the people of a unit;
there are few of either, so a question is answered from the numbers in an index of units alone.
`together` has the crowds and `within` the files that a conversation is in.
"""

from __future__ import annotations

from typing import Final

VERSION: Final = 6
PENDING: Final = 0  # no capture has named it yet
READ: Final = 1  # its units have places
OPAQUE: Final = 2  # a part of a file that is a unit as a whole
DIRECTORY: Final = 3  # of an archive: its unit has a place, and it names the members

SCHEMA: Final = (
    """CREATE TABLE batch (seq INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, device TEXT NOT NULL,
        epoch INTEGER NOT NULL, number INTEGER NOT NULL, keyring BLOB NOT NULL,
        UNIQUE (device, epoch, number)) STRICT""",
    """CREATE TABLE file (id INTEGER PRIMARY KEY, device TEXT NOT NULL, custody TEXT NOT NULL,
        source TEXT NOT NULL, history TEXT NOT NULL, path BLOB NOT NULL, reader TEXT NOT NULL,
        captures INTEGER NOT NULL DEFAULT 0, newest INTEGER,
        UNIQUE (device, source, history)) STRICT""",
    "CREATE INDEX file_path ON file (device, source, path)",
    """CREATE TABLE segment (id INTEGER PRIMARY KEY, batch INTEGER NOT NULL, item INTEGER NOT NULL,
        file INTEGER NOT NULL, size INTEGER NOT NULL, sha256 TEXT NOT NULL, state INTEGER NOT NULL,
        labels TEXT NOT NULL, head INTEGER, gone INTEGER NOT NULL DEFAULT 0,
        since INTEGER, until INTEGER, part_of INTEGER, UNIQUE (batch, item)) STRICT""",
    "CREATE INDEX segment_file ON segment (file)",
    "CREATE INDEX segment_part_of ON segment (part_of) WHERE part_of IS NOT NULL",
    "CREATE INDEX segment_pending ON segment (id) WHERE state = 0",
    "CREATE TABLE pending (segment INTEGER PRIMARY KEY, piece TEXT NOT NULL) STRICT",
    "CREATE TABLE head (id INTEGER PRIMARY KEY, conversation INTEGER, value TEXT UNIQUE) STRICT",
    """CREATE TABLE capture (id INTEGER PRIMARY KEY, batch INTEGER NOT NULL, item INTEGER NOT NULL,
        file INTEGER NOT NULL, base INTEGER, rows BLOB NOT NULL, UNIQUE (batch, item)) STRICT""",
    "CREATE INDEX capture_file ON capture (file)",
    """CREATE TABLE named (batch INTEGER NOT NULL, item INTEGER NOT NULL, device TEXT NOT NULL,
        source TEXT NOT NULL, history TEXT NOT NULL, path BLOB NOT NULL) STRICT""",
    "CREATE INDEX named_history ON named (history) WHERE history <> ''",
    "CREATE INDEX named_path ON named (device, source, path)",
    """CREATE TABLE conversation (id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL,
        app TEXT NOT NULL, title TEXT NOT NULL, custody TEXT NOT NULL, keyed INTEGER NOT NULL,
        parties TEXT NOT NULL) STRICT""",
    "CREATE INDEX conversation_title ON conversation (app, title)",
    """CREATE TABLE unit (id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL, kind TEXT NOT NULL,
        conversation INTEGER NOT NULL, custody TEXT NOT NULL, device TEXT NOT NULL,
        source TEXT NOT NULL, app TEXT NOT NULL, undated INTEGER NOT NULL, at INTEGER NOT NULL,
        at_text TEXT NOT NULL, sender INTEGER, subject TEXT NOT NULL, snippet TEXT NOT NULL,
        size INTEGER NOT NULL, attachments INTEGER NOT NULL, labels TEXT NOT NULL,
        first_seen INTEGER, likeness BLOB, leaf TEXT NOT NULL, facet INTEGER, crowd INTEGER,
        gone INTEGER NOT NULL DEFAULT 0,
        back INTEGER GENERATED ALWAYS AS (-at) STORED) STRICT""",
    # In the order of a list, with what a query asks: rows are looked up for what is shown alone.
    """CREATE INDEX unit_at ON unit (undated, at, name, gone, facet, crowd, conversation,
        first_seen)""",
    "CREATE INDEX unit_newest ON unit (undated, back, name, gone, facet, crowd, conversation)",
    "CREATE INDEX unit_conversation ON unit (conversation, undated, at, name, gone, facet, crowd)",
    "CREATE INDEX unit_one ON unit (id, undated, at, name, gone, facet, crowd, conversation)",
    "CREATE INDEX unit_leaf ON unit (leaf) WHERE leaf <> ''",
    """CREATE INDEX unit_likeness ON unit (likeness, kind, app, conversation)
        WHERE likeness IS NOT NULL""",
    "CREATE INDEX unit_said ON unit (conversation, kind, likeness) WHERE likeness IS NOT NULL",
    """CREATE TABLE place (unit INTEGER NOT NULL, segment INTEGER NOT NULL, start INTEGER NOT NULL,
        length INTEGER NOT NULL, part INTEGER NOT NULL, gone INTEGER NOT NULL DEFAULT 0,
        packed INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (segment, start, unit)) STRICT, WITHOUT ROWID""",
    "CREATE INDEX place_unit ON place (unit, segment)",
    """CREATE TABLE version (unit INTEGER NOT NULL, capture INTEGER NOT NULL,
        PRIMARY KEY (unit, capture)) STRICT, WITHOUT ROWID""",
    "CREATE INDEX version_capture ON version (capture)",
    """CREATE TABLE party (id INTEGER PRIMARY KEY, address TEXT NOT NULL, name TEXT NOT NULL,
        folded TEXT NOT NULL, UNIQUE (address, name)) STRICT""",
    """CREATE TABLE present (unit INTEGER NOT NULL, party INTEGER NOT NULL, role TEXT NOT NULL,
        PRIMARY KEY (party, unit, role)) STRICT, WITHOUT ROWID""",
    """CREATE TABLE facet (id INTEGER PRIMARY KEY, custody TEXT NOT NULL, device TEXT NOT NULL,
        source TEXT NOT NULL, app TEXT NOT NULL, kind TEXT NOT NULL, labels TEXT NOT NULL,
        UNIQUE (custody, device, source, app, kind, labels)) STRICT""",
    """CREATE TABLE crowd (id INTEGER PRIMARY KEY, members BLOB UNIQUE NOT NULL,
        folded TEXT NOT NULL) STRICT""",
    """CREATE TABLE crowded (party INTEGER NOT NULL, crowd INTEGER NOT NULL,
        PRIMARY KEY (party, crowd)) STRICT, WITHOUT ROWID""",
    "CREATE INDEX crowded_by ON crowded (crowd)",
    """CREATE TABLE together (conversation INTEGER NOT NULL, crowd INTEGER NOT NULL,
        PRIMARY KEY (conversation, crowd)) STRICT, WITHOUT ROWID""",
    """CREATE TRIGGER unit_made AFTER INSERT ON unit WHEN NEW.crowd IS NOT NULL BEGIN
        INSERT OR IGNORE INTO together VALUES (NEW.conversation, NEW.crowd); END""",
    """CREATE TABLE within (conversation INTEGER NOT NULL, file INTEGER NOT NULL,
        PRIMARY KEY (conversation, file)) STRICT, WITHOUT ROWID""",
    """CREATE TRIGGER place_made AFTER INSERT ON place BEGIN
        INSERT OR IGNORE INTO within SELECT u.conversation, s.file FROM unit u, segment s
            WHERE u.id = NEW.unit AND s.id = NEW.segment; END""",
    """CREATE TRIGGER version_made AFTER INSERT ON version BEGIN
        INSERT OR IGNORE INTO within SELECT u.conversation, k.file FROM unit u, capture k
            WHERE u.id = NEW.unit AND k.id = NEW.capture; END""",
    """CREATE TRIGGER unit_left AFTER DELETE ON unit BEGIN
        DELETE FROM within WHERE conversation = OLD.conversation AND NOT EXISTS
            (SELECT 1 FROM unit WHERE conversation = OLD.conversation); END""",
    """CREATE TABLE reply (scope TEXT NOT NULL, message TEXT NOT NULL,
        conversation INTEGER NOT NULL, PRIMARY KEY (scope, message)) STRICT, WITHOUT ROWID""",
    "CREATE INDEX head_of ON head (conversation)",
    "CREATE INDEX present_unit ON present (unit)",
    "CREATE INDEX reply_of ON reply (conversation)",
    """CREATE VIRTUAL TABLE words USING fts5 (subject, body, names, content = '',
        contentless_delete = 1, tokenize = 'unicode61 remove_diacritics 2', prefix = '1 2 3')""",
    "INSERT INTO words (words, rank) VALUES ('secure-delete', 1)",
)
