# SPDX-License-Identifier: EUPL-1.2
"""What may go by now by a category of the selection list: docs/spec/disposal.md §2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Final

from lakzegel_office.collection.indexed import IndexedCollection
from lakzegel_office.collection.model import Query, Unit
from lakzegel_office.destroying.clearing import Clearance
from lakzegel_office.destroying.holds import Hold, held_by
from lakzegel_office.destroying.lists import Lists, near_held
from lakzegel_office.destroying.selection import DESTROY, KEEP, Category

MAX_UNITS: Final = 10_000  # of one list, docs/spec/disposal.md §3


@dataclass(slots=True)
class Due:
    """How much of a category may go now, and how much later."""

    category: Category
    may: int = 0
    held: int = 0  # would be among those, but for a hold
    waits: int = 0  # its term is over, and review has not decided
    undated: int = 0
    later: datetime | None = None  # when the next one's term is over

    def __str__(self) -> str:
        """Return one line of it."""
        code = self.category.code
        if self.category.appraisal != DESTROY:
            kept = self.category.appraisal == KEEP
            return f"{code}\t{'B: kept for good' if kept else 'N: to be decided; nothing goes'}"
        then = f"the next on {self.later:%Y-%m-%d}" if self.later is not None else "none later"
        undated = f"\t{self.undated} without a time" if self.undated else ""
        held = f"\t{self.held} under a hold" if self.held else ""
        return f"{code}\t{self.may} may go\t{self.waits} wait for review\t{then}{held}{undated}"


def due_by(
    category: Category,
    collection: IndexedCollection,
    clearance: Clearance,
    holds: Sequence[Hold] = (),
) -> Due:
    """Return how much may go by a category."""
    found = Due(category)
    free: list[str] = []
    if category.appraisal != DESTROY:
        return found
    for unit in collection.units(_narrowed(Query(), category)):
        at = category.due(unit)
        if at is None:
            found.undated += 1
        elif at > clearance.now:
            found.later = min(at, found.later or at)
        elif not clearance.refused([unit], category):
            free.append(unit.id)
        elif clearance.book.standing(unit.id).open:
            found.waits += 1
    found.held = len(held_by(holds, collection, free))
    found.may = len(free) - found.held
    return found


def ripe(
    category: Category,
    query: Query,
    collection: IndexedCollection,
    clearance: Clearance,
    *,
    holds: Sequence[Hold],
    lists: Lists,
) -> list[str]:
    """Return what may go by a category, is under no hold and on no list; at most MAX_UNITS."""
    listed = {unit for one in lists.all().values() if one.is_open for unit in one.units}
    asked = collection.units(_narrowed(query, category))
    cleared = (u.id for u in asked if u.id not in listed and _may_go(u, category, clearance))
    some = list(islice(cleared, MAX_UNITS))
    held = held_by(holds, collection, some)
    left = [unit for unit in some if unit not in held]
    near = near_held(holds, collection, left)
    return [unit for unit in left if unit not in near]


def _may_go(unit: Unit, category: Category, clearance: Clearance) -> bool:
    return not clearance.refused([unit], category)


def _narrowed(query: Query, category: Category) -> Query:
    """Return a query for what a category is about as well."""
    return replace(
        query,
        custodies=query.custodies or category.custodies,
        sources=query.sources or category.sources,
        apps=query.apps or category.apps,
        limit=0,
    )
