# SPDX-License-Identifier: EUPL-1.2
"""The lines of a heartbeat: what each holds, and how it is written (docs/spec/heartbeat.md §1)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final, Self, TypeVar

from lakzegel_core import fields
from lakzegel_core.encoding import format_time, parse_decimal, parse_time
from lakzegel_core.errors import FormatError, LimitError

MAX_NAME: Final = 128  # characters of a source's name in the policy
_COUNTS: Final = 4
_DUE: Final = ("due", "overdue")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ProblemCount:
    """How many things one problem's code stands for, and since when, to the hour."""

    code: str
    count: int
    since: datetime

    def to_value(self) -> str:
        """What stands after the label."""
        return f"{word(self.code)} {self.count} {hour(self.since)}"

    @classmethod
    def from_value(cls, value: str) -> Self:
        """The row of a line."""
        code, many, since = split(value, 3)
        return cls(word(code), count(many), moment(since))

    @property
    def key(self) -> tuple[str, ...]:
        """What rows are ordered by; no two have one."""
        return (self.code,)


@dataclass(frozen=True, slots=True)
class GuardCount:
    """How many subjects of one guard are in one state."""

    guard: str
    state: str
    count: int

    def to_value(self) -> str:
        """What stands after the label."""
        return f"{word(self.guard)} {word(self.state)} {self.count}"

    @classmethod
    def from_value(cls, value: str) -> GuardCount:
        """The row of a line."""
        return _guard(value)

    @property
    def key(self) -> tuple[str, ...]:
        """What rows are ordered by; no two have one."""
        return (self.guard, self.state)


@dataclass(frozen=True, slots=True)
class ReadoutDue:
    """When a phone's next read-out is due, to the hour; ``source`` is the policy's name of it."""

    source: str
    due: datetime
    overdue: bool

    def to_value(self) -> str:
        """What stands after the label."""
        return f"{hour(self.due)} {_DUE[self.overdue]} {source_name(self.source)}"

    @classmethod
    def from_value(cls, value: str) -> Self:
        """The row of a line."""
        due, state, name = split(value, 3)
        if state not in _DUE:
            raise FormatError("heartbeat readout", "neither due nor overdue")
        return cls(source_name(name), moment(due), state == _DUE[1])

    @property
    def key(self) -> tuple[str, ...]:
        """What rows are ordered by; no two have one."""
        return (self.source,)


@dataclass(frozen=True, slots=True)
class SourceCount:
    """How many of the policy's sources are covered, or are not for one reason."""

    state: str
    count: int

    def to_value(self) -> str:
        """What stands after the label."""
        return f"{word(self.state)} {self.count}"

    @classmethod
    def from_value(cls, value: str) -> Self:
        """The row of a line."""
        state, many = split(value, 2)
        return cls(word(state), count(many))

    @property
    def key(self) -> tuple[str, ...]:
        """What rows are ordered by; no two have one."""
        return (self.state,)


@dataclass(frozen=True, slots=True)
class Figures:
    """Versions of files: found = sealed + excluded + failed."""

    found: int
    sealed: int
    excluded: int
    failed: int

    def to_value(self) -> str:
        """What stands after the label."""
        return f"{self.found} {self.sealed} {self.excluded} {self.failed}"

    @classmethod
    def from_value(cls, value: str) -> Self:
        """The figures of a line; they add up."""
        made = cls(*(count(one) for one in split(value, _COUNTS)))
        if made.found != made.sealed + made.excluded + made.failed:
            raise FormatError("heartbeat ledger", "does not add up")
        return made


@dataclass(frozen=True, slots=True)
class SpoolUse:
    """What waits on the device; ``limit`` None before there is a policy."""

    batches: int
    size: int  # bytes
    limit: int | None

    def to_value(self) -> str:
        """What stands after the label."""
        return f"{self.batches} {self.size} {shown(self.limit)}"

    @classmethod
    def from_value(cls, value: str) -> Self:
        """The use of a line."""
        batches, size, limit = split(value, 3)
        return cls(count(batches), count(size), optional(limit, count))


@dataclass(frozen=True, slots=True)
class LastReceipt:
    """The newest receipt that the device verified: its place in the log, and when."""

    index: int
    at: datetime

    def to_value(self) -> str:
        """What stands after the label."""
        return f"{self.index} {format_time(self.at)}"

    @classmethod
    def from_value(cls, value: str) -> Self:
        """The receipt of a line."""
        index, at = split(value, 2)
        return cls(count(index), moment(at))


Row = ProblemCount | GuardCount | ReadoutDue | SourceCount


def table(label: str, rows: Sequence[Row], limit: int) -> Iterator[tuple[str, str]]:
    """The lines of a table: not too many, in order, none twice."""
    if len(rows) > limit:
        raise LimitError(f"heartbeat {label}", f"{len(rows)} lines, at most {limit}")
    keys = [row.key for row in rows]
    if any(one >= other for one, other in itertools.pairwise(keys)):
        raise FormatError(f"heartbeat {label}", "lines out of order, or one twice")
    return ((label, row.to_value()) for row in rows)


@lru_cache(maxsize=4096)
def _guard(value: str) -> GuardCount:
    """A row that many devices have alike."""
    guard, state, many = split(value, 3)
    return GuardCount(word(guard), word(state), count(many))


def split(value: str, parts: int) -> list[str]:
    """So many parts; the last one may hold spaces."""
    found = value.split(" ", parts - 1)
    if len(found) != parts:
        raise FormatError("heartbeat", f"a line without its {parts} values")
    return found


def optional(value: str, parse: Callable[[str], T]) -> T | None:
    """The value, or None for ``-``."""
    return None if value == fields.NONE else parse(value)


def shown(value: int | None) -> str:
    """The text of a number, ``-`` for None."""
    return fields.NONE if value is None else str(value)


def count(value: str) -> int:
    """A number."""
    return parse_decimal(value, what="heartbeat count")


@lru_cache(maxsize=4096)
def moment(value: str) -> datetime:
    """A time; most are of few hours."""
    return parse_time(value, what="heartbeat time")


def hour(value: datetime) -> str:
    """The text of a time that tells the hour alone (docs/spec/heartbeat.md §3)."""
    if value.minute or value.second or value.microsecond:
        raise FormatError("heartbeat time", "tells more than the hour")
    return format_time(value)


@lru_cache(maxsize=4096)
def word(value: str) -> str:
    """A word of a list: there are few, and thousands of heartbeats a second have them."""
    return fields.slug(value, what="heartbeat word")


def source_name(value: str) -> str:
    """A source's name in the policy."""
    if not 0 < len(value) <= MAX_NAME or not value.isprintable() or value != value.strip():
        raise FormatError("heartbeat readout", "not a name of a source")
    return value
