# SPDX-License-Identifier: EUPL-1.2
"""The trail's records, the newest first, as an auditor asks for them (docs/spec/dashboard.md §10).

A record's place is its segment and its number: after a restore two chains have the same numbers.
A record that waits is in the segment that is made next. Segments are read as long as they are what
the log says; one that is not, or that is lost, is told of instead.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from lakzegel_core.encoding import format_time, parse_decimal
from lakzegel_core.errors import FormatError
from lakzegel_core.trail import peek_trail
from lakzegel_server.layout import Layout
from lakzegel_server.people.records import FIELDS
from lakzegel_server.people.segmentfile import MAX_SEGMENT, parse_segment
from lakzegel_server.people.trail import AuditTrail
from lakzegel_server.people.trailrows import Segment, State
from lakzegel_server.register import Register
from lakzegel_server.stores import names

MOST_READ: Final = 50_000  # records that one question looks at
_LAST: Final = 2**53


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a record is; sorts from old to new."""

    segment: int
    number: int

    @classmethod
    def parse(cls, text: str) -> Place:
        """The place that a text names.

        Raises:
            FormatError: it names none.
        """
        segment, _, number = text.partition("-")
        what = "trail place"
        return cls(parse_decimal(segment, what=what), parse_decimal(number, what=what))

    def __str__(self) -> str:
        return f"{self.segment}-{self.number}"


END: Final = Place(_LAST, _LAST)


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it was written, and where it is in the log."""

    place: Place
    line: bytes
    entry: int | None  # the log's entry that seals it; None: not in the log yet
    at: str
    who: str
    role: str
    way: str
    address: str
    action: str
    object: str
    id: str
    result: str
    code: str
    count: int
    previous: str

    @property
    def digest(self) -> str:
        """The hexadecimal SHA-256 that the next record holds, as base64, of this one."""
        return hashlib.sha256(self.line).hexdigest()


@dataclass(frozen=True, slots=True)
class Gap:
    """A segment whose records cannot be shown."""

    segment: int
    entry: int | None
    count: int  # of its records, by the log
    since: str
    until: str
    lost: bool  # else: not what the log says


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which records are asked for; what is empty asks for all."""

    account: str = ""  # a part of the name
    action: str = ""
    result: str = ""
    since: str = ""  # the first second, in UTC, as records have it
    until: str = ""  # and the first one after

    def takes(self, record: Record) -> bool:
        """Whether a record is asked for."""
        return (
            self.action in {"", record.action}
            and self.result in {"", record.result}
            and (not self.since or record.at >= self.since)
            and (not self.until or record.at < self.until)
            and (not self.account or self.account.casefold() in record.who.casefold())
        )


@dataclass(slots=True)
class Found:
    """What was found, the newest first."""

    records: list[Record] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    more: Place | None = None  # there may be more before this
    looked: int = 0


class TrailReader:
    """Reads one receiver's trail."""

    def __init__(self, layout: Layout, register: Register, trail: AuditTrail) -> None:
        self._objects = layout.stores.objects
        self._register = register
        self._trail = trail

    def find(self, wanted: Wanted, *, before: Place = END, limit: int) -> Found:
        """Records that are asked for, older than a place: so many at most."""
        found = Found()
        for block in self._blocks(wanted, before, found):
            for record in block:
                if record.place >= before:
                    continue
                if len(found.records) == limit or found.looked == MOST_READ:
                    return found
                found.looked += 1
                found.more = record.place
                if wanted.takes(record):
                    found.records.append(record)
        found.more = None
        return found

    def record(self, place: Place) -> Record | None:
        """The record at a place, or where it has gone since: into the segment after."""
        after = Place(place.segment + 1, _LAST)
        for block in self._blocks(Wanted(), after, Found()):
            for record in block:
                if record.place.number == place.number:
                    return record
        return None

    def _blocks(self, wanted: Wanted, before: Place, found: Found) -> Iterator[Iterator[Record]]:
        segments, lines = self._trail.everything()
        following = segments[-1].number + 1 if segments else 0
        waiting = (_record(following, None, line) for _, line in reversed(lines))
        yield (record for record in waiting if record is not None)
        for segment in reversed(segments):
            if segment.number <= before.segment:
                yield self._read(segment, wanted, found)

    def _read(self, segment: Segment, wanted: Wanted, found: Found) -> Iterator[Record]:
        entry = peek_trail(segment.note)
        since, until = format_time(entry.since), format_time(entry.until)
        if (wanted.since and until < wanted.since) or (wanted.until and since >= wanted.until):
            return
        index = self._register.index_of(hashlib.sha256(segment.note).digest())
        lines = self._lines(segment, entry.records)
        if lines is None:
            place = names.segment(segment.number)
            lost = segment.state is State.LOST or self._objects.size(place) is None
            found.gaps.append(Gap(segment.number, index, entry.count, since, until, lost))
            return
        for line in reversed(lines):
            record = _record(segment.number, index, line)
            if record is not None:
                yield record

    def _lines(self, segment: Segment, digest: bytes) -> tuple[bytes, ...] | None:
        """What a segment's file holds, when it is the one that the log tells of."""
        try:
            data = self._objects.read(names.segment(segment.number), MAX_SEGMENT)
        except FileNotFoundError:
            return None
        if segment.state is State.LOST or hashlib.sha256(data).digest() != digest:
            return None
        try:
            return parse_segment(data).lines
        except FormatError:
            return None


def _record(segment: int, entry: int | None, line: bytes) -> Record | None:
    """A record of its line; None for what no receiver writes, which `check` names."""
    try:
        found = json.loads(line)
    except ValueError:
        return None
    if not isinstance(found, dict) or set(found) != FIELDS:
        return None
    place = Place(segment, found.pop("number"))
    return Record(place=place, line=line, entry=entry, **found)
