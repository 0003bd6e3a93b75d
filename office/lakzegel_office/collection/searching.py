# SPDX-License-Identifier: EUPL-1.2
"""A query as one statement of SQL: every value a parameter, one index walked in order.

Pages are asked for by the unit after which they begin, so that the thousandth page costs what the
first did.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from lakzegel_office.collection.database import Connection
from lakzegel_office.collection.facets import crowds_of, facets_of
from lakzegel_office.collection.ids import clean
from lakzegel_office.collection.model import Query
from lakzegel_office.collection.parsers.mailheads import microseconds
from lakzegel_office.collection.wording import match_of
from lakzegel_office.errors import UsageError

FEW: Final = 4_000  # hits of a text that are sorted; more are met while walking through time
TEXTS_ALIKE: Final = 3  # equal texts by which two chats are perhaps one
WALKED: Final = 10_000  # units that are met, from the newest on, for a page of conversations
PAGE: Final = 500  # rows that are read at once
_NOTHING: Final = "0"


class Way(StrEnum):
    """Along which index the units of a query are met."""

    OLDEST = "unit_at"
    NEWEST = "unit_newest"
    TALK = "unit_conversation"  # those of one conversation, or each conversation after the other
    ONE = "unit_one"  # those that have the words, each by its row
    WORDS = "words"  # those that have the words, in the order of the full text
    NAMED = ""  # those that are asked for by id


@dataclass(frozen=True, slots=True)
class Hits:
    """The units that have some words: a part of a WHERE, its values, and whether they are few."""

    part: str
    values: tuple[str, ...]
    few: bool


@dataclass(slots=True)
class Condition:
    """What a row of `unit u` has to be: a statement's WHERE, its values, and its index."""

    parts: list[str] = field(default_factory=list)
    values: list[object] = field(default_factory=list)
    way: Way = Way.OLDEST

    def add(self, part: str, *values: object) -> None:
        """Add one that must hold too."""
        self.parts.append(part)
        self.values += [clean(value) if isinstance(value, str) else value for value in values]

    def among(self, column: str, values: Sequence[object]) -> None:
        """Add that a column has one of these values; none given, none asked."""
        if values:
            self.add(f"{column} IN ({', '.join('?' * len(values))})", *values)

    @property
    def where(self) -> str:
        """The text of it."""
        return " AND ".join(self.parts) or "1"

    @property
    def units(self) -> str:
        """The table, and the index to go along."""
        if self.way is Way.WORDS:
            return f"words w CROSS JOIN unit u INDEXED BY {Way.ONE} ON u.id = w.rowid"
        return f"unit u INDEXED BY {self.way}" if self.way else "unit u"


def condition_of(db: Connection, query: Query, *, ordered: bool = True) -> Condition:
    """Return what a query asks of a row of `unit u`, but for the page.

    Where no order is asked for, units that have the words come as the full text has them.
    """
    found = Condition(way=Way.NEWEST if query.newest_first else Way.OLDEST)
    found.add("u.gone = 0")
    found.among("u.name", query.ids)
    if query.conversation:
        found.way = Way.TALK
        found.add("u.conversation = (SELECT id FROM conversation WHERE name = ?)",
                  query.conversation)  # fmt: skip
    if (facets := facets_of(query)) is not None:
        found.add(facets[0], *facets[1])
    if query.party:
        crowds = crowds_of(db, query.party)
        found.add(crowds[0], *crowds[1])
    if query.text:  # last: words are looked for once a unit is met that is the rest of it
        _add_text(db, found, query, ordered=ordered)
    if query.ids:
        found.way = Way.NAMED
    _add_times(found, query.since, query.until)
    return found


def order_of(condition: Condition, *, newest_first: bool) -> str:
    """Return the columns by which units are in order, as the index has them that is gone along."""
    if not newest_first:
        return "u.undated, u.at, u.name"
    return f"u.undated, {'u.back' if condition.way is Way.NEWEST else '-u.at'}, u.name"


def rows(db: Connection, query: Query, columns: str) -> Iterator[tuple[object, ...]]:
    """Yield these columns of the units that are asked for, in order.

    Raises:
        UsageError: the unit that a page begins after is not there.
    """
    condition = condition_of(db, query)
    order = order_of(condition, newest_first=query.newest_first)
    if query.after:
        _add_page(db, condition, query, order)
    statement = f"SELECT {columns} FROM {condition.units} WHERE {condition.where} ORDER BY {order}"  # noqa: S608  # columns are ours, values parameters
    if query.limit > 0:  # what a row says of itself is looked up for those of the page alone
        ids = (
            f"SELECT u.id FROM {condition.units} WHERE {condition.where}"  # noqa: S608  # ours
            f" ORDER BY {order} LIMIT {int(query.limit)}"
        )
        statement = f"SELECT {columns} FROM unit u WHERE u.id IN ({ids}) ORDER BY {order}"  # noqa: S608  # ours
    cursor = db.execute(statement, condition.values)
    while some := cursor.fetchmany(PAGE):
        yield from some


def count(db: Connection, query: Query) -> int:
    """Return how many units there are."""
    match = match_of(query.text)
    if match and _asked(query) == Query(text=query.text):  # who has words is there
        statement = "SELECT count(*) FROM words WHERE words MATCH ?"
        return int(db.execute(statement, (match,)).fetchone()[0])
    condition = condition_of(db, _asked(query), ordered=False)
    statement = f"SELECT count(*) FROM {condition.units} WHERE {condition.where}"  # noqa: S608  # as above
    return int(db.execute(statement, condition.values).fetchone()[0])


def _asked(query: Query) -> Query:
    """Return a query without its order and page."""
    return replace(query, newest_first=False, after="", limit=0)


