# SPDX-License-Identifier: EUPL-1.2
"""Pages of units and of conversations: what is due first, or by time; by key, never by offset.

docs/spec/review.md §7. `searching` says what a query asks of a unit; `worklist`'s tables say what
is still to be decided and by when.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from lakzegel_office.collection import searching
from lakzegel_office.collection.database import Connection
from lakzegel_office.collection.model import Conversation, Query, Unit
from lakzegel_office.collection.rows import UNIT, conversation_of, moment, unit_of
from lakzegel_office.collection.searching import Condition
from lakzegel_office.collection.wording import match_of
from lakzegel_office.review.worklist import STATES

PAGE: Final = 50
THREADS: Final = 20  # a conversation is told by many rows
COMMON: Final = 20_000  # units that have a word; beyond, they are met while walking
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


_ORDERS: Final = {
    Order.DUE: ("t.day", "t.at", "t.name"),
    Order.NEWEST: ("u.undated", "u.back", "u.name"),
    Order.OLDEST: ("u.undated", "u.at", "u.name"),
}
_FROM: Final = "temp.todo t JOIN unit u ON u.id = t.unit"
_PROPOSAL: Final = "coalesce((SELECT p.class FROM temp.proposal p WHERE p.unit = u.id), '')"


class Listing:
    """Lists of one collection."""

    def __init__(self, db: Connection) -> None:
        """Keep the index, beside which the worklist's tables are."""
        self.db = db

    def units(self, wanted: Wanted, now: int, limit: int = PAGE) -> list[Row]:
        """Return a page of units."""
        walk = bool(wanted.query.text) and self._is_common(wanted.query.text)
        condition = self._condition(wanted, now, walk=walk)
        columns = _ORDERS[wanted.order]
        if wanted.after:
            self._add_page(condition, columns, wanted.after)
        statement = (
            f"SELECT {UNIT}, t.state, t.due, {_PROPOSAL} FROM {_tables(wanted, walk=walk)}"  # noqa: S608  # ours
            f" WHERE {condition.where} ORDER BY {', '.join(columns)} LIMIT {int(limit)}"
        )
        rows = self.db.execute(statement, condition.values).fetchall()
        return [
            Row(unit_of(self.db, row[:-3]), row[-3], moment(row[-2]) if row[-2] else None, row[-1])
            for row in rows
        ]

    def ids(self, wanted: Wanted, now: int) -> Iterator[str]:
        """Yield the ids of all units that are wanted."""
        condition = self._condition(wanted, now)
        statement = f"SELECT u.name FROM {_FROM} WHERE {condition.where}"  # noqa: S608  # ours
        yield from (name for (name,) in self.db.execute(statement, condition.values).fetchall())

    def count(self, wanted: Wanted, now: int) -> int:
        """Return how many there are; COUNTED + 1 for more than that."""
        condition = self._condition(wanted, now)
        inner = f"SELECT 1 FROM {_tables(wanted)} WHERE {condition.where} LIMIT {COUNTED + 1}"  # noqa: S608  # ours
        return int(
            self.db.execute(f"SELECT count(*) FROM ({inner})", condition.values).fetchone()[0]  # noqa: S608  # ours
        )

    def threads(self, wanted: Wanted, now: int, limit: int = THREADS) -> list[Thread]:
        """Return a page of conversations that have such a unit."""
        condition = Condition()
        inner = self._condition(wanted, now)
        if wanted.query == Query() and wanted.state == OPEN:
            condition.add("h.open > 0")
        elif wanted.query != Query() or wanted.state:
            condition.add(
                f"h.conversation IN (SELECT t.conversation FROM {_FROM} WHERE {inner.where})",  # noqa: S608  # ours
                *inner.values,
            )
        columns = "h.day, h.at, h.name" if wanted.order is Order.DUE else "h.back, h.name"
        if wanted.after:
            condition.add(
                f"({columns}) > (SELECT {columns} FROM temp.thread h WHERE h.name = ?)",  # noqa: S608  # ours
                wanted.after,
            )
        statement = (
            "SELECT h.conversation, h.open, h.due FROM temp.thread h"  # noqa: S608  # ours
            f" WHERE {condition.where} ORDER BY {columns} LIMIT {int(limit)}"
        )
        rows = self.db.execute(statement, condition.values).fetchall()
        return [
            Thread(conversation_of(self.db, row), opened, moment(due) if opened and due else None)
            for row, opened, due in rows
        ]

    def choices(self) -> dict[str, list[str]]:
        """Return what there is to choose from: custodies, devices, sources, apps."""
        found = {}
        for column in ("custody", "device", "source"):
            rows = self.db.execute(f"SELECT DISTINCT {column} FROM file ORDER BY 1 LIMIT 500")  # noqa: S608  # ours
            found[column] = [row[0] for row in rows]
        rows = self.db.execute("SELECT app FROM conversation GROUP BY app ORDER BY 1 LIMIT 500")
        found["app"] = [row[0] for row in rows]
        return found

    def _condition(self, wanted: Wanted, now: int, *, walk: bool = False) -> Condition:
        condition = searching.condition_of(wanted.query)
        if wanted.query.text:
            self._add_text(condition, wanted.query.text, walk=walk)
        if wanted.state in {OPEN, OVERDUE}:
            condition.add("t.open = 1")
        if wanted.state == OVERDUE:
            condition.add("t.due < ?", now)
        elif wanted.state == PROPOSED:
            condition.add("t.open = 1 AND u.id IN (SELECT unit FROM temp.proposal)")
        elif wanted.state in STATES:
            condition.add("t.state = ?", wanted.state)
        return condition

    def _add_text(self, condition: Condition, text: str, *, walk: bool) -> None:
        """Ask for words: few hits are listed, of many each unit that is met is looked up."""
        match = match_of(text)
        if match is None:
            condition.add("0")
        elif walk:
            each = "SELECT 1 FROM words WHERE words MATCH ? AND rowid = u.id"
            condition.add(f"EXISTS ({each})", match)
        else:
            condition.add("u.id IN (SELECT rowid FROM words WHERE words MATCH ?)", match)

    def _is_common(self, text: str) -> bool:
        match = match_of(text)
        some = "SELECT count(*) FROM (SELECT 1 FROM words WHERE words MATCH ? LIMIT ?)"
        hits = self.db.execute(some, (match, COMMON + 1)).fetchone()[0] if match else 0
        return bool(hits > COMMON)

    def _add_page(self, condition: Condition, columns: tuple[str, ...], after: str) -> None:
        names = ", ".join(columns)
        condition.add(
            f"({names}) > (SELECT {names} FROM {_FROM} WHERE u.name = ?)",  # noqa: S608  # ours
            after,
        )


def _tables(wanted: Wanted, *, walk: bool = False) -> str:
    """Return what is walked: along what is due, or along time; few units are looked up."""
    if wanted.query.conversation or wanted.query.ids or (wanted.query.text and not walk):
        return _FROM
    if wanted.order is not Order.DUE:
        index = "unit_newest" if wanted.order is Order.NEWEST else "unit_at"
        return f"unit u INDEXED BY {index} CROSS JOIN temp.todo t ON t.unit = u.id"
    index = "todo_open" if wanted.state in {OPEN, OVERDUE, PROPOSED} else "todo_due"
    if wanted.state in STATES:
        index = "todo_state"
    return f"temp.todo t INDEXED BY {index} CROSS JOIN unit u ON u.id = t.unit"
