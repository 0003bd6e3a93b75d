# SPDX-License-Identifier: EUPL-1.2
"""The index: sound as a database, of our schema, every row as it was written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from lakzegel_core.errors import LakzegelError
from lakzegel_core.merkle import Frontier
from lakzegel_server.fsck.doubts import Survey
from lakzegel_server.fsck.entryrows import EntryRows
from lakzegel_server.fsck.indexed import Indexed
from lakzegel_server.index.engine import FAILURES
from lakzegel_server.schema import DIGESTED, VERSION, row_digest
from lakzegel_server.timestamping.kept import Row

INDEX: Final = "index.sqlite"
_FEW: Final = frozenset(  # of these there are no more rows the longer the log is
    {"accounts", "held", "trail_head", "trail", "documents", "edge_tiles", "shared_keys"}
)
_HASH: Final = 32


@dataclass(slots=True)
class Rows:
    """What the index says; compared with the log by the other checks."""

    tree: Frontier
    entries: EntryRows
    pending: dict[int, bytes]
    annexes: set[str] = field(default_factory=set)
    held: tuple[int, bytes] | None = None
    timestamps: list[Row] = field(default_factory=list)

    @property
    def pending_start(self) -> int:
        """The first entry whose tiles may still change their width."""
        return min(self.pending, default=self.tree.size)


def check_rows(found: Survey, index: Indexed) -> Rows | None:
    """The rows, when the index can be read at all."""
    if found.index == INDEX and not found.claim(INDEX):
        return None
    try:
        return _read(found, index)
    except (*FAILURES, LakzegelError, TypeError, ValueError, OverflowError) as error:
        found.doubt(found.index, f"cannot be read: {error}")
        return None


def _read(found: Survey, index: Indexed) -> Rows:
    for problem in index.problems():
        found.doubt(found.index, problem.replace("\n", " "))
    _check_schema(found, index)
    there = index.tables()
    for table in DIGESTED:
        if table in there:
            _check_digests(found, index, table)
    rows = _log_rows(found, index, 0)
    rows.annexes = {str(row[0]) for row in index.rows("SELECT id FROM annexes")}
    rows.held = _held(index)
    if "timestamps" in there:  # an index of an earlier version has not, yet
        rows.timestamps = _timestamps(index)
    return rows


def check_new_rows(found: Survey, index: Indexed, start: int) -> Rows | None:
    """The rows of entries from ``start`` on, and those that are few; None when any is in doubt.

    Neither the file's pages nor the digests of all rows are looked at.
    """
    try:
        if found.index == INDEX and not found.claim(INDEX):
            return None
        rows = _log_rows(found, index, start)
        if rows.tree.size < start:
            return None
        for table in sorted(_FEW & index.tables()):  # an older index lacks some, yet
            _check_digests(found, index, table)
        _check_schema(found, index)
        rows.held = _held(index)
        rows.timestamps = [
            row for row in _timestamps(index) if row.named.renewal or row.named.number >= start
        ]
    except (*FAILURES, LakzegelError, TypeError, ValueError, OverflowError):
        return None
    return rows


def _held(index: Indexed) -> tuple[int, bytes] | None:
    held = index.connection.execute("SELECT size, sha256 FROM held").fetchall()
    if held and isinstance(held[0][0], int):  # of another type its digest does not hold
        return held[0][0], held[0][1]
    return None


def _timestamps(index: Indexed) -> list[Row]:
    """Rows that can be looked at; one of other types was named as changed."""
    found = index.rows("SELECT name, at, expires, root, stamped, token FROM timestamps")
    return [Row(*r) for r in found if isinstance(r[0], str) and isinstance(r[3], str)]


def _log_rows(found: Survey, index: Indexed, start: int) -> Rows:
    ((one, size, edge),) = index.connection.execute("SELECT one, size, edge FROM tree").fetchall()
    if one != 1:
        raise ValueError("the row of the tree is not number 1")
    tree = Frontier.from_hashes(size, [edge[i : i + _HASH] for i in range(0, len(edge), _HASH)])
    pending = {row[0]: row[1] for row in index.rows("SELECT idx, data FROM pending")}
    return Rows(tree, EntryRows(found, index, start), pending)


def _check_schema(found: Survey, index: Indexed) -> None:
    version = index.version()
    if version > VERSION:
        found.doubt(found.index, f"of version {version}; this lakzegel-server knows {VERSION}")
    elif (version == VERSION) != index.is_of_our_schema():  # an older one has others until a start
        found.doubt(found.index, "has other tables than a receiver's index of its version")


def _check_digests(found: Survey, index: Indexed, table: str) -> None:
    for row in index.rows(f"SELECT * FROM {table}"):  # noqa: S608 - a name of ours
        if not _holds(row):
            found.doubt(found.index, f"table {table}: a row was changed")


def _holds(row: tuple[Any, ...]) -> bool:
    return bool(row_digest(*row[:-1]) == row[-1])
