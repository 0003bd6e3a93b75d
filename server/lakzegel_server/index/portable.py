# SPDX-License-Identifier: EUPL-1.2
"""One text for both engines, made what PostgreSQL calls it (docs/spec/stores.md §2)."""

from __future__ import annotations

import re
import sqlite3
from functools import lru_cache
from typing import Final

_PARTS: Final = re.compile(r"'(?:[^']|'')*'|\?")
_TYPES: Final = (
    (re.compile(r"\bINTEGER\b"), "BIGINT"),
    (re.compile(r"\bBLOB\b"), "BYTEA"),
    (re.compile(r"\bTEXT\b"), 'TEXT COLLATE "C"'),  # in the order of its bytes, as in SQLite
    (re.compile(r"\)\s*STRICT\b"), ")"),
    (re.compile(r"\bx''"), "''"),
)
_MADE: Final = re.compile(r"\bCREATE (?:TABLE|INDEX|UNIQUE INDEX) IF NOT EXISTS (\w+)")


@lru_cache(maxsize=1024)
def numbered(sql: str) -> str:
    """The text with ``$1``, ``$2`` … in the place of question marks outside of literals."""
    count = 0

    def place(found: re.Match[str]) -> str:
        nonlocal count
        if found[0] != "?":
            return found[0]
        count += 1
        return f"${count}"

    return _PARTS.sub(place, sql)


def translated(sql: str) -> str:
    """A statement that makes a table, with the types of PostgreSQL."""
    for pattern, other in _TYPES:
        sql = pattern.sub(other, sql)
    return sql


def split(schema: str) -> list[str]:
    """The statements of a schema, one by one."""
    found, rest = [], ""
    for line in schema.splitlines(keepends=True):
        rest += line
        if sqlite3.complete_statement(rest):
            found.append(rest.strip())
            rest = ""
    return found


def made_by(schema: str) -> set[str]:
    """The names of all tables and indices that a schema makes."""
    return set(_MADE.findall(schema))
