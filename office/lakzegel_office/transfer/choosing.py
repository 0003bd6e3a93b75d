# SPDX-License-Identifier: EUPL-1.2
"""Which units leave, and why the others do not: docs/spec/transfer.md §1.

found = exported + left out (with the reason) + gone (with the certificate) + failed. Every unit
that is found has one row, and no row is taken away again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, Protocol

from lakzegel_office.collection.leaving import Gone, Part
from lakzegel_office.collection.model import Collection, Query, Unit, UnitKind
from lakzegel_office.collection.parsers.zips import Whole
from lakzegel_office.errors import GoneError, UsageError
from lakzegel_office.names import ItemId
from lakzegel_office.review.standing import Class
from lakzegel_office.transfer.model import Marks, Outcome, Row

CLASSES: Final = (str(Class.BUSINESS), str(Class.OPEN))  # what leaves where no class is named
UNDATED: Final = "undated"
NOT_MAIL: Final = "not-a-mail"


class NothingFoundError(UsageError):
    """Nothing at all is of what was asked for."""


class Sealed(Collection, Protocol):
    """A collection that also tells where exactly units are read."""

    def reading(self, unit: str) -> tuple[Part, ...]:
        """Return the stretches that `raw` returns, one after the other."""

    def sealed(self, item: ItemId) -> bytes:
        """Open a segment and return all of its bytes."""

    def unpacked(self, member: Sequence[ItemId]) -> Whole:
        """Open the segments of a member of an archive and return all that is in it."""

    def gone(self, custodies: Sequence[str] = ()) -> Iterable[Gone]:
        """Yield what was destroyed in some custodies, or in all."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What was asked for."""

    query: Query = field(default_factory=Query)  # without times
    since: datetime | None = None
    until: datetime | None = None  # at < until
    undated: bool = False  # also what has no time, though a period was given
    classes: Sequence[str] = CLASSES
    only_mail: bool = False
    hold: str = ""  # only what this hold covers


@dataclass(slots=True)
class Inventory:
    """A row for everything that was found, by unit, in the order of the collection."""

    rows: dict[str, Row] = field(default_factory=dict)
    units: dict[str, Unit] = field(default_factory=dict)

    def exported(self) -> list[Unit]:
        """Return the units that leave."""
        return [u for u in self.units.values() if self.rows[u.id].outcome is Outcome.EXPORTED]

    def counts(self) -> Mapping[str, int]:
        """Return how many were found, and what became of them; the others add up to `found`."""
        found = Counter(str(row.outcome) for row in self.rows.values())
        return {"found": len(self.rows), **{str(name): found[str(name)] for name in Outcome}}

    def reasons(self) -> Mapping[str, int]:
        """Return how many were left out or failed for which reason."""
        wanted = (Outcome.LEFT_OUT, Outcome.FAILED)
        found = Counter(
            f"{r.outcome}: {r.reason}" for r in self.rows.values() if r.outcome in wanted
        )
        return dict(sorted(found.items()))

    def fail(self, units: Iterable[str], reason: str) -> None:
        """State that units could not be exported."""
        for unit in units:
            row = self.rows[unit]
            row.outcome, row.reason, row.files = Outcome.FAILED, reason, []

    def take(self, unit: Unit, marks: Marks, scope: Scope) -> bool:
        """Take a picture along with the message that shows it; return whether it may leave."""
        row = self.rows.get(unit.id) or _row(unit, marks, marks.held([unit.id]))
        if row.category not in scope.classes or row.outcome is Outcome.FAILED:
            return False
        row.outcome, row.reason = Outcome.EXPORTED, ""
        self.rows[unit.id], self.units[unit.id] = row, unit
        return True


def choose(collection: Sealed, scope: Scope, marks: Marks) -> Inventory:
    """Return the inventory before anything is written.

    Raises:
        NothingFoundError: nothing at all is found.
    """
    inventory = Inventory()
    begun: set[str] = set()  # conversations that something leaves of
    silent: list[Unit] = []  # what chats say of themselves without a time
    every = collection.units(replace(scope.query, since=None, until=None, limit=0))
    found = [unit for unit in every if _in_period(unit, scope)]
    held = marks.held([unit.id for unit in found])
    if scope.hold:
        found = [unit for unit in found if scope.hold in held.get(unit.id, ())]
    for unit in found:
        row = inventory.rows[unit.id] = _row(unit, marks, held)
        inventory.units[unit.id] = unit
        row.reason = _reason(unit, row, scope)
        row.outcome = Outcome.LEFT_OUT if row.reason else Outcome.EXPORTED
        if not row.reason:
            begun.add(unit.conversation)
        elif row.reason == UNDATED and unit.kind is UnitKind.SYSTEM:
            silent.append(unit)
    for unit in silent:
        if unit.conversation in begun:
            row = inventory.rows[unit.id]
            row.outcome, row.reason = Outcome.EXPORTED, ""
    _add_gone(collection, scope, inventory)
    if not inventory.rows:
        raise NothingFoundError("nothing is found; see: lakzegel-office search")
    return inventory


def _add_gone(collection: Sealed, scope: Scope, inventory: Inventory) -> None:
    """Name what was destroyed; its time and words are gone with it, and select no more."""
    query = scope.query
    for gone in collection.gone(query.custodies):
        pairs = (
            (query.ids, gone.unit),
            (query.devices, gone.device),
            (query.sources, gone.source),
            (query.apps, gone.app),
        )
        if not all(not wanted or value in wanted for wanted, value in pairs):
            continue
        row = Row(gone.unit, gone.kind, gone.app, "", gone.custody, None, Outcome.GONE)
        try:
            collection.raw(gone.unit)
        except GoneError as error:
            row.reason = str(error)
        inventory.rows[gone.unit] = row


def _row(unit: Unit, marks: Marks, held: Mapping[str, tuple[str, ...]]) -> Row:
    return Row(
        unit.id,
        str(unit.kind),
        unit.app,
        unit.conversation,
        unit.custody,
        unit.at,
        Outcome.LEFT_OUT,
        category=marks.category(unit.id),
        holds=held.get(unit.id, ()),
    )


def _in_period(unit: Unit, scope: Scope) -> bool:
    """Whether a unit is found at all; what has no time may be of any."""
    if unit.at is None:
        return True
    after = scope.since is None or unit.at >= scope.since
    return after and (scope.until is None or unit.at < scope.until)


def _reason(unit: Unit, row: Row, scope: Scope) -> str:
    """Return why a unit is left out, nothing where it leaves."""
    if row.category not in scope.classes:
        return f"class {row.category}"
    if scope.only_mail and unit.kind is not UnitKind.MAIL:
        return NOT_MAIL
    period = scope.since is not None or scope.until is not None
    if unit.at is None and period and not scope.undated:
        return UNDATED
    return ""