def hits_of(db: Connection, text: str, column: str) -> Hits:
    """Return what it is to have these words: to be one of few units, or else to pass a test."""
    match = match_of(text)
    if match is None:
        return Hits(_NOTHING, (), few=False)
    some = "SELECT rowid FROM words WHERE words MATCH ? LIMIT ?"
    rows = db.execute(some, (match, FEW + 1)).fetchall()
    if len(rows) > FEW:
        within = f"+{column} IN (SELECT rowid FROM words WHERE words MATCH ?)"  # noqa: S608  # ours
        return Hits(within, (match,), few=False)
    met = json.dumps([row for (row,) in rows])
    return Hits(f"{column} IN (SELECT value FROM json_each(?))", (met,), few=True)  # noqa: S608  # ours


def _add_text(db: Connection, found: Condition, query: Query, *, ordered: bool) -> None:
    hits = hits_of(db, query.text, "u.id")
    if hits.few:
        found.way = Way.ONE
    elif hits.values and not ordered and not query.conversation and not query.ids:
        found.way = Way.WORDS
        found.add("w.words MATCH ?", *hits.values)
        return
    found.add(hits.part, *hits.values)


def _add_times(condition: Condition, since: datetime | None, until: datetime | None) -> None:
    if since is not None or until is not None:
        condition.add("u.undated = 0")
    back = condition.way is Way.NEWEST
    if since is not None:
        start = microseconds(since)
        condition.add("u.back <= ?" if back else "u.at >= ?", -start if back else start)
    if until is not None:
        end = microseconds(until)
        condition.add("u.back > ?" if back else "u.at < ?", -end if back else end)


def _add_page(db: Connection, condition: Condition, query: Query, order: str) -> None:
    row = db.execute(
        "SELECT undated, at FROM unit WHERE name = ? AND gone = 0", (query.after,)
    ).fetchone()
    if row is None:  # of one that was destroyed meanwhile nobody knows where it stood
        raise UsageError(f"{query.after}: no such unit; begin at the first page")
    undated, at = row
    place = -at if query.newest_first else at
    condition.add(f"({order}) > (?, ?, ?)", undated, place, query.after)


def conversations(db: Connection, query: Query) -> Iterator[int]:
    """Yield the rows of conversations that have such a unit, newest first."""
    query = _asked(query) if query.limit <= 0 else replace(_asked(query), limit=query.limit)
    met = _met(db, query) if query.limit and _are_many(db, query) else None
    yield from _grouped(db, query) if met is None else met


def _met(db: Connection, query: Query) -> list[int] | None:
    """Return the newest conversations, by their newest units; None where these are far apart."""
    condition = condition_of(db, replace(query, newest_first=True))
    if condition.way is not Way.NEWEST:
        return None
    order = order_of(condition, newest_first=True)
    rows = db.execute(
        f"SELECT u.conversation, u.undated, u.back FROM {condition.units}"  # noqa: S608  # ours
        f" WHERE {condition.where} ORDER BY {order} LIMIT {WALKED}",
        condition.values,
    )
    found: dict[int, tuple[int, int]] = {}
    for walked, (conversation, undated, back) in enumerate(rows, 1):
        at = (undated, 0 if undated else back)
        if len(found) >= query.limit and at > max(found.values()):
            break
        found.setdefault(conversation, at)
        if walked == WALKED:
            return None
    return sorted(found, key=lambda one: (found[one], one))[: query.limit]


def _are_many(db: Connection, query: Query) -> bool:
    """Whether there may be more conversations than a page has: few are gone through as they are."""
    part, values = facets_of(query) or ("1", [])
    apps = f"SELECT u.app FROM (SELECT id AS facet, app FROM facet) u WHERE {part}"  # noqa: S608  # ours
    some = f"SELECT 1 FROM conversation WHERE app IN ({apps}) LIMIT {int(query.limit) + 1}"  # noqa: S608  # ours
    return len(db.execute(some, values).fetchall()) > query.limit


def _grouped(db: Connection, query: Query) -> list[int]:
    condition = condition_of(db, query, ordered=False)
    if condition.way is Way.OLDEST:
        condition.way = Way.TALK
    limit = f" LIMIT {int(query.limit)}" if query.limit > 0 else ""
    found = db.execute(
        f"SELECT u.conversation FROM {condition.units}"  # noqa: S608  # values are parameters
        f" WHERE {condition.where} GROUP BY u.conversation"
        f" ORDER BY max(CASE u.undated WHEN 0 THEN u.at END) DESC, u.conversation{limit}",
        condition.values,
    ).fetchall()
    return [row for (row,) in found]


def maybe_same(db: Connection, conversation: int) -> tuple[str, ...]:
    """Return the names of chats that are perhaps the same: of one title, or with the same texts."""
    found = db.execute(
        "SELECT o.name FROM conversation c JOIN conversation o ON o.app = c.app"
        " AND o.title = c.title AND o.id <> c.id"
        " WHERE c.id = ?1 AND c.title <> '' AND c.app NOT IN ('mail', 'file')"
        " UNION SELECT o.name FROM conversation c CROSS JOIN unit u INDEXED BY unit_said"
        " ON u.conversation = c.id AND u.kind = 'message' AND u.likeness IS NOT NULL"
        " CROSS JOIN unit w INDEXED BY unit_likeness ON w.likeness = u.likeness"
        " AND w.kind = 'message' AND w.app = c.app AND w.conversation <> c.id"
        " JOIN conversation o ON o.id = w.conversation WHERE c.id = ?1"
        " GROUP BY o.name HAVING count(DISTINCT u.likeness) >= ?2 ORDER BY 1",
        (conversation, TEXTS_ALIKE),
    )
    return tuple(name for (name,) in found)
