# SPDX-License-Identifier: EUPL-1.2
"""Which units are still to be decided, and by when: tables in memory beside the index.

`todo` has a row for each unit: its class, and when its window ends. They are made when a review
begins and follow each decision, so that a page of 200,000 units is one walk along an index.
They are temporary tables of the index's own connection, which keeps such things in memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from lakzegel_office.collection.database import Connection
from lakzegel_office.collection.parsers.mailheads import microseconds
from lakzegel_office.review.book import Book
from lakzegel_office.review.standing import DISPUTED, Class
from lakzegel_office.review.window import Settings

SOON: Final = timedelta(days=7)
_MANY: Final = 900  # values of one statement
STATES: Final = (*map(str, Class), DISPUTED)
_TABLES: Final = (
    "DROP TABLE IF EXISTS temp.todo",
    "DROP TABLE IF EXISTS temp.span",
    "DROP TABLE IF EXISTS temp.thread",
    "DROP TABLE IF EXISTS temp.ruled",
    "CREATE TEMP TABLE ruled (name TEXT PRIMARY KEY, state TEXT NOT NULL)",
    "CREATE TEMP TABLE span (app TEXT PRIMARY KEY, length INTEGER NOT NULL)",
    """CREATE TEMP TABLE todo (seq INTEGER PRIMARY KEY, unit INTEGER NOT NULL,
        conversation INTEGER NOT NULL, facet INTEGER, crowd INTEGER, undated INTEGER NOT NULL,
        state TEXT NOT NULL, due INTEGER NOT NULL,
        day INTEGER GENERATED ALWAYS AS (due / 86400000000) STORED,
        open INTEGER GENERATED ALWAYS AS (state IN ('onbeslist', 'betwist')) STORED,
        newer INTEGER GENERATED ALWAYS AS (CASE undated WHEN 0 THEN -seq ELSE seq END) VIRTUAL)""",
    """CREATE TEMP TABLE thread (conversation INTEGER PRIMARY KEY, open INTEGER NOT NULL,
        due INTEGER NOT NULL, seq INTEGER NOT NULL, back INTEGER NOT NULL,
        day INTEGER GENERATED ALWAYS AS (due / 86400000000) STORED)""",
)
_ASKED: Final = "facet, crowd, unit, conversation, due"  # a list is one walk along one index
_INDEXES: Final = (
    *(
        f"CREATE INDEX temp.todo_{name} ON todo ({columns}, {_ASKED})"
        for name, columns in (
            ("due", "day, seq"),
            ("newest", "newer"),
            ("open_due", "open, day, seq"),
            ("open_newest", "open, newer"),
            ("open_oldest", "open, seq"),
            ("state_due", "state, day, seq"),
            ("state_newest", "state, newer"),
            ("state_oldest", "state, seq"),
        )
    ),
    "CREATE UNIQUE INDEX temp.todo_unit ON todo (unit)",
    """CREATE INDEX temp.todo_thread
        ON todo (conversation, seq, open, due, newer, state, facet, crowd, unit)""",
    "CREATE INDEX temp.todo_facet ON todo (facet, state)",
    "CREATE INDEX temp.thread_due ON thread (day, seq)",
    "CREATE INDEX temp.thread_back ON thread (back, conversation)",
)
_FILL: Final = """
    INSERT INTO temp.todo (unit, conversation, facet, crowd, undated, state, due)
    SELECT u.id, u.conversation, u.facet, u.crowd, u.undated, coalesce(r.state, ?),
        coalesce(u.first_seen + coalesce(s.length, ?), 0)
    FROM unit u INDEXED BY unit_at LEFT JOIN temp.ruled r ON r.name = u.name
        LEFT JOIN facet f ON f.id = u.facet LEFT JOIN temp.span s ON s.app = f.app
    WHERE u.gone = 0 ORDER BY u.undated, u.at, u.name
"""
_GONE: Final = "destroyed"  # by somebody else, while the index still has it
_DROP: Final = "DELETE FROM temp.todo WHERE state = ?"
DAY: Final = 86_400_000_000  # microseconds
_THERE: Final = "SELECT name FROM unit WHERE gone = 0 AND name IN ({})"
_FOLLOW: Final = """
    UPDATE temp.todo SET state = r.state FROM temp.ruled r JOIN unit u ON u.name = r.name
    WHERE todo.unit = u.id
