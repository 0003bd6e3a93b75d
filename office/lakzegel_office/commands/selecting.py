# SPDX-License-Identifier: EUPL-1.2
"""Whose units of which days: what `export` and `report` are asked in the same words."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from lakzegel_office.collection.model import Collection
from lakzegel_office.commands.asking import day
from lakzegel_office.commands.common import Office
from lakzegel_office.destroying.holds import Holds
from lakzegel_office.errors import UsageError
from lakzegel_office.replay import Replay
from lakzegel_office.review.book import Book
from lakzegel_office.terms.model import Period
from lakzegel_office.terms.register import terms_of
from lakzegel_office.terms.whose import custodies_of, known_custodies
from lakzegel_office.transfer.choosing import Inventory, Scope
from lakzegel_office.transfer.evidence import Evidence, Unseen
from lakzegel_office.transfer.marks import OfficeMarks

_FIRST: Final = datetime(1, 1, 1, tzinfo=UTC)


def period_of(text: str) -> tuple[datetime | None, datetime | None]:
    """Return the moments that days begin at and end before; None where one is left out.

    Raises:
        UsageError: it is no period.
    """
    if not text:
        return None, None
    first, dots, last = text.partition("..")
    if not dots or not (first or last):
        raise UsageError(f"--period {text}: is A..B, days as YYYY-MM-DD; one may be left out")
    try:
        since = day(first) if first else None
        until = day(last) + timedelta(days=1) if last else None
    except argparse.ArgumentTypeError as error:
        raise UsageError(f"--period {error}") from None
    if since is not None and until is not None and since >= until:
        raise UsageError(f"--period {text}: ends before it begins")
    return since, until


def custodies_in(
    person: str, office: Office, replay: Replay, since: datetime | None, until: datetime | None
) -> Sequence[str]:
    """Return the custodies of one person in a period.

    Raises:
        UsageError: there is none.
    """
    period = Period(since or _FIRST, until)
    return custodies_of(person, terms_of(office), known_custodies(replay), period)


def marks_of(office: Office, replay: Replay, collection: Collection) -> OfficeMarks:
    """Return what was decided on units: classes and holds."""
    book = Book.open(office.home, office.journal_key)
    return OfficeMarks(book, Holds(office, replay).on(), collection)


def unseen_in(evidence: Evidence, inventory: Inventory, scope: Scope) -> Unseen:
    """Return what the devices that were asked for sealed, and no unit tells of."""
    found = {unit.device for unit in inventory.units.values()}
    states = evidence.replay.custody.devices
    found |= {name for name, one in states.items() if one.custody in scope.query.custodies}
    narrow = scope.query.devices or (found if scope.query.custodies else ())
    return evidence.unseen(frozenset(narrow))
