# SPDX-License-Identifier: EUPL-1.2
"""Rows of the tables that a store's allow-list names, with all columns that they have there."""

import re
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from typing import Final

from lakzegel_agent.errors import StoreError
from lakzegel_agent.stores.base import Row, Value, line_of, row_of
from lakzegel_agent.stores.database import columns, quoted

_KEY: Final = re.compile(r"([1-9][0-9]{0,18})-[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class Record:
    """One row, as the database gave it."""

    table: str
    names: tuple[str, ...]
    values: tuple[Value, ...]

    def get(self, name: str) -> Value:
        """Return the value of a column; None where the table has no such column."""
        return self.values[self.names.index(name)] if name in self.names else None

    def number(self, name: str) -> int | None:
        """Return the value of a column that holds a whole number; None where it holds another."""
        value = self.get(name)
        return value if isinstance(value, int) else None

    def text(self, name: str) -> str | None:
        """Return the value of a column that holds text; None where it holds none."""
        value = self.get(name)
        return value if isinstance(value, str) and value else None

    def row(self, day: str) -> Row:
        """Return the row as it is captured."""
        return Row(day, line_of(row_of(self.table, self.names, self.values)))


@dataclass(frozen=True, slots=True)
class Table:
    """A table that a store's allow-list names, as far as this database has it."""

    connection: sqlite3.Connection
    name: str
    names: tuple[str, ...]  # of its columns; none where there is no such table

    @classmethod
    def find(cls, connection: sqlite3.Connection, name: str, *needs: str) -> "Table":
        """Return the table, empty where it or one of the needed columns is not there.

        Raises:
            StoreError: ``unknown-schema``: a column's name cannot be written in canonical JSON.
        """
        names = columns(connection, name)
        if not all(column.isascii() for column in names):
            raise StoreError("unknown-schema")
        return cls(connection, name, names if set(needs) <= set(names) else ())

    @classmethod
    def require(cls, connection: sqlite3.Connection, name: str, *needs: str) -> "Table":
        """Return a table without which the store is none.

        Raises:
            StoreError: ``unknown-schema``: it is not there, or lacks a column.
        """
        table = cls.find(connection, name, *needs)
        if not table.names:
            raise StoreError("unknown-schema")
        return table

    def only(self, *names: str) -> "Table":
        """Return the table with these of its columns, where the others are not needed."""
        return replace(self, names=tuple(name for name in names if name in self.names))

    def at(self, number: Value) -> Record | None:
        """Return the row of this number, found by the number alone; None where there is none."""
        return next(self._select("_rowid_ = ?", number), None)

    def where(self, column: str, value: Value) -> Iterator[Record]:
        """Yield the rows with this value in a needed column, by number; none without a table."""
        for number in self.numbers(column, value):
            found = self.at(number)
            if found is not None:
                yield found

    def numbers(self, column: str, value: Value) -> list[int]:
        """Return the numbers of these rows, in order."""
        if not self.names:
            return []
        query = (
            f"SELECT _rowid_ FROM {quoted(self.name)} WHERE {quoted(column)} = ? ORDER BY _rowid_"  # noqa: S608  # names, quoted
        )
        return [number for (number,) in self.connection.execute(query, (value,))]

    def has(self, column: str, value: Value) -> bool:
        """Return whether there is a row with this value in a needed column."""
        query = f"SELECT 1 FROM {quoted(self.name)} WHERE {quoted(column)} = ? LIMIT 1"  # noqa: S608  # names, quoted
        found = self.connection.execute(query, (value,)) if self.names else ()
        return next(iter(found), None) is not None

    def all(self) -> Iterator[Record]:
        """Yield every row, by number."""
        return self._select("_rowid_ > ? ORDER BY _rowid_", 0)

    def _select(self, condition: str, value: Value) -> Iterator[Record]:
        if self.names:
            query = f"{_selecting(self.name, self.names)} WHERE {condition}"
            for found in self.connection.execute(query, (value,)):
                yield Record(self.name, self.names, found)


@lru_cache(maxsize=64)
def _selecting(table: str, names: tuple[str, ...]) -> str:
    picked = ", ".join(quoted(name) for name in names)
    return f"SELECT {picked} FROM {quoted(table)}"  # noqa: S608  # names, quoted


class Beside:
    """The rows of one table that belong to messages, taken in the messages' order.

    One query finds the numbers of all of them, however the database is indexed: what a query per
    message would cost is the database's to decide.
    """

    def __init__(self, table: Table, pairs: Iterable[tuple[Value, Value]]) -> None:
        self._table = table
        self._pairs = iter(pairs)  # number of a message, number of a row; in this order
        self._next = next(self._pairs, None)

    def of(self, message: int) -> Iterator[Record]:
        """Yield the rows of a message; those of messages before it are passed over."""
        while self._next is not None:
            owner, number = self._next
            if not isinstance(owner, int) or owner > message:
                return
            found = self._table.at(number) if owner == message else None
            self._next = next(self._pairs, None)
            if found is not None:
                yield found


def key_of(number: int, identity: Value) -> str:
    """Return a conversation's key: its row's number, and a digest of what the store calls it."""
    data = (
        identity if isinstance(identity, bytes) else str(identity).encode(errors="surrogateescape")
    )
    return f"{number}-{sha256(data).hexdigest()[:16]}"


def number_of(key: str) -> int | None:
    """Return the number of the row that a key names; None where it is no key of `key_of`."""
    found = _KEY.fullmatch(key)
    return int(found[1]) if found and int(found[1]) < 2**63 else None
