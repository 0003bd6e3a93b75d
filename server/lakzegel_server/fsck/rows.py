# SPDX-License-Identifier: EUPL-1.2
"""`index.sqlite`: sound as a database, of our schema, every row as it was written."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from typing import Any, Final

from lakzegel_core.errors import LakzegelError
from lakzegel_core.merkle import Frontier
from lakzegel_server.fsck.doubts import Survey
from lakzegel_server.index.engine import FAILURES, Connection
from lakzegel_server.schema import DIGESTED, SCHEMA, VERSION, row_digest
from lakzegel_server.timestamping.kept import Row

INDEX: Final = "index.sqlite"
_SHOWN_PROBLEMS: Final = 5
_HASH: Final = 32
_MASTER: Final = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name"


@dataclass(slots=True)
class Rows:
    """What the index says; compared with the log by the other checks."""

    tree: Frontier
    entries: dict[int, bytes]
    pending: dict[int, bytes]
    annexes: set[str] = field(default_factory=set)
    held: tuple[int, bytes] | None = None
    timestamps: list[Row] = field(default_factory=list)

    @property
    def pending_start(self) -> int:
        """The first entry whose tiles may still change their width."""
        return min(self.pending, default=self.tree.size)


def check_rows(found: Survey, connection: sqlite3.Connection) -> Rows | None:
    """The rows, when the index can be read at all."""
    if not found.claim(INDEX):
        return None
    connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
    try:
        return _read(found, connection)
    except (*FAILURES, LakzegelError, TypeError, ValueError, OverflowError) as error:
        found.doubt(INDEX, f"cannot be read: {error}")
        return None


def _read(found: Survey, connection: Connection) -> Rows:
    problems = [str(row[0]) for row in connection.execute("PRAGMA integrity_check")]
    for problem in [] if problems == ["ok"] else problems[:_SHOWN_PROBLEMS]:
        found.doubt(INDEX, problem.replace("\n", " "))
    _check_length(found, connection)
    _check_schema(found, connection)
    there = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    for table in DIGESTED:
        if table in there:
            _check_digests(found, connection, table)
    rows = _log_rows(connection)
    rows.annexes = {str(row[0]) for row in connection.execute("SELECT id FROM annexes")}
    held = connection.execute("SELECT size, sha256 FROM held").fetchall()
    if held and isinstance(held[0][0], int):  # of another type it was named above
        rows.held = (held[0][0], held[0][1])
    if "timestamps" in there:  # an index of an earlier version has not, yet
        rows.timestamps = _timestamps(connection)
    return rows


def _timestamps(connection: Connection) -> list[Row]:
    """Rows that can be looked at; one of other types was named as changed."""
    found = connection.execute("SELECT * FROM timestamps")
    return [Row(*r[:-1]) for r in found if isinstance(r[0], str) and isinstance(r[3], str)]


def _log_rows(connection: Connection) -> Rows:
    ((one, size, edge),) = connection.execute("SELECT one, size, edge FROM tree").fetchall()
    if one != 1:
        raise ValueError("the row of the tree is not number 1")
    tree = Frontier.from_hashes(size, [edge[i : i + _HASH] for i in range(0, len(edge), _HASH)])
    entries = dict(connection.execute("SELECT idx, id FROM entries"))
    pending = dict(connection.execute("SELECT idx, data FROM pending"))
    return Rows(tree, entries, pending)


def _check_length(found: Survey, connection: Connection) -> None:
    """Whole pages: SQLite itself takes what is missing of its last one for zeros."""
    (page,) = connection.execute("PRAGMA page_size").fetchone()
    if (found.data / INDEX).stat().st_size % page:
        found.doubt(INDEX, "breaks off within a page")


def _check_schema(found: Survey, connection: Connection) -> None:
    fresh = sqlite3.connect(":memory:")
    try:
        fresh.executescript(SCHEMA)
        same = connection.execute(_MASTER).fetchall() == fresh.execute(_MASTER).fetchall()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            found.doubt(INDEX, f"of version {version}; this lakzegel-server knows {VERSION}")
        elif (version == VERSION) != same:  # an older one has other tables until the next start
            found.doubt(INDEX, "has other tables than a receiver's index of its version")
    finally:
        fresh.close()


def _check_digests(found: Survey, connection: Connection, table: str) -> None:
    for row in connection.execute(f"SELECT * FROM {table}"):  # noqa: S608 - a name of ours
        if not _holds(row):
            found.doubt(INDEX, f"table {table}: a row was changed")


def _holds(row: tuple[Any, ...]) -> bool:
    return bool(row_digest(*row[:-1]) == row[-1])
