# SPDX-License-Identifier: EUPL-1.2
"""What an engine below an index promises (docs/spec/stores.md §2), and how it fails.

Both take the same text: ``?`` for values, upserts by ``ON CONFLICT … DO UPDATE``, and nothing that
only one of them knows. Values are whole numbers of 64 bits, text without NUL, and bytes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Protocol

Value = int | str | bytes | None
BUSY_SECONDS: Final = 30  # that a writer waits for others; who waits longer is told to come back
WRITING: Final = "write"  # the turn of whoever changes anything, on PostgreSQL
SEQUENCING: Final = "commit"  # and of whoever appends to the log


class Rows(Protocol):
    """What a statement found."""

    @property
    def rowcount(self) -> int:
        """How many rows it changed."""
        ...

    def fetchone(self) -> Any:  # noqa: ANN401 - a row is what the statement says
        """The next row, or None."""
        ...

    def fetchall(self) -> list[Any]:
        """All rows that are left."""
        ...

    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    """Statements; outside a transaction each is one by itself."""

    def execute(self, sql: str, parameters: Sequence[Value] = ..., /) -> Rows:
        """Run one statement."""
        ...

    def executemany(self, sql: str, parameters: Iterable[Sequence[Value]], /) -> Rows:
        """Run one statement for each of these."""
        ...


class Engine(Protocol):
    """One connection to an index, and what the engines do in ways of their own."""

    @property
    def connection(self) -> Connection:
        """Where statements go."""
        ...

    @property
    def name(self) -> str:
        """What a message calls the index: no user, no password."""
        ...

    def prepare(self) -> None:
        """Settle what is to be so of a connection that changes anything."""
        ...

    def begin(self, purpose: str) -> None:
        """Begin a change, once no other with this purpose is under way."""
        ...

    def begin_reading(self) -> None:
        """Begin to read one moment, whatever others change meanwhile."""
        ...

    def commit(self) -> None:
        """End a change; it is durable."""
        ...

    def rollback(self) -> None:
        """End a change or a reading without a trace; never fails."""
        ...

    def relax(self) -> None:
        """From now on commits wait for no disk: a crash may take the newest, whole ones."""
        ...

    def version(self) -> int:
        """The version of the tables; 0 where there are none."""
        ...

    def set_version(self, version: int) -> None:
        """State the version of the tables, within a change."""
        ...

    def tables(self) -> set[str]:
        """The names of the tables."""
        ...

    def is_complete(self, schema: str) -> bool:
        """Whether nothing that the schema makes is missing; False when that is not known."""
        ...

    def statements(self, schema: str) -> list[str]:
        """The statements that make the tables of this engine, one by one."""
        ...

    def close(self) -> None:
        """Let go."""
        ...


class IndexFault(Exception):  # noqa: N818 - an error that an engine reported, whichever it is
    """A database that is not SQLite refused, or cannot be reached.

    ``state`` is its SQLSTATE, five characters, or ``lost`` when the connection broke: what was
    under way may then have been done, when that was the end of a change.
    """

    def __init__(self, message: str, *, state: str) -> None:
        super().__init__(message)
        self.state = state


LOST: Final = "lost"
_DISK_FULL: Final = "53100"
NOT_LET: Final = {"42501", "3F000"}  # no right, or no schema that there is any to
FAILURES: Final = (sqlite3.Error, IndexFault)


def is_full(error: BaseException) -> bool:
    """Whether an index had no room."""
    if isinstance(error, IndexFault):
        return error.state == _DISK_FULL
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL


def code_of(error: BaseException) -> str:
    """What kind of failure it was, in a word for a log: no value and no address."""
    if isinstance(error, IndexFault):
        return error.state
    return str(getattr(error, "sqlite_errorname", type(error).__name__))