"""
# 9000000000000000000: after everything; due, of a conversation with nothing open.
_OF_THREAD: Final = """coalesce(sum(t.open), 0),
    coalesce(min(CASE t.open WHEN 1 THEN t.due END), 9000000000000000000)"""
_THREADS: Final = f"""
    INSERT INTO temp.thread SELECT t.conversation, {_OF_THREAD}, min(t.seq), min(t.newer)
    FROM temp.todo t INDEXED BY todo_thread GROUP BY t.conversation
"""  # noqa: S608  # ours
_THREAD: Final = f"""
    UPDATE temp.thread SET (open, due) = (SELECT {_OF_THREAD}
        FROM temp.todo t INDEXED BY todo_thread WHERE t.conversation = thread.conversation)
    WHERE conversation IN (SELECT u.conversation FROM temp.ruled r JOIN unit u ON u.name = r.name)
"""  # noqa: S608  # ours


_DUE: Final = """
    SELECT facet, sum(due < ?), count(*) FROM temp.todo INDEXED BY todo_open_due
    WHERE open = 1 AND day <= ? AND due < ? GROUP BY facet
"""


@dataclass(slots=True)
class Progress:
    """How far a custody is."""

    states: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STATES, 0))
    soon: int = 0  # due within SOON
    overdue: int = 0

    @property
    def total(self) -> int:
        """How many units there are."""
        return sum(self.states.values())

    @property
    def decided(self) -> int:
        """How many somebody decided."""
        return self.total - self.states[str(Class.OPEN)] - self.states[DISPUTED]


class Worklist:
    """What is to be decided of one collection."""

    def __init__(self, db: Connection, book: Book, settings: Settings) -> None:
        """Make the tables anew."""
        self.db = db
        self._book = book
        self.gone: set[str] = set()  # destroyed by somebody else since this review began
        for statement in _TABLES:
            db.execute(statement)
        spans = [(app, span // timedelta(microseconds=1)) for app, span in settings.windows.items()]
        db.executemany("INSERT INTO temp.span VALUES (?, ?)", spans)
        window = settings.window // timedelta(microseconds=1)
        db.execute("BEGIN")
        self._rule(book.units())
        db.execute(_FILL, (str(Class.OPEN), window))
        db.execute("COMMIT")
        for statement in _INDEXES:
            db.execute(statement)
        db.execute(_THREADS)

    def follow(self, units: Iterable[str]) -> None:
        """Take over what counts now for these units, and for their conversations."""
        changed = set(units)
        lost = {unit for unit in changed if self._book.standing(unit).certificate is not None}
        self.gone = (self.gone - changed) | lost
        self.db.execute("BEGIN")
        self._rule(changed)
        self.db.execute(_FOLLOW)
        self.db.execute(_DROP, (_GONE,))
        self.db.execute(_THREAD)
        self.db.execute("COMMIT")

    def _state(self, unit: str) -> str:
        found = self._book.standing(unit)
        if found.certificate is None:
            return found.state
        return _GONE if unit in self.gone else str(Class.OPEN)  # captured anew, and undecided

    def _rule(self, units: Iterable[str]) -> None:
        self.db.execute("DELETE FROM temp.ruled")
        self.db.executemany(
            "INSERT OR REPLACE INTO temp.ruled VALUES (?, ?)",
            ((unit, self._state(unit)) for unit in units),
        )

    def unknown(self, units: Sequence[str]) -> str | None:
        """Return a unit that is not there, None where all are."""
        for start in range(0, len(units), _MANY):
            some = units[start : start + _MANY]
            rows = self.db.execute(_THERE.format(", ".join("?" * len(some))), some)
            if missing := set(some) - {name for (name,) in rows}:
                return min(missing)
        return None

    def progress(self, now: datetime) -> Mapping[str, Progress]:
        """Return how far each custody is."""
        custodies = dict(self.db.execute("SELECT id, custody FROM facet").fetchall())
        found: dict[str, Progress] = {}
        rows = self.db.execute("SELECT facet, state, count(*) FROM temp.todo GROUP BY 1, 2")
        for facet, state, count in rows.fetchall():
            if facet in custodies:  # else all of it was destroyed meanwhile
                found.setdefault(custodies[facet], Progress()).states[state] += count
        at, soon = microseconds(now), microseconds(now + SOON)
        for facet, overdue, count in self.db.execute(_DUE, (at, soon // DAY, soon)).fetchall():
            if facet not in custodies:
                continue
            progress = found[custodies[facet]]
            progress.overdue += overdue
            progress.soon += count - overdue
        return dict(sorted(found.items()))
