# SPDX-License-Identifier: EUPL-1.2
"""Whether the tables in PostgreSQL are those that this program makes (docs/spec/storage.md §6)."""

from __future__ import annotations

from contextlib import closing
from typing import Any, Final

from lakzegel_server.index.engine import Connection
from lakzegel_server.index.place import Address
from lakzegel_server.index.portable import made_by
from lakzegel_server.index.postgresql import PostgresqlIndex

_OURS: Final = "current_schema()::regnamespace"
_FRESH: Final = "pg_my_temp_schema()"
_QUESTIONS: Final = (
    # columns: type, order of text, whether each row has one, what stands there by itself
    (
        "SELECT c.relname, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), l.collname,"
        " a.attnotnull, a.atthasdef FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
        " LEFT JOIN pg_collation l ON l.oid = a.attcollation WHERE c.relnamespace = {space}"
        " AND c.relkind IN ('r', 'p', 'v', 'f') AND a.attnum > 0 AND NOT a.attisdropped"
    ),
    (
        "SELECT c.relname, n.conname, pg_get_constraintdef(n.oid) FROM pg_constraint n"
        " JOIN pg_class c ON c.oid = n.conrelid WHERE c.relnamespace = {space}"
    ),
    (
        "SELECT c.relname, i.relname, x.indisunique, x.indisvalid,"
        " regexp_replace(pg_get_indexdef(i.oid), ' ON [^ ]+ USING', '') FROM pg_index x"
        " JOIN pg_class c ON c.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid"
        " WHERE c.relnamespace = {space}"
    ),
    (
        "SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
        " WHERE c.relnamespace = {space}"
    ),
    (
        "SELECT c.relname, r.rulename FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class"
        " WHERE c.relnamespace = {space}"
    ),
    (
        "SELECT c.relname, c.relkind, c.relrowsecurity, c.relhassubclass FROM pg_class c"
        " WHERE c.relnamespace = {space} AND c.relkind IN ('r', 'p', 'v', 'f')"
    ),
)


def is_same(address: Address, connection: Connection, schema: str) -> bool:
    """Whether our tables, and what is upon them, are as in a schema that was made just now.

    That one is made of temporary tables, which go with the connection.

    Raises:
        IndexFault: it may not be made, or the server cannot be reached.
    """
    with closing(PostgresqlIndex.open(address)) as fresh:
        fresh.connection.execute("SET search_path = pg_temp")
        for statement in fresh.statements(schema):
            fresh.connection.execute(statement)
        fresh.set_version(0)
        made = _described(fresh.connection, _FRESH)
    names = {row[1] for row in made} | made_by(schema)
    there = _described(connection, _OURS)
    return [row for row in there if row[1] in names] == made


def _described(connection: Connection, space: str) -> list[tuple[Any, ...]]:
    """What is there: the number of the question, the table, and what it says of that."""
    found = [
        (str(number), *(str(value) for value in row))
        for number, question in enumerate(_QUESTIONS)
        for row in connection.execute(question.format(space=space))
    ]
    return sorted(found)
