# SPDX-License-Identifier: EUPL-1.2
"""What review and holds say of units: `model.Marks` over the office's own journals."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lakzegel_office.collection.model import Collection
from lakzegel_office.destroying.holds import Hold
from lakzegel_office.review.book import Book


@dataclass(frozen=True, slots=True)
class OfficeMarks:
    """What was decided in one office."""

    book: Book
    holds: Sequence[Hold]
    collection: Collection

    def category(self, unit: str) -> str:
        """Return the class that review gave, or that it is disputed."""
        return self.book.standing(unit).state

    def held(self, units: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
        """Return the holds that units are under, by name; those that are under one."""
        found: defaultdict[str, tuple[str, ...]] = defaultdict(tuple)
        for hold in self.holds:
            for unit in hold.covered(self.collection, units):
                found[unit] += (hold.name,)
        return found
