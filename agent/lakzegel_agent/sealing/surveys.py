# SPDX-License-Identifier: EUPL-1.2
"""What is asked about chat stores, and answered (docs/spec/conversations.md §3)."""

from typing import NamedTuple


class Survey(NamedTuple):
    """A store of which every conversation is to be rendered once, and nothing sealed."""

    ticket: int
    source: int
    path: bytes


class Surveyed(NamedTuple):
    """What one conversation is now; ``media`` are paths below the source's root."""

    path: bytes  # of the derived file
    key: str
    size: int
    segments: int
    mtime: int  # ns: midnight of its newest day
    mark: bytes  # keyed digest of its bytes
    people: frozenset[str] | None
    media: tuple[bytes, ...]
    oldest: int = 0  # ns: midnight of its oldest day; 0 where there is none
    messages: int = 0  # rows of the table that holds its messages


class SurveyResult(NamedTuple):
    """Every conversation of a store."""

    ticket: int
    conversations: tuple[Surveyed, ...]


class SurveyFailed(NamedTuple):
    """The store cannot be read: a reason as a slug, ``lost`` or ``crash``."""

    ticket: int
    why: str


class ConversationUnit(NamedTuple):
    """One conversation to be rendered again, sealed and captured."""

    source: int
    store: bytes  # path of the store
    key: str
    path: bytes  # of the derived file
    name: bytes
    secret: bytes | None  # its row in the ledger, still encrypted
    again: bool  # capture it though nothing changed: it was gone
    mtime: int
    planned: int  # bytes that it may come to
    segments: int
