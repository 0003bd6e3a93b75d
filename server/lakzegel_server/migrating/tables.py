# SPDX-License-Identifier: EUPL-1.2
"""Every row of one index into another, whichever engines they are (docs/spec/stores.md §10).

1. ``entries`` grow only: they go over in parts, and a second run begins where the first one ended.
2. All other rows go over anew, each table in one change.
3. The tree goes last, together with what is pending: until then the other index is an empty log.

Afterwards both are read side by side, row by row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from itertools import islice, zip_longest
from typing import Any, Final

from lakzegel_server.database import Connection, Database
from lakzegel_server.errors import ConfigError, DamageError
from lakzegel_server.index.engine import SEQUENCING
from lakzegel_server.index.portable import split
from lakzegel_server.schema import SCHEMA

PART: Final = 5_000  # rows of ``entries`` in a change
LAST: Final = ("pending", "tree")  # of what makes it a log
OF_STORES: Final = frozenset({"documents", "edge_tiles"})  # what the stores keep in an index
GROWING: Final = "entries"
_TABLE: Final = re.compile(r"CREATE TABLE IF NOT EXISTS (\w+) \((.*)\)", re.DOTALL)
_KEY: Final = re.compile(r"PRIMARY KEY \(([^)]+)\)")
_COLUMN: Final = re.compile(r"\s*(\w+) [A-Z]+")
Tell = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Table:
    """A table of an index: its columns in their order, and those that order its rows."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]

    def rows(self, reading: Connection, after: tuple[Any, ...] | None = None) -> Iterator[Any]:
        """Every row beyond a key, in order; not more of them at a time than a part."""
        keys, places = ", ".join(self.key), ", ".join("?" * len(self.key))
        at = [self.columns.index(name) for name in self.key]
        first = f"SELECT {', '.join(self.columns)} FROM {self.name}"  # noqa: S608 - names of ours
        last = f" ORDER BY {keys} LIMIT {PART}"
        while True:
            where = "" if after is None else f" WHERE ({keys}) > ({places})"
            part = reading.execute(f"{first}{where}{last}", after or ()).fetchall()
            yield from part
            if len(part) < PART:
                return
            after = tuple(part[-1][place] for place in at)

    @property
    def insert(self) -> str:
        """A row."""
        places = ", ".join("?" * len(self.columns))
        names = ", ".join(self.columns)
        return f"INSERT INTO {self.name} ({names}) VALUES ({places})"  # noqa: S608 - likewise


def tables() -> list[Table]:
    """Every table that SCHEMA makes; what makes it a log comes last."""
    found = [_table(statement) for statement in split(SCHEMA)]
    known = [table for table in found if table is not None]
    return sorted(known, key=lambda t: LAST.index(t.name) if t.name in LAST else -1)


def copy(source: Database, target: Database, skip: Collection[str], tell: Tell) -> int:
    """How many rows were copied now; ``tell`` hears of each table: its name, rows so far.

    Tables of ``skip`` are the stores', which copy what is in them by themselves.

    Raises:
        ConfigError: the other index is that of a log already.
        sqlite3.Error, IndexFault: it cannot be read, or written.
    """
    require_fit(source, target)
    count = 0
    with source.snapshot() as reading:
        for table in tables():
            if table.name == GROWING:
                count += _grow(table, reading, target, tell)
            elif table.name not in (*LAST, *skip):
                with target.transaction() as change:
                    count += _anew(table, reading, change, tell)
        with target.transaction(SEQUENCING) as change:
            for table in tables():
                if table.name in LAST:
                    count += _anew(table, reading, change, tell)
    return count


def require_fit(source: Database, target: Database) -> None:
    """Return when the other index is empty, or has this very log and nothing more.

    Raises:
        ConfigError: it is that of another log, or of a longer one.
    """
    ours, theirs = source.tree(), target.tree()
    if theirs.size and (theirs.size, theirs.to_hashes()) != (ours.size, ours.to_hashes()):
        raise ConfigError(
            f"{target.name}: holds a log of {theirs.size} entries that is not this one of"
            f" {ours.size}; give a schema that is empty"
        )


def compare(source: Database, target: Database, skip: Collection[str], tell: Tell) -> int:
    """How many rows both have; they are the same, but for tables of ``skip``.

    Raises:
        DamageError: the table, and the first row that differs.
    """
    count = 0
    with source.snapshot() as ours, target.snapshot() as theirs:
        for table in (one for one in tables() if one.name not in skip):
            place = 0
            for place, (one, other) in enumerate(_pairs(table, ours, theirs), start=1):
                if one is None or other is None or tuple(one) != tuple(other):
                    raise DamageError(
                        f"{target.name}: table {table.name}, row {place}: is not the one of"
                        f" {source.name}; run 'migrate' again"
                    )
            tell(table.name, place)
            count += place
    return count


def _pairs(table: Table, ours: Connection, theirs: Connection) -> Iterator[tuple[Any, Any]]:
    return zip_longest(table.rows(ours), table.rows(theirs))


def _grow(table: Table, reading: Connection, target: Database, tell: Tell) -> int:
    """Append, in parts, what the other one lacks of a table that only grows."""
    newest = f"SELECT max({table.key[0]}) FROM {table.name}"  # noqa: S608 - names of ours
    (last,) = target.connection.execute(newest).fetchone()
    count = 0
    for part in _parts(table.rows(reading, None if last is None else (last,))):
        with target.transaction() as change:
            change.executemany(table.insert, part)
        count += len(part)
        tell(table.name, count)
    return count


def _anew(table: Table, reading: Connection, change: Connection, tell: Tell) -> int:
    change.execute(f"DELETE FROM {table.name}")  # noqa: S608 - a name of ours
    count = 0
    for part in _parts(table.rows(reading)):
        change.executemany(table.insert, part)
        count += len(part)
        tell(table.name, count)
    return count


def _parts(rows: Iterator[Any]) -> Iterator[list[Any]]:
    while part := list(islice(rows, PART)):
        yield part


def _table(statement: str) -> Table | None:
    found = _TABLE.search(statement)
    if found is None:
        return None
    name, body = found.groups()
    compound = _KEY.search(body)
    parts = _KEY.sub("", body).split(",")
    columns = [part for part in parts if _COLUMN.match(part) and part.split()[0] != "CHECK"]
    names = tuple(column.split()[0] for column in columns)
    if compound is not None:
        return Table(name, names, tuple(part.strip() for part in compound[1].split(",")))
    return Table(name, names, tuple(c.split()[0] for c in columns if "PRIMARY KEY" in c))
