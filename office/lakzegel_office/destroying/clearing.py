# SPDX-License-Identifier: EUPL-1.2
"""Whether review and the selection list let units go: docs/spec/disposal.md §2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from lakzegel_office.collection.model import Unit
from lakzegel_office.commands.common import Office
from lakzegel_office.destroying.selection import DESTROY, UNDECIDED, Category
from lakzegel_office.errors import UsageError
from lakzegel_office.review.book import Book
from lakzegel_office.review.standing import Class
from lakzegel_office.review.window import Settings, read_settings


@dataclass(frozen=True, slots=True)
class Clearance:
    """What may go now, by what people decided and by the selection list."""

    book: Book
    windows: Settings
    now: datetime

    @classmethod
    def open(cls, office: Office, now: datetime) -> Self:
        """Return what counts in an office.

        Raises:
            DoubtError: the journal of review is broken: nothing may go.
            UsageError: `review.toml` cannot be read.
        """
        book = Book.open(office.home, office.journal_key)
        return cls(book, read_settings(office.home.root), now)

    def require(self, units: Sequence[Unit], category: Category) -> None:
        """Return when all of these may go by a category.

        Raises:
            UsageError: one may not: which, its class, and what it takes.
        """
        refused = self.refused(units, category)
        for unit, why in refused.items():
            more = f"; {len(refused) - 1} more may not" if len(refused) > 1 else ""
            raise UsageError(f"{unit}: {why}{more}")

    def refused(self, units: Sequence[Unit], category: Category) -> Mapping[str, str]:
        """Return why units may not go by a category; those that may are not among them."""
        found = {unit.id: self._refusal(unit, category) for unit in units}
        return {unit: why for unit, why in found.items() if why is not None}

    def classes(self, units: Sequence[Unit]) -> Mapping[str, str]:
        """Return what each unit is in review."""
        return {unit.id: str(self.book.standing(unit.id).class_) for unit in units}

    def _refusal(self, unit: Unit, category: Category) -> str | None:
        found = self.book.standing(unit.id)
        if found.certificate is not None:
            text = "if it was captured anew, decide in review what it is"
            return f"was destroyed, by list {found.certificate}; {text}"
        if found.disputed:
            return "in dispute: two people settle in review what it is"
        if found.class_ is not Class.OPEN:
            return _by_category(unit, found.class_, str(found.class_), category, self.now)
        begin = unit.first_seen
        due = begin + self.windows.windows.get(unit.app, self.windows.window) if begin else None
        if due is None or due > self.now:
            until = f" until {due:%Y-%m-%d}" if due else ""
            return f"{Class.OPEN}: its window runs{until}; decide in review what it is"
        named = f"{Class.OPEN}, which counts as {Class.BUSINESS} after its window"
        return _by_category(unit, Class.BUSINESS, named, category, self.now)


def _by_category(
    unit: Unit, class_: Class, named: str, category: Category, now: datetime
) -> str | None:
    """Return why a unit of this class may not go by a category, or None where it may."""
    code, due = category.code, category.due(unit)
    if category.appraisal != DESTROY:
        todo = ", to be decided first" if category.appraisal == UNDECIDED else ""
        return f"{named}: must not go by category {code}: appraisal {category.appraisal}{todo}"
    if not category.applies(unit, class_):
        return f"{named}: category {code} is not about it"
    if class_ is Class.BUSINESS and not category.of_records:
        return f"{named}: category {code} has no term, and is of what is no record"
    if due is None or due > now:
        when = f"not before {due:%Y-%m-%d}" if due else "it has no time"
        return f"{named}: must not go by category {code}: {when}"
    return None
