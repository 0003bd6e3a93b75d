# SPDX-License-Identifier: EUPL-1.2
"""Pages of units and of conversations: what is due first, or by time; by key, never by offset.

docs/spec/review.md §7. The worklist's tables have what a query asks of a unit, what is still to be
decided and by when; nothing else is looked at but for what is shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from lakzegel_office.collection import searching
from lakzegel_office.collection.database import Connection
from lakzegel_office.collection.facets import crowds_of, facets_of
from lakzegel_office.collection.model import Conversation, Query, Unit
from lakzegel_office.collection.parsers.mailheads import microseconds
from lakzegel_office.collection.rows import UNIT, conversation_of, moment, unit_of
from lakzegel_office.collection.searching import Condition
from lakzegel_office.errors import UsageError
from lakzegel_office.review.worklist import DAY, STATES

PAGE: Final = 50
THREADS: Final = 20  # a conversation is told by many rows
COUNTED: Final = 1_000  # beyond, a list is of "more than"
OPEN: Final = "open"  # undecided, or in dispute
OVERDUE: Final = "overdue"
PROPOSED: Final = "proposed"
SHOWN: Final = ("", OPEN, OVERDUE, PROPOSED, *STATES)


class Order(StrEnum):
    """What comes first."""

    DUE = "due"
    NEWEST = "newest"
    OLDEST = "oldest"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which units, in which order, from where on."""

    query: Query = field(default_factory=Query)
    state: str = ""  # one of SHOWN
    order: Order = Order.DUE
    after: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A unit in a list."""

    unit: Unit
    state: str
    due: datetime | None
    proposed: str  # a class, "mixed", or nothing


@dataclass(frozen=True, slots=True)
class Thread:
    """A conversation in a list: what is open of it, and when the first of that is due."""

    conversation: Conversation
    open: int
    due: datetime | None


_ORDERS: Final = {Order.DUE: "t.day, t.seq", Order.NEWEST: "t.newer", Order.OLDEST: "t.seq"}
_FROM: Final = "temp.todo t CROSS JOIN unit u ON u.id = t.unit"
_BEYOND: Final = 1 << 62  # a place behind every unit
_PROPOSAL: Final = "coalesce((SELECT p.class FROM temp.proposal p WHERE p.unit = u.id), '')"


@dataclass(slots=True)
class Listed(Condition):
    """What is asked of a row of `temp.todo t`, and the index that it is met along."""

    index: str = ""
    dense: bool = False  # whether most conversations may have such a unit

    @property
    def table(self) -> str:
        """The table, and the index to go along."""
        return f"temp.todo t {self.index}"


class Listing:
    """Lists of one collection."""

    def __init__(self, db: Connection) -> None:
        """Keep the index, beside which the worklist's tables are."""
        self.db = db

    def units(self, wanted: Wanted, now: int, limit: int = PAGE) -> list[Row]:
        """Return a page of units."""
        found = self._condition(wanted, now)
        order = _ORDERS[wanted.order]
        if wanted.after:
            self._require_there(wanted.after)
            found.add(
                f"({order}) > (SELECT {order} FROM {_FROM} WHERE u.name = ?)",  # noqa: S608  # ours
                wanted.after,
            )
        page = (
            f"SELECT t.seq FROM {found.table} WHERE {found.where}"  # noqa: S608  # ours
            f" ORDER BY {order} LIMIT {int(limit)}"
        )
        statement = (
            f"SELECT {UNIT}, t.state, t.due, {_PROPOSAL} FROM {_FROM}"  # noqa: S608  # ours
            f" WHERE t.seq IN ({page}) ORDER BY {order}"
        )
        rows = self.db.execute(statement, found.values).fetchall()
        return [
            Row(unit_of(self.db, row[:-3]), row[-3], moment(row[-2]) if row[-2] else None, row[-1])
            for row in rows
        ]

    def _require_there(self, unit: str) -> None:
        """Return when a page can begin after a unit.

        Raises:
            UsageError: it was destroyed meanwhile, or was never there.
        """
        there = f"SELECT 1 FROM {_FROM} WHERE u.name = ? AND u.gone = 0"  # noqa: S608  # ours
        if self.db.execute(there, (unit,)).fetchone() is None:
            raise UsageError(f"{unit}: no such unit; begin at the first page")

    def ids(self, wanted: Wanted, now: int) -> Iterator[str]:
        """Yield the ids of all units that are wanted."""
        found = self._condition(wanted, now)
        statement = (
            f"SELECT u.name FROM {found.table} CROSS JOIN unit u INDEXED BY unit_one"  # noqa: S608  # ours
            f" ON u.id = t.unit WHERE {found.where}"
        )
        yield from (name for (name,) in self.db.execute(statement, found.values).fetchall())

    def count(self, wanted: Wanted, now: int) -> int:
        """Return how many there are; COUNTED + 1 for more than that."""
        found = self._condition(wanted, now)
        inner = f"SELECT 1 FROM {found.table} WHERE {found.where} LIMIT {COUNTED + 1}"  # noqa: S608  # ours
        return int(self.db.execute(f"SELECT count(*) FROM ({inner})", found.values).fetchone()[0])  # noqa: S608  # ours

    def threads(self, wanted: Wanted, now: int, limit: int = THREADS) -> list[Thread]:
        """Return a page of conversations that have such a unit."""
        found = Condition()
        if wanted.query == Query() and wanted.state == OPEN:
            found.add("h.open > 0")
        elif wanted.query != Query() or wanted.state:
            inner = self._condition(wanted, now)
            found.add(_thread_has(inner), *inner.values)
        columns = "h.day, h.seq" if wanted.order is Order.DUE else "h.back, h.conversation"
        if wanted.after:
            found.add(
                f"({columns}) > (SELECT {columns} FROM conversation c"  # noqa: S608  # ours
                " JOIN temp.thread h ON h.conversation = c.id WHERE c.name = ?)",
                wanted.after,
            )
        index = "thread_due" if wanted.order is Order.DUE else "thread_back"
        statement = (
            f"SELECT h.conversation, h.open, h.due FROM temp.thread h INDEXED BY {index}"  # noqa: S608  # ours
            f" WHERE {found.where} ORDER BY {columns} LIMIT {int(limit)}"
        )
        rows = self.db.execute(statement, found.values).fetchall()
        return [
            Thread(conversation_of(self.db, row), opened, moment(due) if opened and due else None)
            for row, opened, due in rows
        ]

    def choices(self) -> dict[str, list[str]]:
        """Return what there is to choose from: custodies, devices, sources, apps."""
        found = {}
        for column in ("custody", "device", "source", "app"):
            rows = self.db.execute(f"SELECT DISTINCT {column} FROM facet ORDER BY 1 LIMIT 500")  # noqa: S608  # ours
            found[column] = [row[0] for row in rows]
        return found

    def _condition(self, wanted: Wanted, now: int) -> Listed:
        """Return what is asked of a row of `todo t`, and the index that it is met along."""
        found = Listed(index=_index(wanted))
        query = wanted.query
        if (facets := facets_of(query, "t")) is not None:
            found.add(facets[0], *facets[1])
        if query.party:
            crowds = crowds_of(self.db, query.party, "t")
            found.add(crowds[0], *crowds[1])
        self._add_times(found, query)
        if wanted.state in {OPEN, OVERDUE, PROPOSED}:
            found.add("t.open = 1")
        if wanted.state == OVERDUE:
            found.add("t.day <= ? AND t.due < ?", now // DAY, now)
        elif wanted.state == PROPOSED:
            found.add("+t.unit IN (SELECT unit FROM temp.proposal)")
        elif wanted.state in STATES:
            found.add("t.state = ?", wanted.state)
        self._add_query(found, query)
        return found

    def _add_query(self, found: Listed, query: Query) -> None:
        """Ask for a conversation, words and ids: the fewest of them lead."""
        if query.conversation:
            found.index = "INDEXED BY todo_thread"
            found.add(
                "t.conversation = (SELECT id FROM conversation WHERE name = ?)", query.conversation
            )
        if query.text:
            hits = searching.hits_of(self.db, query.text, "t.unit")
            found.index = "INDEXED BY todo_unit" if hits.few else found.index
            found.dense = not hits.few and not query.party
            found.add(hits.part, *hits.values)
        if query.ids:
            found.index = "INDEXED BY todo_unit"
            marks = ", ".join("?" * len(query.ids))
            found.add(f"t.unit IN (SELECT id FROM unit WHERE name IN ({marks}))", *query.ids)  # noqa: S608  # ours

    def _add_times(self, found: Listed, query: Query) -> None:
        """Ask for a period: units with a time are numbered by it."""
        for at, sign in ((query.since, ">="), (query.until, "<")):
            if at is not None:
                found.add(f"t.undated = 0 AND t.seq {sign} ?", self._place(microseconds(at)))

    def _place(self, at: int) -> int:
        """Return the number of the first unit at a time or later; one beyond all where none is."""
        first = (
            "SELECT t.seq FROM unit u INDEXED BY unit_at CROSS JOIN temp.todo t ON t.unit = u.id"
            " WHERE u.undated = 0 AND u.at >= ? AND u.gone = 0"
            " ORDER BY u.undated, u.at, u.name LIMIT 1"
        )
        row = self.db.execute(first, (at,)).fetchone()
        return int(row[0]) if row else _BEYOND


def _thread_has(inner: Listed) -> str:
    """Return that a conversation has such a unit: each that is met is looked at, or all at once."""
    if inner.dense:
        own = f"t.conversation = h.conversation AND {inner.where}"
        return f"EXISTS (SELECT 1 FROM temp.todo t INDEXED BY todo_thread WHERE {own})"  # noqa: S608  # ours
    return f"h.conversation IN (SELECT t.conversation FROM {inner.table} WHERE {inner.where})"  # noqa: S608  # ours


def _index(wanted: Wanted) -> str:
    """Return along what a list is met, where no words or ids lead."""
    order = {Order.DUE: "due", Order.NEWEST: "newest", Order.OLDEST: "oldest"}[wanted.order]
    if wanted.state in {OPEN, OVERDUE, PROPOSED}:
        return f"INDEXED BY todo_open_{order}"
    if wanted.state:
        return f"INDEXED BY todo_state_{order}"
    return "NOT INDEXED" if wanted.order is Order.OLDEST else f"INDEXED BY todo_{order}"
