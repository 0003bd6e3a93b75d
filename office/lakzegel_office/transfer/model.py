# SPDX-License-Identifier: EUPL-1.2
"""What a delivery is made of: series, dossiers, records, and the files that represent them.

Series      all of one custody: one person's device and term of office
Dossier     one mail thread, one chat, or the versions of one file
Record      one mail, what is exported of a chat, one file
Content     one file of a record, not yet written
Written     the same, as it lies in the delivery
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from lakzegel_office.collection.model import Party, UnitKind
from lakzegel_office.names import ItemId


class Role(StrEnum):
    """What a file is to its record."""

    ORIGINAL = "origineel"  # bytes as they were captured
    DERIVED = "afgeleid"  # made of those, for who has no use for how they were stored
    RENDERING = "weergave"  # to read
    ATTACHMENT = "bijlage"
    PROOF = "zegelbewijs"
    ABOUT = "toelichting"  # of the delivery itself
    METADATA = "metagegevens"  # a sidecar


@dataclass(frozen=True, slots=True)
class Seal:
    """A sealed segment that lies whole in a file: the item and where its bytes are."""

    item: ItemId
    start: int
    size: int


@dataclass(frozen=True, slots=True)
class Content:
    """One file to be written."""

    role: Role
    title: str  # its name as the source has it; hostile
    ending: str  # with its dot
    pieces: Callable[[], Iterator[bytes]]
    seals: tuple[Seal, ...] = ()
    how: str = ""  # how it was made, where it is not what was captured
    unit: str = ""  # which unit it is, where it came along with another


@dataclass(frozen=True, slots=True)
class Record:
    """An Archiefstuk."""

    id: str
    title: str
    kind: UnitKind
    units: tuple[str, ...]
    contents: Sequence[Content]
    first: datetime | None
    last: datetime | None
    at_text: str
    captured: datetime | None
    sender: Party | None
    labels: tuple[str, ...]
    holds: tuple[str, ...]
    items: tuple[ItemId, ...]  # the sealed segments it was opened from


@dataclass(frozen=True, slots=True)
class Dossier:
    """Records that belong together."""

    id: str
    title: str
    app: str
    custody: str
    records: Sequence[Record]


@dataclass(frozen=True, slots=True)
class Written:
    """A file as it lies in the delivery."""

    path: str  # from the delivery's root, with `/`
    title: str
    role: Role
    size: int
    sha256: str
    sha512: str
    seals: tuple[Seal, ...] = ()
    how: str = ""


class Outcome(StrEnum):
    """What became of a unit that was found."""

    EXPORTED = "exported"
    LEFT_OUT = "left-out"
    GONE = "gone"
    FAILED = "failed"


@dataclass(slots=True)
class Row:
    """One line of the inventory."""

    unit: str
    kind: str
    app: str
    conversation: str
    custody: str
    at: datetime | None
    outcome: Outcome
    reason: str = ""
    category: str = ""  # the class that review gave
    holds: tuple[str, ...] = ()
    files: list[str] = field(default_factory=list)


class Marks(Protocol):
    """What was decided on units elsewhere in the office."""

    def category(self, unit: str) -> str:
        """Return the class that review gave (docs/spec/review.md §1), or that it is disputed."""

    def held(self, units: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
        """Return the holds that units are under, by name; those that are under one."""
