# SPDX-License-Identifier: EUPL-1.2
"""Who works at the office: roles, and the public halves of what each alone can open or sign.

    [[person]]                          # in office.toml, in the order in which they came
    name = "anna"
    roles = ["archivist", "approver"]
    recipient = "age1pq1…"              # of the vault that her own passphrase opens
    approval = "records.example/approval-5f2c9a01+…"
    since = 2027-01-01T00:00:00Z

docs/spec/office-keys.md §2.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Self

from lakzegel_core import fields
from lakzegel_core.age import Recipient
from lakzegel_core.encoding import format_time
from lakzegel_core.keys import VerifierKey
from lakzegel_office.errors import UsageError
from lakzegel_office.keys.periods import moment

_KNOWN: Final = {"name", "roles", "recipient", "approval", "policy", "former", "since", "until"}


class Duty(StrEnum):
    """What a member of staff may do."""

    ARCHIVIST = "archivist"  # opens the office's keys: pulls, opens, reviews, exports
    APPROVER = "approver"  # signs holds, terms and keyring changes with a key of his own
    PRIVACY = "privacy"  # signs policies as privacy officer
    AUDIT = "audit"  # reads the audit trail, and does nothing else


_APART: Final = (
    (frozenset({Duty.ARCHIVIST, Duty.PRIVACY}), "a policy would be signed by one person twice"),
    *(
        (frozenset({Duty.AUDIT, other}), "who audits is independent of what he audits")
        for other in (Duty.ARCHIVIST, Duty.APPROVER, Duty.PRIVACY)
    ),
)


@dataclass(frozen=True, slots=True)
class Person:
    """One member of staff, now or once."""

    name: str
    roles: frozenset[Duty]
    recipient: Recipient
    since: datetime
    approval: VerifierKey | None = None
    policy: VerifierKey | None = None
    until: datetime | None = None
    former: tuple[VerifierKey, ...] = ()  # approval keys that he replaced

    def __post_init__(self) -> None:
        check_duties(self.roles)

    @property
    def keys(self) -> tuple[VerifierKey, ...]:
        """The keys that sign, or signed, for him alone."""
        return tuple(k for k in (self.approval, self.policy, *self.former) if k is not None)

    @property
    def works_here(self) -> bool:
        """Whether he was not removed."""
        return self.until is None

    def may(self, duty: Duty) -> bool:
        """Tell whether he may do that, now."""
        return self.works_here and duty in self.roles

    def to_toml(self) -> Iterator[str]:
        """Yield the lines of the table."""
        yield "[[person]]"
        yield f'name = "{self.name}"'
        yield f"roles = {json.dumps(in_order(self.roles))}"
        yield f'recipient = "{self.recipient.to_text()}"'
        for label, key in (("approval", self.approval), ("policy", self.policy)):
            if key is not None:
                yield f'{label} = "{key.to_text()}"'
        if self.former:
            yield f"former = {json.dumps([key.to_text() for key in self.former])}"
        for label, at in (("since", self.since), ("until", self.until)):
            if at is not None:
                yield f"{label} = {format_time(at)}"

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> Self:
        """Return the person that a `[[person]]` describes.

        Raises:
            ValueError, KeyError, TypeError, LakzegelError: it describes none.
        """
        if unknown := sorted(set(table) - _KNOWN):
            raise ValueError(f"person: unknown key {unknown[0]}")
        since = moment(table["since"])
        if since is None:
            raise TypeError("person: since is missing")
        return cls(
            name=fields.slug(table["name"], what="person name"),
            roles=frozenset(Duty(text) for text in table["roles"]),
            recipient=Recipient.from_text(table["recipient"]),
            since=since,
            approval=_key(table.get("approval")),
            policy=_key(table.get("policy")),
            until=moment(table.get("until")),
            former=tuple(map(VerifierKey.from_text, table.get("former", []))),
        )


@dataclass(frozen=True, slots=True)
class People:
    """Everybody who works or worked here; nobody is ever taken out."""

    all: tuple[Person, ...] = ()

    def __post_init__(self) -> None:
        names = [person.name for person in self.all]
        keys = [k.public for p in self.all for k in p.keys]
        vaults = [person.recipient.public for person in self.all]
        for found in (names, keys, vaults):
            if len(set(found)) != len(found):
                raise ValueError("person: a name, a key or a vault that is there twice")

    def get(self, name: str) -> Person:
        """Return who works here under that name.

        Raises:
            UsageError: nobody does.
        """
        for person in self.all:
            if person.name == name and person.works_here:
                return person
        raise UsageError(f"{name}: works not at this office; see: lakzegel-office staff list")

    def with_duty(self, duty: Duty) -> tuple[Person, ...]:
        """Return those who may do that now."""
        return tuple(person for person in self.all if person.may(duty))

    def holder(self, key: VerifierKey) -> Person | None:
        """Return whose approval or policy key that is, or was; None for one of the office's own."""
        for person in self.all:
            if key in person.keys:
                return person
        return None

    def put(self, person: Person) -> "People":
        """Return all with this person, in the place of the one of that name."""
        if any(one.name == person.name for one in self.all):
            return People(tuple(person if p.name == person.name else p for p in self.all))
        return People((*self.all, person))


def check_duties(duties: Collection[Duty]) -> None:
    """Return when one person may have these roles.

    Raises:
        ValueError: there is none, or two that must be two persons'.
    """
    if not duties:
        raise ValueError("person: no role")
    for apart, why in _APART:
        if apart <= frozenset(duties):
            raise ValueError(f"{' and '.join(in_order(apart))} are two persons: {why}")


def in_order(duties: Collection[Duty]) -> list[Duty]:
    """Return roles in the order of this module."""
    return [duty for duty in Duty if duty in duties]


def _key(value: object) -> VerifierKey | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise TypeError("person: a key is a text")
    return VerifierKey.from_text(value)
