# SPDX-License-Identifier: EUPL-1.2
"""One moment of an index, for a check: read by whichever engine, and changed by none."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any, Final, Protocol

from lakzegel_server.database import BUSY_SECONDS, Connection, Database
from lakzegel_server.index.opening import has_shape
from lakzegel_server.index.place import Address
from lakzegel_server.layout import Layout
from lakzegel_server.schema import SCHEMA

_MASTER: Final = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name"
_SHOWN_PROBLEMS: Final = 5


class Indexed(Protocol):
    """An index that is read at one moment, once that began."""

    @property
    def connection(self) -> Connection:
        """Where questions go."""
        ...

    @property
    def name(self) -> str:
        """What a doubt about it is said of."""
        ...

    def begin(self) -> None:
        """Fix the moment."""
        ...

    def rows(self, sql: str) -> Iterator[tuple[Any, ...]]:
        """What a question finds, a part at a time, however much it is."""
        ...

    def problems(self) -> Iterator[str]:
        """What the engine itself finds wrong."""
        ...

    def version(self) -> int:
        """The version of the tables; 0 where there are none."""
        ...

    def tables(self) -> set[str]:
        """The names of the tables."""
        ...

    def is_of_our_schema(self) -> bool:
        """Whether the tables are those that this program makes, with nothing else upon them."""
        ...

    def end(self) -> None:
        """Let the moment go."""
        ...

    def close(self) -> None:
        """Let go."""
        ...


def open_indexed(layout: Layout, *, live: bool) -> Indexed:
    """The index of a receiver, which is not changed.

    Raises:
        IndexFault: it cannot be reached.
    """
    if layout.index is not None:
        return _Served(layout.index)
    return _File(layout, live=live)


class _File:
    """An index in a file of SQLite."""

    def __init__(self, layout: Layout, *, live: bool) -> None:
        self._path = layout.index_file
        self.name = layout.index_file.name
        self.connection = _connect(layout, live=live)
        self.connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")

    def begin(self) -> None:
        """Fix the moment."""
        self.connection.execute("BEGIN")
        self.connection.execute("SELECT size FROM tree").fetchone()

    def rows(self, sql: str) -> Iterator[tuple[Any, ...]]:
        """What a question finds."""
        yield from self.connection.execute(sql)

    def problems(self) -> Iterator[str]:
        """What SQLite finds, and whether the file ends with a page.

        SQLite itself takes what is missing of the last one for zeros.
        """
        found = [str(row[0]) for row in self.connection.execute("PRAGMA integrity_check")]
        if found != ["ok"]:
            yield from found[:_SHOWN_PROBLEMS]
        (page,) = self.connection.execute("PRAGMA page_size").fetchone()
        if self._path.stat().st_size % page:
            yield "breaks off within a page"

    def version(self) -> int:
        """The version of the tables."""
        return int(self.connection.execute("PRAGMA user_version").fetchone()[0])

    def tables(self) -> set[str]:
        """The names of the tables."""
        return {str(name) for (name,) in self.connection.execute("SELECT name FROM sqlite_master")}

    def is_of_our_schema(self) -> bool:
        """Whether nothing else was made in it."""
        fresh = sqlite3.connect(":memory:")
        try:
            fresh.executescript(SCHEMA)
            made = fresh.execute(_MASTER).fetchall()
        finally:
            fresh.close()
        return bool(self.connection.execute(_MASTER).fetchall() == made)

    def end(self) -> None:
        """Let the moment go."""
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")

    def close(self) -> None:
        """Let go."""
        self.connection.close()


class _Served:
    """An index in PostgreSQL, whose pages its server answers for."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self.name = str(address)
        self._database = Database.open_readonly(address)
        self._engine = self._database.engine

    @property
    def connection(self) -> Connection:
        """Where questions go."""
        return self._database.connection

    def begin(self) -> None:
        """Fix the moment."""
        self._engine.begin_reading()

    def rows(self, sql: str) -> Iterator[tuple[Any, ...]]:
        """What a question finds, a part at a time."""
        self.connection.execute(f"DECLARE part NO SCROLL CURSOR FOR {sql}")
        try:
            while found := self.connection.execute("FETCH 1000 FROM part").fetchall():
                yield from found
        finally:
            self.connection.execute("CLOSE part")

    def problems(self) -> Iterator[str]:
        """Nothing: what a page holds is for data checksums and pg_amcheck to say."""
        return iter(())

    def version(self) -> int:
        """The version of the tables."""
        return self._engine.version()

    def tables(self) -> set[str]:
        """The names of the tables."""
        return self._engine.tables()

    def is_of_our_schema(self) -> bool:
        """Whether our tables are as they are made, and have no trigger, rule or filter."""
        return has_shape(self._address, self.connection, SCHEMA)

    def end(self) -> None:
        """Let the moment go."""
        self._engine.rollback()

    def close(self) -> None:
        """Let go."""
        self._database.close()


def _connect(layout: Layout, *, live: bool) -> sqlite3.Connection:
    """A connection that changes nothing.

    Not even by being opened: no journal is made beside a sound index that nobody has open.
    """
    if not layout.index_file.exists():
        return sqlite3.connect(":memory:")
    journal = layout.index_file.with_name(f"{layout.index_file.name}-wal")
    quiet = not live and not (journal.exists() and journal.stat().st_size)
    query = "mode=ro&immutable=1" if quiet else "mode=ro"
    return sqlite3.connect(
        f"{layout.index_file.absolute().as_uri()}?{query}",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
    )
