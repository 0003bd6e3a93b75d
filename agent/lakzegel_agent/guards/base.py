# SPDX-License-Identifier: EUPL-1.2
"""What a guard is: a declaration, a look, and where the program lets it the changes it would make.

    look(surroundings)             -> a reading a subject
    changes(surroundings, reading) -> places, and what they are to hold
    without(change place, bytes)   -> those bytes without what is this agent's own

A guard reads; only `enforcing.py` writes. docs/spec/guards.md
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import ClassVar, Final, Protocol

from lakzegel_core.annex import Phone
from lakzegel_core.encoding import JsonValue
from lakzegel_core.policy import Policy

LINUX: Final = "linux"
MACOS: Final = "darwin"
WINDOWS: Final = "win32"
EVERYWHERE: Final = frozenset({LINUX, MACOS, WINDOWS})

# reasons that any guard may give
FAULT: Final = "fault"
UNREADABLE: Final = "unreadable"
NOT_OURS: Final = "not-ours"  # a link, or another user's
TOO_LARGE: Final = "too-large"
NOT_UNDERSTOOD: Final = "not-understood"
IN_USE: Final = "in-use"
NOT_PERMITTED: Final = "not-permitted"
MDM_OWNED: Final = "mdm-owned"
CONTESTED: Final = "contested"
TOO_MANY: Final = "too-many"
NOT_SIGNED_IN: Final = "not-signed-in"  # settings that the system keeps while the user is there
ANY_GUARDS: Final = frozenset(
    {FAULT, UNREADABLE, NOT_OURS, TOO_LARGE, NOT_UNDERSTOOD, IN_USE, NOT_PERMITTED}
    | {MDM_OWNED, CONTESTED, TOO_MANY, NOT_SIGNED_IN}
)


class State(enum.StrEnum):
    """How a subject fares (docs/spec/guards.md §2)."""

    DRIFTED = "drifted"
    UNKNOWN = "unknown"
    REPAIRED = "repaired"
    COMPLIANT = "compliant"
    NOT_APPLICABLE = "not-applicable"


WORST_FIRST: Final = tuple(State)


@dataclass(frozen=True, slots=True)
class Declaration:
    """What a guard says of itself; ``reasons`` is its closed list, besides those of any guard."""

    id: str
    rows: tuple[int, ...]  # of the guidance
    platforms: frozenset[str]
    enforces: bool
    reasons: frozenset[str]
    cannot: str  # what it can only report, or not even see; English, for people
    default: str | None = None  # the mode where the policy does not name it; None: the policy's


@dataclass(frozen=True, slots=True)
class Reading:
    """What one subject's effective value is; ``subject`` and ``value`` are for the office alone.

    ``since``: since when it is so, where the source itself tells. ``locked``: whether what
    `enforce` would do is in place, None where there is no such thing for this subject. ``count``:
    how many things it stands for, where what is looked at has too many to be a subject each.
    """

    subject: str
    state: State
    reason: str = ""
    value: JsonValue = None
    since: datetime | None = None
    locked: bool | None = None
    count: int = 1


@dataclass(frozen=True, slots=True)
class Change:
    r"""A place, and what it is to hold; ``None``: nothing is to be there.

    ``store`` says what kind of place: ``file`` (an absolute path), ``defaults`` (macOS:
    ``domain key``), ``registry`` (Windows: ``HIVE\key\value``). ``says`` tells a person, in English
    and without a name, what would be done.
    """

    store: str
    place: str
    after: bytes | None
    says: str


@dataclass(frozen=True, slots=True)
class Watched:
    """A source of the policy, where it lies on this device."""

    name: str
    label: str
    kind: str
    root: Path
    apps: tuple[str, ...] = ()
    custody: str | None = None  # of which phone it has the backups
    only: Callable[[bytes], bool] | None = None  # which paths below the root count; None: all


class Place(Protocol):
    """Places of one kind. Every implementation passes tests/agent/guards/test_places.py."""

    def read(self, place: str) -> bytes | None:
        """Return what it holds, None where nothing is there.

        Raises:
            PlaceError: it cannot be told.
        """
        ...

    def write(self, place: str, value: bytes | None) -> None:
        """Leave exactly this, or nothing, durably; all of it or none.

        Raises:
            PlaceError: what was there is there still.
        """
        ...


class PlaceError(Exception):
    """A place cannot be read or written; ``reason`` is one of any guard's."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Notes(Protocol):
    """Where a guard keeps what it need not find out again: small, and the guard's own."""

    def get(self, name: str) -> bytes | None:
        """Return what was kept under a name."""
        ...

    def put(self, name: str, value: bytes) -> None:
        """Keep it; it is durable with the look."""
        ...

    def only(self, names: set[str]) -> None:
        """Let go of every other note."""
        ...


@dataclass(frozen=True, slots=True)
class Counted:
    """Versions of a source's files that this agent met, and how many of them it sealed."""

    found: int
    sealed: int


@dataclass(frozen=True, slots=True)
class Surroundings:
    """All that a guard may look at.

    ``system`` is the root of the file system: ``/``, and another folder in tests. ``domains`` are
    the agreed ones: those of the policy's accounts and of its `[mail]`, in lower
    case. ``keys``: where keys lie that somebody gave to this device. What is agreed to be private
    or the party's is no guard's business: conversations with ``correspondents`` alone, and what
    lies in ``excluded`` folders. ``phones``: whose phone is whose, and in which terms. ``listed``
    are all sources, ``sources`` those of which the root is there. ``history`` is by label.
    """

    home: Path
    system: Path
    platform: str
    now: datetime
    sources: tuple[Watched, ...]
    domains: frozenset[str]
    places: Mapping[str, Place]
    notes: Notes
    policy: Policy
    keys: Path | None = None
    correspondents: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    phones: tuple[Phone, ...] = ()
    listed: tuple[Watched, ...] = ()
    history: Mapping[str, Counted] = field(default_factory=dict)
    marker: str | None = None  # where MDM's marker is, by the settings


class Guard(Protocol):
    """One thing that is looked after; no state of its own."""

    declaration: ClassVar[Declaration]

    def look(self, surroundings: Surroundings) -> Iterable[Reading]:
        """Yield a reading a subject; nothing where the program is not there.

        Raises:
            PlaceError: nothing can be told at all.
        """
        ...

    def changes(self, surroundings: Surroundings, readings: Sequence[Reading]) -> Iterable[Change]:
        """Yield what would set it right and keep it so, also what is in place already.

        Not for readings in MDM's hands (``mdm-owned``). All of one place in one change.

        Raises:
            PlaceError: a place is not understood, so that nothing may be written.
        """
        ...

    def without(self, place: str, held: bytes) -> bytes | None:
        """Return what a place held without what is this agent's own; None where nothing is left.

        Called when others changed it since.

        Raises:
            PlaceError: it is not understood, so that it stays as it is.
        """
        ...


class ReportingGuard:
    """A guard that can only report."""

    def changes(self, surroundings: Surroundings, readings: Sequence[Reading]) -> Iterable[Change]:
        """Return nothing: there is no way to set it right from here."""
        del surroundings, readings
        return ()

    def without(self, place: str, held: bytes) -> bytes | None:
        """Return it as it is: nothing in it is this agent's."""
        del place
        return held


def worst(states: Iterable[State]) -> State:
    """Return the state of a guard whose subjects have these."""
    found = set(states)
    return next((state for state in WORST_FIRST if state in found), State.NOT_APPLICABLE)
