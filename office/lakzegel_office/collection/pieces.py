# SPDX-License-Identifier: EUPL-1.2
"""What one stretch of a file says, before anything is known of the rest: raw units and heads.

A piece is made of bytes alone, in any process and any order. Which conversation a raw unit belongs
to is decided when a capture says what lies before it (`assembling.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from lakzegel_office.collection.model import Attachment, Party, UnitKind


@dataclass(frozen=True, slots=True)
class Head:
    """From this byte on, messages are of this conversation."""

    start: int
    app: str
    key: str  # what the service calls it; empty where an export has a title alone
    title: str
    parties: tuple[Party, ...] = ()
    people: Mapping[str, Party] = field(default_factory=dict)  # by what messages call them
    owner: str = ""  # of `people`: whose device it is


@dataclass(frozen=True, slots=True)
class Raw:
    """One unit as its own bytes tell it."""

    kind: UnitKind
    start: int
    length: int
    key: tuple[str, ...]  # what makes it this one within its conversation
    at: int | None = None  # microseconds since 1970, UTC
    at_text: str = ""
    sender: Party | None = None
    who: str = ""  # the sender by a name of the head's `people`
    subject: str = ""
    text: str = ""
    html: str = ""
    more: str = ""  # words that it is found by too: of what is attached
    parties: tuple[Party, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    media: tuple[str, ...] = ()  # where each attachment's file lies, as the source writes it
    references: tuple[str, ...] = ()  # of a mail: ids it answers to, the oldest first; its own last
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Piece:
    """All that one stretch says; without units it is a part of a file that is none of these."""

    units: tuple[Raw, ...] = ()
    heads: tuple[Head, ...] = ()
    name: str = ""  # how an archive calls the member that it is
    packed: bool = False  # units and heads lie in what the member gives unpacked
    directory: bool = False  # of an archive: it has name, size and CRC of the members
    gone: tuple[str, ...] = ()  # names of units that went from it: none that is left gets one

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Return what `to_json` gave."""
        units = tuple(_raw(row) for row in value["units"])
        heads = tuple(head_from(row) for row in value["heads"])
        flags = bool(value["packed"]), bool(value["directory"])
        return cls(units, heads, str(value["name"]), *flags, tuple(value["gone"]))


def head_from(row: Mapping[str, Any]) -> Head:
    """Return a head of its plain values."""
    people = {name: Party(**party) for name, party in row["people"].items()}
    parties = tuple(Party(**party) for party in row["parties"])
    return Head(**{**row, "parties": parties, "people": people})


def _raw(row: Mapping[str, Any]) -> Raw:
    return Raw(
        **{
            **row,
            "kind": UnitKind(row["kind"]),
            "key": tuple(row["key"]),
            "sender": Party(**row["sender"]) if row["sender"] else None,
            "parties": tuple(Party(**party) for party in row["parties"]),
            "attachments": tuple(Attachment(**part) for part in row["attachments"]),
            "media": tuple(row["media"]),
            "references": tuple(row["references"]),
        }
    )
