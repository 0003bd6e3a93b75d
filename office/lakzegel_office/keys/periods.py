# SPDX-License-Identifier: EUPL-1.2
"""Recipients per period: which are named now, which still open what, which are gone for good.

    [[period]]                          # in office.toml, oldest first
    name = "2027-1"
    state = "open"
    begun = 2027-01-01T00:00:00Z
    records = "age1pq1…"
    escrow = "age1pq1…"

docs/spec/office-keys.md §1. Everything here is public; private halves are in `periodkeys.py`.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, Self

from lakzegel_core import fields
from lakzegel_core.age import Recipient
from lakzegel_core.encoding import format_time
from lakzegel_office.errors import UsageError

RECORDS: Final = "records"
ESCROW: Final = "escrow"
ROLES: Final = (RECORDS, ESCROW)  # in the order in which a policy names them
FIRST: Final = "first"  # the period of an office of before there were several
_KNOWN: Final = {"name", "state", "begun", "organisation", "erased", *ROLES}


class State(StrEnum):
    """How far a period is."""

    OPEN = "open"  # policies that are signed now name its recipients
    CLOSED = "closed"  # a newer one took its place; its keys still open what was sealed under it
    ERASING = "erasing"  # its private halves are being destroyed; a crash may have come between
    ERASED = "erased"  # they are gone, the escrow's included


@dataclass(frozen=True, slots=True)
class Period:
    """One pair of recipients, and how far it is."""

    name: str
    state: State
    recipients: Mapping[str, Recipient]
    begun: datetime | None = None  # None: before this was recorded
    organisation: str | None = None
    erased: datetime | None = None

    @property
    def in_order(self) -> tuple[Recipient, ...]:
        """The recipients in the order in which policies and keyrings name them."""
        return tuple(self.recipients[role] for role in ROLES)

    @property
    def has_keys(self) -> bool:
        """Whether a private half may exist."""
        return self.state is not State.ERASED

    def secret(self, role: str) -> str:
        """Return the vault's name of a private half."""
        return role if self.name == FIRST else f"{role}-{self.name}"

    def to_toml(self) -> Iterator[str]:
        """Yield the lines of the table."""
        yield "[[period]]"
        yield f'name = "{self.name}"'
        yield f'state = "{self.state}"'
        if self.organisation is not None:
            yield f'organisation = "{self.organisation}"'
        for label, at in (("begun", self.begun), ("erased", self.erased)):
            if at is not None:
                yield f"{label} = {format_time(at)}"
        yield from (f'{role} = "{self.recipients[role].to_text()}"' for role in ROLES)

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> Self:
        """Return the period that a `[[period]]` describes.

        Raises:
            ValueError, KeyError, TypeError, LakzegelError: it describes none.
        """
        if unknown := sorted(set(table) - _KNOWN):
            raise ValueError(f"period: unknown key {unknown[0]}")
        organisation = table.get("organisation")
        return cls(
            name=fields.slug(table["name"], what="period name"),
            state=State(table["state"]),
            recipients={role: Recipient.from_text(table[role]) for role in ROLES},
            begun=moment(table.get("begun")),
            organisation=None
            if organisation is None
            else fields.slug(organisation, what="period organisation"),
            erased=moment(table.get("erased")),
        )


@dataclass(frozen=True, slots=True)
class Periods:
    """All periods of an office, oldest first; none is ever taken out."""

    all: tuple[Period, ...]

    def __post_init__(self) -> None:
        names = [period.name for period in self.all]
        publics = [one.public for period in self.all for one in period.in_order]
        if len(set(names)) != len(names) or len(set(publics)) != len(publics):
            raise ValueError("period: a name or a recipient that is there twice")
        open_ones = [p.organisation for p in self.all if p.state is State.OPEN]
        if not open_ones or len(set(open_ones)) != len(open_ones):
            raise ValueError("period: exactly one of each organisation is open")

    def get(self, name: str) -> Period:
        """Return the period of that name.

        Raises:
            UsageError: there is none.
        """
        for period in self.all:
            if period.name == name:
                return period
        names = ", ".join(period.name for period in self.all)
        raise UsageError(f"period {name}: there is none; there are: {names}")

    def newest(self, organisation: str | None = None) -> Period:
        """Return the open period of an organisation.

        Raises:
            UsageError: it has none.
        """
        for period in reversed(self.all):
            if period.state is State.OPEN and period.organisation == organisation:
                return period
        raise UsageError(f"period: none is open for organisation {organisation or '-'}")

    @property
    def default(self) -> Period:
        """The period that `[recipients]` shows: of the office itself, or the newest there is."""
        found = [period for period in self.all if period.state is State.OPEN]
        return next((p for p in found if p.organisation is None), found[-1])

    def of(self, recipients: Iterable[Recipient]) -> tuple[Period, ...]:
        """Return the periods of which one of these is a recipient, oldest first."""
        named = {one.public for one in recipients}
        return tuple(p for p in self.all if any(r.public in named for r in p.in_order))

    def of_digest(self, digest: bytes) -> Period | None:
        """Return the period whose recipients, in order, have this digest (keyring-change)."""
        for period in self.all:
            if recipients_digest(period.in_order) == digest:
                return period
        return None

    def rewrap_target(self, period: Period) -> Period:
        """Return the period to whose recipients this one's keyrings are sealed anew.

        Raises:
            UsageError: it is the open one itself; begin another first.
        """
        target = self.newest(period.organisation)
        if target.name == period.name:
            raise UsageError(f"period {period.name}: is the newest; run: keys period begin NAME")
        return target

    def begin(self, period: Period) -> "Periods":
        """Return all with a new one, open, and the one before it of its organisation closed."""
        closed = tuple(
            replace(p, state=State.CLOSED)
            if p.state is State.OPEN and p.organisation == period.organisation
            else p
            for p in self.all
        )
        return Periods((*closed, period))

    def changed(self, period: Period) -> "Periods":
        """Return all with this one instead of the one of its name."""
        return Periods(tuple(period if p.name == period.name else p for p in self.all))


def first_period(recipients: Mapping[str, Recipient], begun: datetime | None = None) -> Periods:
    """Return the periods of an office that has one."""
    return Periods((Period(FIRST, State.OPEN, dict(recipients), begun),))


def recipients_digest(recipients: Iterable[Recipient]) -> bytes:
    """Return what a keyring change names: the SHA-256 of the recipients' texts, a line each."""
    return hashlib.sha256("".join(f"{r.to_text()}\n" for r in recipients).encode()).digest()


def moment(value: object) -> datetime | None:
    """Return a time of `office.toml` in UTC, or None where there is none.

    Raises:
        TypeError: it is none, or without its zone.
    """
    if value is None:
        return None
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise TypeError("a moment must be a time with its zone")
    return value.astimezone(UTC)
