# SPDX-License-Identifier: EUPL-1.2
"""What the collection hands out: units, the conversations they are in, and where their bytes lie.

docs/spec/collection.md. A *unit* is the least thing that people review, hold, destroy or transfer:
one mail, one message of a chat, or one file that is neither. The raw bytes in the sealed segments
stay the record; everything here can be made anew from them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from lakzegel_office.names import ItemId


class UnitKind(StrEnum):
    """What a unit is."""

    MAIL = "mail"
    MESSAGE = "message"
    SYSTEM = "system"  # what a chat says of itself: somebody joined, a timer was set, a call
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Party:
    """A sender, a recipient or a member: an address where one is known, a name where one is.

    `address` is `mailto:a@b.example` in small letters, `tel:+31600000001`, or `id:` and what the
    service calls them; empty where an export has names alone.
    """

    address: str
    name: str
    role: str = ""  # of a mail: from, to, cc, bcc, reply-to; of a chat: member, owner


@dataclass(frozen=True, slots=True)
class Place:
    """One stretch of one sealed segment that holds a unit, whole or in part."""

    item: ItemId
    start: int  # bytes from the begin of the segment's raw payload
    length: int
    member: tuple[ItemId, ...] = ()  # the segments of a member of an archive, this one first:
    # `start` is then in what they give unpacked


@dataclass(frozen=True, slots=True)
class Attachment:
    """A part of a mail, or a media file of a message."""

    number: int  # from 0, in the unit's own order
    name: str  # as the source has it; hostile
    media_type: str  # as the source claims, or guessed by its first bytes; small letters
    size: int  # bytes once decoded; -1 where that is not known
    unit: str | None  # a chat's media is a unit of its own where its file was captured
    content_id: str = ""  # by which a mail's HTML names a picture of its own


@dataclass(frozen=True, slots=True)
class Unit:
    """One row of the collection."""

    id: str  # 26 of a-z2-7: keyed, so that it confirms no guess once the unit is destroyed
    kind: UnitKind
    conversation: str  # the conversation's id; a file has one of its own
    custody: str  # one device and one term of office of one person
    device: str
    source: str
    app: str  # mail, whatsapp, signal, imessage, telegram, threema, x, …; file
    at: datetime | None  # UTC; as the source states it
    at_text: str  # as the source wrote it, where it says no zone or cannot be read
    sender: Party | None
    subject: str  # of a mail; the path of a file
    snippet: str  # at most 200 characters of text, on one line
    size: int  # bytes of its newest place
    attachments: int
    labels: tuple[str, ...]  # what the device found (docs/spec/item.md §2)
    first_seen: datetime | None  # the earliest reading that has it
    captures: (
        int  # how often it was captured: read-outs, files, copies (docs/spec/collection.md §4)
    )


@dataclass(frozen=True, slots=True)
class Conversation:
    """Units that belong together: a mail thread, a chat, or the versions of one file."""

    id: str
    app: str
    title: str
    parties: tuple[Party, ...]
    units: int
    first: datetime | None
    last: datetime | None
    custodies: tuple[str, ...]
    readouts: int  # how many captures stand behind it


@dataclass(frozen=True, slots=True)
class Query:
    """Which units: every field that is given must hold."""

    text: str = ""  # words, "a phrase", word*; all must occur
    custodies: Sequence[str] = ()
    devices: Sequence[str] = ()
    sources: Sequence[str] = ()
    apps: Sequence[str] = ()
    kinds: Sequence[UnitKind] = ()
    conversation: str = ""
    label: str = ""  # `any`: whatever label
    party: str = ""  # part of an address or a name
    since: datetime | None = None  # at >= since
    until: datetime | None = None  # at < until
    ids: Sequence[str] = ()
    newest_first: bool = False
    after: str = ""  # the unit after which the next page begins
    limit: int = 0  # 0: all


@dataclass(frozen=True, slots=True)
class Body:
    """A unit as it can be shown: text and HTML as the source has them, both hostile."""

    unit: Unit
    headers: Sequence[tuple[str, str]] = ()  # of a mail, decoded, in its order
    parties: Sequence[Party] = ()
    text: str = ""
    html: str = ""
    attachments: Sequence[Attachment] = ()
    fields: Mapping[str, str] = field(default_factory=dict)  # what else the source says of it


@dataclass(frozen=True, slots=True)
class Containing:
    """Everything that holds or names some units: what a destruction would have to reach.

    `alone` segments hold nothing but the units; `shared` ones hold others too, of which an extract
    has to be sealed first, as of `directories`. `captures` name one of these segments;
    `observations` name a file that holds them; `alike` are units that were not asked for and have
    the same text, or quote it.
    """

    alone: tuple[ItemId, ...]
    shared: tuple[ItemId, ...]
    captures: tuple[ItemId, ...]
    observations: tuple[ItemId, ...]
    neighbours: tuple[str, ...]  # units that share a segment with them
    alike: tuple[str, ...]
    media: tuple[str, ...] = ()  # files that the units show, as units of their own
    archives: tuple[ItemId, ...] = ()  # captures of archives that have or had one of the units
    directories: tuple[ItemId, ...] = ()  # segments of those that name members


class Collection(Protocol):
    """What the other parts of the office need of the collection."""

    def units(self, query: Query) -> Iterator[Unit]:
        """Yield units, oldest first, those without a time last; ties by id."""

    def count(self, query: Query) -> int:
        """Return how many `units` would yield, whatever the limit."""

    def unit(self, unit: str) -> Unit:
        """Return one unit.

        Raises:
            UsageError: there is none.
        """

    def conversations(self, query: Query) -> Iterator[Conversation]:
        """Yield the conversations that have such a unit, newest first."""

    def conversation(self, conversation: str) -> Conversation:
        """Return one conversation.

        Raises:
            UsageError: there is none.
        """

    def maybe_same(self, conversation: str) -> tuple[str, ...]:
        """Return conversations that are probably this one, and are not merged with it.

        Raises:
            UsageError: there is none.
        """

    def places(self, unit: str) -> tuple[Place, ...]:
        """Return where its bytes lie, the newest reading last."""

    def body(self, unit: str) -> Body:
        """Open a unit and return it as it can be shown.

        Raises:
            DoubtError: its bytes are not as sealed.
            GoneError: it was destroyed; the certificate's number.
        """

    def raw(self, unit: str) -> bytes:
        """Open a unit and return its bytes as they were captured.

        Raises:
            DoubtError: its bytes are not as sealed.
            GoneError: it was destroyed; the certificate's number.
        """

    def attachment(self, unit: str, number: int) -> bytes:
        """Open one attachment and return its decoded bytes; a file is its own number 0.

        Raises:
            UsageError: there is none, or its file was not captured.
            DoubtError: its bytes are not as sealed.
            GoneError: it was destroyed; the certificate's number.
        """

    def containing(self, units: Sequence[str]) -> Containing:
        """Return everything that holds or names these units."""
