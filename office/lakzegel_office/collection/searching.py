# SPDX-License-Identifier: EUPL-1.2
"""A query as one statement of SQL: every value a parameter, one index walked in order.

Pages are asked for by the unit after which they begin, so that the thousandth page costs what the
first did.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from lakzegel_office.collection.database import Connection
from lakzegel_office.collection.ids import clean, normalised
from lakzegel_office.collection.model import Query
from lakzegel_office.collection.parsers.mailheads import microseconds
from lakzegel_office.collection.wording import match_of
from lakzegel_office.errors import UsageError

FEW: Final = 4_000  # hits of a text that are sorted; more are met while walking through time
TEXTS_ALIKE: Final = 3  # equal texts by which two chats are perhaps one
PAGE: Final = 500  # rows that are read at once
_NOTHING: Final = "0"
_PRESENT: Final = (  # the units that somebody is in, himself or as a member
    "WITH met AS (SELECT p.unit FROM party y CROSS JOIN present p ON p.party = y.id"
    " WHERE instr(y.folded, ?) > 0) SELECT unit FROM met WHERE unit > 0 UNION"
    " SELECT o.id FROM met CROSS JOIN unit o ON o.conversation = -met.unit WHERE met.unit < 0"
)


@dataclass(slots=True)
class Condition:
    """What a row has to be: a statement's WHERE, and its values."""

    parts: list[str] = field(default_factory=list)
    values: list[object] = field(default_factory=list)

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


def condition_of(query: Query) -> Condition:
    """Return what a query asks of a row of `unit u`, but for text and page."""
    found = Condition()
    found.add("u.gone = 0")
    found.among("u.custody", query.custodies)
    found.among("u.device", query.devices)
    found.among("u.source", query.sources)
    found.among("u.app", query.apps)
    found.among("u.kind", [str(kind) for kind in query.kinds])
    found.among("u.name", query.ids)
    if query.conversation:
        found.add("u.conversation = (SELECT id FROM conversation WHERE name = ?)",
                  query.conversation)  # fmt: skip
    if query.label:
        found.add("u.labels <> ''")
        if query.label != "any":
            found.add("instr(u.labels, ?) > 0", f" {query.label} ")
    if query.party:
        _add_party(found, query.party)
    _add_times(found, query.since, query.until)
    return found


def rows(db: Connection, query: Query, columns: str) -> Iterator[tuple[object, ...]]:
    """Yield these columns of the units that are asked for, in order.

    Raises:
        UsageError: the unit that a page begins after is not there.
    """
    condition = condition_of(query)
    order = "u.undated, u.back, u.name" if query.newest_first else "u.undated, u.at, u.name"
    if query.after:
        _add_page(db, condition, query)
    walked = ""
    if query.text:
        hits = add_text(db, condition, query.text)
        walked = " INDEXED BY unit_newest" if query.newest_first else " INDEXED BY unit_at"
        walked = walked if hits > FEW and not query.conversation else ""
    limit = f" LIMIT {int(query.limit)}" if query.limit > 0 else ""
    cursor = db.execute(
        f"SELECT {columns} FROM unit u{walked} WHERE {condition.where} ORDER BY {order}{limit}",  # noqa: S608  # columns are ours, values parameters
        condition.values,
    )
    while some := cursor.fetchmany(PAGE):
        yield from some


def count(db: Connection, query: Query) -> int:
    """Return how many units there are."""
    condition = condition_of(query)
    if query.text:
        add_text(db, condition, query.text)
    statement = f"SELECT count(*) FROM unit u WHERE {condition.where}"  # noqa: S608  # as above
    return int(db.execute(statement, condition.values).fetchone()[0])


def add_text(db: Connection, condition: Condition, text: str) -> int:
    """Ask for words; return about how many units have them."""
    match = match_of(text)
    if match is None:
        condition.add(_NOTHING)
        return 0
    some = "SELECT count(*) FROM (SELECT 1 FROM words WHERE words MATCH ? LIMIT ?)"
    hits = int(db.execute(some, (match, FEW + 1)).fetchone()[0])
    condition.add("u.id IN (SELECT rowid FROM words WHERE words MATCH ?)", match)
    return hits


def _add_party(condition: Condition, text: str) -> None:
    """Ask for a sender, recipient or member of whom this is a part of name or address."""
    folded = normalised(text)
    if not folded:
        condition.add(_NOTHING)
        return
    condition.add(f"u.id IN ({_PRESENT})", folded)


def _add_times(condition: Condition, since: datetime | None, until: datetime | None) -> None:
    if since is not None or until is not None:
        condition.add("u.undated = 0")
    if since is not None:
        condition.add("u.at >= ?", microseconds(since))
    if until is not None:
        condition.add("u.at < ?", microseconds(until))


def _add_page(db: Connection, condition: Condition, query: Query) -> None:
    row = db.execute("SELECT undated, at FROM unit WHERE name = ?", (query.after,)).fetchone()
    if row is None:
        raise UsageError(f"{query.after}: no such unit; begin at the first page")
    undated, at = row
    column, place = ("u.back", -at) if query.newest_first else ("u.at", at)
    condition.add(f"(u.undated, {column}, u.name) > (?, ?, ?)", undated, place, query.after)


def conversations(db: Connection, query: Query) -> Iterator[int]:
    """Yield the rows of conversations that have such a unit, newest first."""
    condition = condition_of(query)
    if query.text:
        add_text(db, condition, query.text)
    limit = f" LIMIT {int(query.limit)}" if query.limit > 0 else ""
    found = db.execute(
        "SELECT u.conversation FROM unit u"  # noqa: S608  # values are parameters
        f" WHERE {condition.where} GROUP BY u.conversation"
        f" ORDER BY max(CASE u.undated WHEN 0 THEN u.at END) DESC, u.conversation{limit}",
        condition.values,
    ).fetchall()
    yield from (row for (row,) in found)


def maybe_same(db: Connection, conversation: int) -> tuple[str, ...]:
    """Return the names of chats that are perhaps the same: of one title, or with the same texts."""
    found = db.execute(
        "SELECT o.name FROM conversation c JOIN conversation o ON o.app = c.app"
        " AND o.title = c.title AND o.id <> c.id"
        " WHERE c.id = ?1 AND c.title <> '' AND c.app NOT IN ('mail', 'file')"
        " UNION SELECT o.name FROM unit u CROSS JOIN unit w ON w.likeness = u.likeness"
        " AND w.conversation <> u.conversation AND w.app = u.app AND w.kind = 'message'"
        " JOIN conversation o ON o.id = w.conversation"
        " WHERE u.conversation = ?1 AND u.kind = 'message' AND u.gone = 0 AND w.gone = 0"
        " GROUP BY o.name HAVING count(DISTINCT u.likeness) >= ?2 ORDER BY 1",
        (conversation, TEXTS_ALIKE),
    )
    return tuple(name for (name,) in found)
