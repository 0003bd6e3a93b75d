# SPDX-License-Identifier: EUPL-1.2
"""The facts that a report is made of (docs/spec/report.md §2): no content, no name of a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from lakzegel_core.encoding import b64, format_time


@dataclass(frozen=True, slots=True)
class Scope:
    """What is asked for: custodies (all where empty), days, and why."""

    custodies: tuple[str, ...]
    first: date
    last: date  # included
    request: str
    at: datetime


@dataclass(frozen=True, slots=True)
class LogFacts:
    """The log that everything was proven against."""

    origin: str
    size: int
    root: bytes
    signed: datetime
    witnesses: tuple[str, ...]
    stamped: int | None  # entries that existed at `stamped_at`, by a token
    stamped_at: datetime | None
    doubts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LedgerFacts:
    """Versions of files, of one source, as its device counted them."""

    found: int
    sealed: int
    excluded: Mapping[str, int]
    failed: Mapping[str, int]

    @property
    def balanced(self) -> bool:
        """Whether found = sealed + excluded + failed."""
        return self.found == self.sealed + sum(self.excluded.values()) + sum(self.failed.values())


@dataclass(frozen=True, slots=True)
class Week:
    """What was sealed of a source in the week that begins on `monday`."""

    monday: date
    versions: int
    size: int


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """One source of one device."""

    label: str
    kind: str
    days: tuple[str, ...]  # a state of `days.STATES` for each day of the scope
    covered: bool | None  # as the device said last; None: it said nothing of it yet
    why: str
    ledger: LedgerFacts | None
    weeks: tuple[Week, ...]


@dataclass(frozen=True, slots=True)
class Risk:
    """A time in which something could have been deleted or have leaked; None: not known, or now."""

    guard: str
    subject: int  # its number below the guard: what it is called is content
    begin: str | None
    end: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class GuardFacts:
    """What one guard of a device says now."""

    name: str
    rows: tuple[int, ...]
    mode: str
    state: str
    subjects: int
    bad: int
    risks: tuple[Risk, ...]


@dataclass(frozen=True, slots=True)
class ReadOut:
    """One certificate of a read-out, as the device sealed it."""

    source: str
    custody: str
    backup: str
    read: str
    complete: bool
    conversations: int
    private: int
    failed: int
    messages: int
    media: int
    absent: int


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch that is not covered."""

    begin: datetime
    end: datetime
    why: str
    seconds: int


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """One device."""

    name: str
    custody: str
    enrolled: datetime
    epochs: int
    batches: int
    items: int
    head: str
    closed: datetime | None
    known_policy: int  # batches under a policy that this log holds for the device
    revoked: bool
    final: bool
    clock_back: int
    not_proven: tuple[str, ...]
    attested: bool
    days: tuple[str, ...]
    gaps: tuple[Gap, ...]
    sources: tuple[SourceFacts, ...]
    apps: tuple[str, ...]
    guards: tuple[GuardFacts, ...]
    readouts: tuple[ReadOut, ...]
    overdue: tuple[tuple[str, str], ...]  # source, since when; not made good since
    counts: Mapping[str, int]  # observations by type


@dataclass(frozen=True, slots=True)
class FindingFacts:
    """A finding of the office in the log."""

    entry: int
    batch: str
    code: str
    items: int
    at: datetime


@dataclass(frozen=True, slots=True)
class DisposalFacts:
    """A keyring that two approvers changed."""

    entry: int
    batch: str
    reason: str
    items: int  # that went by it; what a change before it destroyed is not counted again
    certificate: str
    at: datetime


@dataclass(frozen=True, slots=True)
class MarkFacts:
    """A hold or a term of office in the log."""

    entry: int
    kind: str
    name: str
    state: str
    at: datetime


@dataclass(frozen=True, slots=True)
class JournalHead:
    """How far one of the office's journals goes."""

    name: str
    count: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class UnitFacts:
    """What was found of what was asked for, as an export of the same would count it."""

    subject: str  # words that were searched by, of who asks
    counts: Mapping[str, int]  # found = exported + left-out + gone + failed
    reasons: Mapping[str, int]
    items: int  # that do not open: in no unit
    batches: int  # that the mirror lacks


@dataclass(frozen=True, slots=True)
class Report:
    """All of it."""

    scope: Scope
    log: LogFacts
    devices: tuple[DeviceFacts, ...]
    findings: tuple[FindingFacts, ...]
    disposals: tuple[DisposalFacts, ...]
    marks: tuple[MarkFacts, ...]
    journals: tuple[JournalHead, ...]
    reviewed: Mapping[str, int]  # units of which review decided, by class, of all custodies
    units: UnitFacts | None = None  # of a completeness statement

    def to_json(self) -> dict[str, Any]:
        """Return it for a program: times and days as text, digests in base64."""
        found = _plain(asdict(self))
        assert isinstance(found, dict)  # noqa: S101 - what a dataclass comes to
        return found


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, datetime):
        return format_time(value)
    if isinstance(value, date):
        return value.isoformat()
    return b64(value) if isinstance(value, bytes) else value
