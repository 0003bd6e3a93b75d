# SPDX-License-Identifier: EUPL-1.2
"""The index in a file of SQLite: WAL with synchronous=FULL, one fsync a commit."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, Self

from lakzegel_server.index.engine import BUSY_SECONDS, Value
from lakzegel_server.index.portable import split

_PRAGMAS: Final = ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON")
_NUL: Final = "\0"


class Strict(sqlite3.Connection):
    """A connection that takes the values which every engine takes."""

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:  # noqa: ANN401 - as there
        """Run one statement."""
        _refuse_nul(parameters)
        return super().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> sqlite3.Cursor:
        """Run one statement for each of these."""
        rows = list(parameters)
        for row in rows:
            _refuse_nul(row)
        return super().executemany(sql, rows)


class SqliteIndex:
    """One connection to ``index.sqlite``."""

    def __init__(self, connection: sqlite3.Connection, name: str) -> None:
        self.connection = connection
        self.name = name

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open; every commit is durable."""
        return cls(_connect(path), path.name)

    @classmethod
    def open_readonly(cls, path: Path) -> Self:
        """Open for looking only."""
        return cls(_connect(f"{path.absolute().as_uri()}?mode=ro", uri=True), path.name)

    @classmethod
    def open_briefly(cls, path: Path, seconds: float) -> Self:
        """Open what is there, and wait no longer than that for others."""
        uri = f"{path.absolute().as_uri()}?mode=rw"
        opened = cls(_connect(uri, uri=True, timeout=seconds), path.name)
        opened.connection.execute("PRAGMA synchronous=FULL")
        return opened

    def prepare(self) -> None:
        """Have commits be durable, and deleted rows be overwritten."""
        for pragma in _PRAGMAS:
            self.connection.execute(f"PRAGMA {pragma}")

    def begin(self, purpose: str) -> None:
        """Begin a change, once no other is under way: here one lock is for all."""
        del purpose
        self.connection.execute("BEGIN IMMEDIATE")

    def begin_reading(self) -> None:
        """Begin to read one moment."""
        self.connection.execute("BEGIN")
        self.connection.execute("SELECT count(*) FROM sqlite_master").fetchone()

    def commit(self) -> None:
        """End a change; it is durable."""
        self.connection.execute("COMMIT")

    def rollback(self) -> None:
        """End a change or a reading without a trace."""
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")

    def relax(self) -> None:
        """From now on commits wait for no disk."""
        self.connection.execute("PRAGMA synchronous=NORMAL")

    def version(self) -> int:
        """The version of the tables; 0 where there are none."""
        return int(self.connection.execute("PRAGMA user_version").fetchone()[0])

    def set_version(self, version: int) -> None:
        """State the version of the tables, within a change."""
        self.connection.execute(f"PRAGMA user_version = {version}")

    def tables(self) -> set[str]:
        """The names of the tables."""
        rows = self.connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {str(name) for (name,) in rows}

    def is_complete(self, schema: str) -> bool:
        """Not known: to make what is there already costs nothing here."""
        del schema
        return False

    def statements(self, schema: str) -> list[str]:
        """The statements that make the tables."""
        return split(schema)

    def close(self) -> None:
        """Close; the last one to do so folds the journal in."""
        self.connection.close()


def _connect(
    place: Path | str, *, uri: bool = False, timeout: float = BUSY_SECONDS
) -> sqlite3.Connection:
    return sqlite3.connect(
        place,
        uri=uri,
        timeout=timeout,
        isolation_level=None,
        check_same_thread=False,
        factory=Strict,
    )


def _refuse_nul(row: Sequence[Value]) -> None:
    for value in row:
        if isinstance(value, str) and _NUL in value:
            raise sqlite3.DataError("text holds NUL")
