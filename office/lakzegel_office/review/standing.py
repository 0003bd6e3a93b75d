# SPDX-License-Identifier: EUPL-1.2
"""What counts for a unit, of the lines that people wrote: pure, lines in, standing out.

docs/spec/review.md §2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, TypeAlias

from lakzegel_office.audit import MAX_REASON
from lakzegel_office.errors import DoubtError
from lakzegel_office.journal import Entry

MAX_UNITS: Final = 20_000  # docs/spec/review.md §2
MAX_LINES: Final = 1_000
DISPUTED: Final = "betwist"  # a state beside the classes
VOTES: Final = 2  # that agree, of different people


class Class(StrEnum):
    """What a unit is."""

    BUSINESS = "zakelijk"
    PRIVATE = "prive"
    PARTY = "partij"
    OPEN = "onbeslist"


@dataclass(frozen=True, slots=True)
class Decide:
    """Units are of a class."""

    line: int
    at: datetime
    actor: str
    reason: str
    units: tuple[str, ...]
    to: Class


@dataclass(frozen=True, slots=True)
class Dispute:
    """Somebody contests what units are."""

    line: int
    at: datetime
    actor: str
    reason: str
    units: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Undo:
    """Lines of the same actor do not count."""

    line: int
    at: datetime
    actor: str
    reason: str
    lines: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Destroyed:
    """Units are gone."""

    line: int
    at: datetime
    actor: str
    units: tuple[str, ...]
    certificate: str


@dataclass(frozen=True, slots=True)
class Anew:
    """Units that were destroyed were captured anew."""

    line: int
    at: datetime
    actor: str
    units: tuple[str, ...]


Act: TypeAlias = Decide | Dispute | Undo | Destroyed | Anew
OfUnit: TypeAlias = Decide | Dispute | Destroyed | Anew


@dataclass(frozen=True, slots=True)
class Standing:
    """What counts for one unit, and the line that says so."""

    class_: Class = Class.OPEN
    actors: tuple[str, ...] = ()  # two where a dispute was settled
    at: datetime | None = None
    reason: str = ""
    line: int = -1
    disputed: bool = False
    settled: bool = False
    votes: Mapping[str, Class] = field(default_factory=dict)
    certificate: str | None = None

    @property
    def state(self) -> str:
        """Its class, or that it is in dispute."""
        return DISPUTED if self.disputed else str(self.class_)

    @property
    def open(self) -> bool:
        """Whether somebody has still to decide."""
        return self.certificate is None and (self.disputed or self.class_ is Class.OPEN)


UNDECIDED: Final = Standing()


def act_of(entry: Entry) -> Act:
    """Return what a line of the journal says.

    Raises:
        DoubtError: it is not a line of review.
    """
    try:
        return _read(entry, entry.says)
    except (ValueError, TypeError, KeyError) as error:
        raise DoubtError(f"records/review.jsonl: line {entry.number + 1}: {error}") from error


def standing(acts: Iterable[OfUnit], undone: Mapping[int, Sequence[Undo]]) -> Standing:
    """Return what counts for a unit.

    Args:
        acts: the lines that name it, in their order.
        undone: for each line, every `undo` that names it.
    """
    now = UNDECIDED
    for act, end in _until_destroyed(acts):
        if isinstance(act, Anew):
            now = UNDECIDED if now.certificate is not None else now
        elif now.certificate is None and not is_undone(act, undone, end):
            now = _after(now, act)
    return now


def _until_destroyed(acts: Iterable[OfUnit]) -> list[tuple[OfUnit, int | None]]:
    """Return lines, each with the line by which what it is about was destroyed, if it was."""
    found: list[tuple[OfUnit, int | None]] = []
    end = None
    for act in reversed(list(acts)):
        end = act.line if isinstance(act, Destroyed) else None if isinstance(act, Anew) else end
        found.append((act, end))
    return found[::-1]


def _after(now: Standing, act: Decide | Dispute | Destroyed) -> Standing:
    if isinstance(act, Destroyed):
        return replace(now, certificate=act.certificate)
    return _decided(now, act) if isinstance(act, Decide) else _disputed(now, act)


def is_undone(act: Act, undone: Mapping[int, Sequence[Undo]], end: int | None = None) -> bool:
    """Whether a line does not count any more, by what was written before line `end`."""
    return any(
        undo.actor == act.actor and (end is None or undo.line < end) and not voided
        for undo in undone.get(act.line, ())
        for voided in (is_undone(undo, undone, end),)
    )


def _read(entry: Entry, says: Mapping[str, Any]) -> Act:
    fields, make = _READERS[str(says["act"])]
    if set(says) != {"act", "actor", *fields} or not isinstance(says["actor"], str):
        raise ValueError("not the fields of this act")
    return make(entry, says)


def _decided(now: Standing, act: Decide) -> Standing:
    if now.settled:
        return now
    if not now.disputed:
        return Standing(act.to, (act.actor,), act.at, act.reason, act.line)
    votes = {**now.votes, act.actor: act.to}
    if act.to is Class.OPEN:
        del votes[act.actor]
    agreed = tuple(sorted(actor for actor, vote in votes.items() if vote is act.to))
    if len(agreed) >= VOTES:
        return Standing(act.to, agreed, act.at, act.reason, act.line, settled=True)
    return replace(now, votes=votes)


def _disputed(now: Standing, act: Dispute) -> Standing:
    if now.disputed:
        return now
    return Standing(Class.OPEN, (act.actor,), act.at, act.reason, act.line, disputed=True)


def _decide(entry: Entry, says: Mapping[str, Any]) -> Act:
    reason, units = _reason(says["reason"]), _units(says["units"])
    return Decide(entry.number, entry.at, says["actor"], reason, units, Class(says["class"]))


def _dispute(entry: Entry, says: Mapping[str, Any]) -> Act:
    reason, units = _reason(says["reason"]), _units(says["units"])
    return Dispute(entry.number, entry.at, says["actor"], reason, units)


def _undo(entry: Entry, says: Mapping[str, Any]) -> Act:
    lines = says["lines"]
    if not isinstance(lines, list) or not 0 < len(lines) <= MAX_LINES:
        raise ValueError("lines: not a list of lines")
    if any(type(line) is not int or not 0 <= line < entry.number for line in lines):
        raise ValueError("lines: one is not before this")
    if lines != sorted(set(lines)):
        raise ValueError("lines: not sorted, or one comes twice")
    return Undo(entry.number, entry.at, says["actor"], _reason(says["reason"]), tuple(lines))


def _gone(entry: Entry, says: Mapping[str, Any]) -> Act:
    certificate = says["certificate"]
    if not isinstance(certificate, str) or not certificate:
        raise ValueError("certificate: not a text")
    return Destroyed(entry.number, entry.at, says["actor"], _units(says["units"]), certificate)


def _anew(entry: Entry, says: Mapping[str, Any]) -> Act:
    return Anew(entry.number, entry.at, says["actor"], _units(says["units"]))


def _units(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not 0 < len(value) <= MAX_UNITS:
        raise ValueError("units: not a list of units")
    if not all(isinstance(unit, str) for unit in value) or value != sorted(set(value)):
        raise ValueError("units: not sorted ids, each once")
    return tuple(value)


def _reason(value: object) -> str:
    if not isinstance(value, str) or len(value) > MAX_REASON:
        raise ValueError("reason: not a text of this length")
    return value


_READERS: Final[Mapping[str, tuple[tuple[str, ...], Callable[[Entry, Mapping[str, Any]], Act]]]] = {
    "decide": (("class", "reason", "units"), _decide),
    "dispute": (("reason", "units"), _dispute),
    "undo": (("lines", "reason"), _undo),
    "destroyed": (("certificate", "units"), _gone),
    "anew": (("units",), _anew),
}
