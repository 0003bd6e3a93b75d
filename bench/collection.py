# SPDX-License-Identifier: EUPL-1.2
"""`python -m bench.collection`: every page of a collection of 200,000 mails and messages, timed.

An index is made (bench/filling.py), then each page is asked for many times, each time another
question of some kind: rare words and common ones, phrases, beginnings, people, periods, classes,
labels, pages far behind. Times are of processor and wall; the aim is for the 99th of a hundred.
Decrypting of batches is left out, which `pull` and opening pay: bench/opening.py.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from bench.filling import BATCH, Filler, Language
from bench.questions import Asking, in_pages
from bench.timing import Page, print_pages, time_page
from lakzegel_office.collection.bodies import Opened
from lakzegel_office.collection.database import open_database
from lakzegel_office.collection.ids import Names
from lakzegel_office.collection.indexed import IndexedCollection
from lakzegel_office.collection.model import Query
from lakzegel_office.collection.parsers.mailheads import microseconds
from lakzegel_office.review.book import Book
from lakzegel_office.review.listing import Listing, Order, Wanted
from lakzegel_office.review.standing import Class
from lakzegel_office.review.window import Settings
from lakzegel_office.review.worklist import Worklist

AIM: Final = 100.0  # ms of processor time, the 99th of a hundred
LIMIT: Final = 50  # units on a page
STATES: Final = ("", "open", "overdue", "zakelijk", "prive", "disputed", "proposed")


def main() -> int:
    """Fill an index, ask, and print a table; or JSON."""
    parser = argparse.ArgumentParser(prog="bench.collection", description=__doc__)
    parser.add_argument("--units", type=int, default=200_000, help="mails and messages")
    parser.add_argument("--times", type=int, default=10, help="questions of a kind (default 10)")
    parser.add_argument("--work", type=Path, metavar="DIR", help="where the index is made")
    parser.add_argument(
        "--keep-index", type=Path, metavar="FILE", help="make the index there, or use what is there"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    with _collection(arguments) as collection:
        pages = measured(collection, arguments.times)
        total = collection.count(Query())
    if arguments.json:
        print(json.dumps({"units": total, "aim_ms": AIM, "pages": [one.told() for one in pages]}))
    else:
        print(f"{total} units; milliseconds of processor time, and of the clock")
        print_pages(pages, AIM)
    return 0


def measured(collection: IndexedCollection, times: int) -> list[Page]:
    """Return how long each page took."""
    words = Language(random.Random(1)).words
    names = [unit.id for unit in collection.units(Query(limit=5_000))][::17]
    asking = Asking(random.Random(2), words, names)
    pages = [time_page(name, asking, ask, times) for name, ask in _searches(collection).items()]
    whole = time_page(
        "one conversation", asking, lambda _: _whole(collection, asking), 10 * times, once=True
    )
    return [*pages, whole, *_reviewed(collection, asking, times)]


def _searches(
    collection: IndexedCollection,
) -> dict[str, Callable[[Query], object]]:
    return {
        "search, oldest first": lambda q: in_pages(collection.units, q, LIMIT),
        "search, newest first": lambda q: in_pages(collection.units, q, LIMIT, newest_first=True),
        "how many there are": collection.count,
        "conversations": lambda q: in_pages(collection.conversations, q, LIMIT),
    }


def _whole(collection: IndexedCollection, asking: Asking) -> object:
    found = collection.conversation(collection.unit(asking.unit()).conversation)
    same = collection.maybe_same(found.id)
    return same, list(collection.units(Query(conversation=found.id, limit=LIMIT)))


def _reviewed(collection: IndexedCollection, asking: Asking, times: int) -> Iterator[Page]:
    """Yield the lists of a review in which half is decided, as the pages of it ask."""
    with tempfile.TemporaryDirectory() as folder:
        book = Book(Path(folder) / "review.jsonl", bytes(32))
        units = [unit.id for unit in collection.units(Query())]
        now = datetime.now(UTC)
        for class_, some in (
            (Class.BUSINESS, units[: len(units) // 3]),
            (Class.PRIVATE, units[len(units) // 3 : len(units) // 2]),
        ):
            if some:
                book.decide(some, class_, actor="bench", reason="", now=now)
        made: list[Worklist] = []
        yield time_page(
            "review, its begin",
            asking,
            lambda _: made.append(Worklist(collection.db, book, Settings())),
            1,
            once=True,
            is_bound=False,
        )
        collection.db.execute(
            "CREATE TEMP TABLE proposal (unit INTEGER PRIMARY KEY, class TEXT, origin TEXT)"
        )
        listing, at = Listing(collection.db), microseconds(now)

        def wanted(query: Query) -> Wanted:
            state, order = asking.chance.choice(STATES), asking.chance.choice(list(Order))
            return Wanted(query, state, order, asking.unit() if query.after else "")

        yield time_page("review, units", asking, lambda q: listing.units(wanted(q), at), times)
        yield time_page("review, how many", asking, lambda q: listing.count(wanted(q), at), times)
        yield time_page(
            "review, conversations", asking, lambda q: listing.threads(wanted(q), at), times
        )
        yield time_page(
            "review, overview",
            asking,
            lambda _: (made[0].progress(now + timedelta(days=asking.chance.randrange(99))),
                       listing.choices(), listing.units(Wanted(state="open"), at, 10)),
            times,
            once=True,
        )  # fmt: skip
        some = units[-1_000:]
        yield time_page(
            "review, a decision of 1,000",
            asking,
            lambda _: made[0].follow(
                book.decide(some, Class.BUSINESS, actor="bench", reason="", now=now)
            ),
            min(times, 3),
            once=True,
            is_bound=False,
        )


@contextmanager
def _collection(arguments: argparse.Namespace) -> Iterator[IndexedCollection]:
    """Give an index, made now or before."""
    names = Names(bytes(32))
    with tempfile.TemporaryDirectory(prefix="lakzegel-bench-", dir=arguments.work) as folder:
        path: Path = arguments.keep_index or Path(folder) / "collection.db"
        is_new = not path.exists()
        db = open_database(path, names.database)
        if is_new:
            filler = Filler(db, names, random.Random(1))
            for number in range(max(arguments.units // (2 * BATCH), 1)):
                filler.batch(number)
                if number % 10 == 0:
                    print(f"bench: {2 * BATCH * number} units", file=sys.stderr, flush=True)
        opened = Opened(lambda _: b"", lambda: None, _never)
        with IndexedCollection(path, db, opened) as collection:
            yield collection


def _never(item: object) -> Exception:
    return AssertionError(f"{item}: nothing was destroyed")


if __name__ == "__main__":
    raise SystemExit(main())
