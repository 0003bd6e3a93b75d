# SPDX-License-Identifier: EUPL-1.2
"""The steps from one version of the tables to the next (docs/spec/storage.md §3).

A row whose digest does not hold keeps one that does not: a change on disk still shows.
"""

from __future__ import annotations

from typing import Final

from lakzegel_server.index.engine import Engine
from lakzegel_server.schema import row_digest

_FORMER: Final = "former"
_NUMBERED: Final = {  # as they were made then: a step does not change when SCHEMA does
    "annexes": """
CREATE TABLE IF NOT EXISTS annexes (
    id TEXT PRIMARY KEY, number INTEGER NOT NULL UNIQUE, stored TEXT NOT NULL,
    digest BLOB NOT NULL) STRICT;
""",
    "timestamps": """
CREATE TABLE IF NOT EXISTS timestamps (
    name TEXT PRIMARY KEY, number INTEGER NOT NULL UNIQUE, at INTEGER NOT NULL,
    expires INTEGER NOT NULL, root TEXT NOT NULL, stamped BLOB NOT NULL, token BLOB NOT NULL,
    digest BLOB NOT NULL) STRICT;
""",
}


def numbered(engine: Engine) -> None:
    """1 to 2: annexes and timestamps have a number each, by which hand-overs go on.

    It is the one that SQLite gave their rows by itself, so that what is under way stays what it is;
    no index in PostgreSQL was ever of version 1.
    """
    there = engine.tables()
    for table, text in _NUMBERED.items():
        if table in there:
            _number(engine, table, text)


def _number(engine: Engine, table: str, text: str) -> None:
    change = engine.connection
    change.execute(f"ALTER TABLE {table} RENAME TO {_FORMER}")
    for statement in engine.statements(text):
        change.execute(statement)
    for number, *row in change.execute(f"SELECT rowid, * FROM {_FORMER}").fetchall():  # noqa: S608 - ours
        key, *rest, digest = row
        new = (key, number, *rest)
        known = row_digest(key, *rest) == digest
        marks = ", ".join("?" * (len(new) + 1))
        change.execute(
            f"INSERT INTO {table} VALUES ({marks})",  # noqa: S608 - names of ours
            (*new, row_digest(*new) if known else digest),
        )
    change.execute(f"DROP TABLE {_FORMER}")
