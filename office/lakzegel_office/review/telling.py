# SPDX-License-Identifier: EUPL-1.2
"""What a program is told of the review: how far it is, and what was decided.

docs/spec/review.md §6.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from lakzegel_core.encoding import b64, format_time
from lakzegel_office.collection.indexed import IndexedCollection
from lakzegel_office.collection.model import Query
from lakzegel_office.errors import UsageError
from lakzegel_office.review.book import Book
from lakzegel_office.review.standing import DISPUTED
from lakzegel_office.review.worklist import Progress, Worklist


def status(worklist: Worklist, book: Book, now: datetime) -> dict[str, object]:
    """Return how far each custody is, and how far the journal goes."""
    custodies = worklist.progress(now)
    return {
        "custodies": {name: _row(found) for name, found in custodies.items()},
        "head": _head(book),
    }


def exported(collection: IndexedCollection, book: Book) -> Iterator[dict[str, object]]:
    """Yield what counts for each unit that was decided on, and last what that asks for."""
    for unit in book.units():
        found = book.standing(unit)
        yield {
            "unit": unit,
            "class": str(found.class_),
            "actors": list(found.actors),
            "at": format_time(found.at) if found.at else None,
            "reason": found.reason,
            "line": found.line,
            "disputed": found.disputed,
            "certificate": found.certificate,
        }
    yield {"extracts": extracts(collection, book), "head": _head(book)}


def extracts(collection: IndexedCollection, book: Book) -> list[str]:
    """Return the items that hold what may go beside what stays."""
    going = [unit for unit in book.removable() if _is_there(collection, unit)]
    return [str(item) for item in collection.containing(going).shared] if going else []


def _is_there(collection: IndexedCollection, unit: str) -> bool:
    try:
        return collection.count(Query(ids=[collection.unit(unit).id])) == 1
    except UsageError:
        return False


def _row(found: Progress) -> Mapping[str, int]:
    classes = {name: count for name, count in found.states.items() if name != DISPUTED}
    return {
        **classes,
        "disputed": found.states[DISPUTED],
        "due": found.soon,
        "overdue": found.overdue,
        "total": found.total,
    }


def _head(book: Book) -> dict[str, object]:
    head = book.head()
    return {"lines": head.count, "digest": b64(head.digest)}
