# SPDX-License-Identifier: EUPL-1.2
"""`records/review.jsonl`: what was decided, read once, kept in memory, and added to.

docs/spec/review.md §2. Other processes may write too: `refresh` reads what they added.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final, Self

from lakzegel_office.audit import MAX_REASON
from lakzegel_office.errors import DoubtError, UsageError
from lakzegel_office.home import Home
from lakzegel_office.journal import Entry, Head, Journal
from lakzegel_office.review.standing import (
    MAX_LINES,
    MAX_UNITS,
    UNDECIDED,
    Act,
    Anew,
    Class,
    Decide,
    Destroyed,
    Dispute,
    OfUnit,
    Standing,
    Undo,
    act_of,
    is_undone,
    standing,
)

NAME: Final = "review.jsonl"


class Book:
    """Every decision of an office."""

    def __init__(self, path: Path, key: bytes) -> None:
        """Keep the journal's place and the journals' key; nothing is read yet."""
        self._path = path
        self._journal = Journal(path, key)
        self._acts: list[Act] = []
        self._of: dict[str, list[OfUnit]] = defaultdict(list)
        self._undone: dict[int, list[Undo]] = defaultdict(list)
        self._size = 0

    @classmethod
    def open(cls, home: Home, key: bytes) -> Self:
        """Return the book of an office, read to its end; `key` is the journals'.

        Raises:
            DoubtError: the journal is broken, or a line is none of review.
        """
        book = cls(home.records / NAME, key)
        book.refresh()
        return book

    def refresh(self) -> set[str]:
        """Read what others wrote since; return the units that it is about.

        Raises:
            DoubtError: the journal is broken, or a line is none of review.
        """
        size = self._path.stat().st_size if self._path.exists() else 0
        if size == self._size:
            return set()
        if size < self._size:  # a line that a crash cut off went, or whole ones
            self._journal.head_at(len(self._acts))
        changed = self._take(self._journal.read(len(self._acts)))
        self._size = size
        return changed

    def head(self) -> Head:
        """Return how far the journal goes, every link proven."""
        return self._journal.head()

    def standing(self, unit: str) -> Standing:
        """Return what counts for a unit."""
        acts = self._of.get(unit)
        return standing(acts, self._undone) if acts else UNDECIDED

    def history(self, unit: str) -> list[tuple[OfUnit, bool]]:
        """Return the lines that name a unit, oldest first, and whether each was undone."""
        return [(act, is_undone(act, self._undone)) for act in self._of.get(unit, ())]

    def units(self) -> Iterator[str]:
        """Yield every unit that a line names, sorted."""
        yield from sorted(self._of)

    def removable(self) -> Iterator[str]:
        """Yield the units that may be put on a destruction list: private or party, undisputed."""
        for unit in self.units():
            found = self.standing(unit)
            if found.class_ in {Class.PRIVATE, Class.PARTY} and found.certificate is None:
                yield unit

    def decide(
        self, units: Iterable[str], to: Class, *, actor: str, reason: str, now: datetime
    ) -> set[str]:
        """Write that units are of a class, on disk before this returns; return them.

        Raises:
            UsageError: none is given, one was destroyed or settled by two, the reason is too long.
            DoubtError: the journal is broken; nothing is written.
        """
        wanted = self._changeable(units)
        if any(self.standing(unit).settled for unit in wanted):
            raise UsageError("two people settled this; raise a dispute to change it")
        rows = [
            {"act": "decide", "actor": actor, "class": str(to), "reason": reason, "units": some}
            for some in _pieces(wanted, MAX_UNITS)
        ]
        return self._write(rows, reason, now)

    def dispute(self, units: Iterable[str], *, actor: str, reason: str, now: datetime) -> set[str]:
        """Write that somebody contests what units are; return them.

        Raises:
            UsageError: none is given, one was destroyed or is in dispute, or no good reason.
            DoubtError: the journal is broken; nothing is written.
        """
        wanted = self._changeable(units)
        if not reason.strip():
            raise UsageError("reason: say what is contested")
        if any(self.standing(unit).disputed for unit in wanted):
            raise UsageError("this is in dispute already; decide")
        rows = [
            {"act": "dispute", "actor": actor, "reason": reason, "units": some}
            for some in _pieces(wanted, MAX_UNITS)
        ]
        return self._write(rows, reason, now)

    def undo(self, lines: Iterable[int], *, actor: str, reason: str, now: datetime) -> set[str]:
        """Write that lines of this actor do not count; return the units that they are about.

        Raises:
            UsageError: a line is not there, somebody else's, undone, or of what was destroyed.
            DoubtError: the journal is broken; nothing is written.
        """
        self.refresh()
        wanted = sorted(set(lines))
        if not 0 < len(wanted) <= MAX_LINES:
            raise UsageError(f"lines: 1 to {MAX_LINES}")
        for line in wanted:
            self._check_undo(line, actor)
        return self._write(
            [{"act": "undo", "actor": actor, "lines": wanted, "reason": reason}], reason, now
        )

    def destroyed(
        self, units: Iterable[str], *, actor: str, certificate: str, now: datetime
    ) -> set[str]:
        """Write that units are gone, those of which it was not written yet; return them.

        Raises:
            DoubtError: the journal is broken; nothing is written.
        """
        self.refresh()
        wanted = sorted(u for u in set(units) if self.standing(u).certificate is None)
        rows = [
            {"act": "destroyed", "actor": actor, "certificate": certificate, "units": some}
            for some in _pieces(wanted, MAX_UNITS)
        ]
        return self._write(rows, "", now) if rows else set()

    def anew(self, units: Iterable[str], *, actor: str, now: datetime) -> set[str]:
        """Write that units were captured anew, those that count as destroyed; return them.

        Raises:
            DoubtError: the journal is broken; nothing is written.
        """
        self.refresh()
        wanted = sorted(u for u in set(units) if self.standing(u).certificate is not None)
        rows = [
            {"act": "anew", "actor": actor, "units": some} for some in _pieces(wanted, MAX_UNITS)
        ]
        return self._write(rows, "", now) if rows else set()

    def last_of(self, actor: str) -> tuple[Decide | Dispute, ...]:
        """Return what this actor did last and could undo: the lines of one go."""
        found: list[Decide | Dispute] = []
        for act in reversed(self._acts):
            if found and not _goes_on(act, found[-1]):
                break
            if act.actor == actor and isinstance(act, Decide | Dispute) and self._is_undoable(act):
                found.append(act)
        return tuple(reversed(found))

    def _changeable(self, units: Iterable[str]) -> list[str]:
        self.refresh()
        wanted = sorted(set(units))
        if not wanted:
            raise UsageError("units: none is given")
        if any(self.standing(unit).certificate is not None for unit in wanted):
            raise UsageError("one of these was destroyed; nothing can be decided of it")
        return wanted

    def _check_undo(self, line: int, actor: str) -> None:
        if not 0 <= line < len(self._acts):
            raise UsageError(f"line {line}: there is none")
        act = self._acts[line]
        if act.actor != actor:
            raise UsageError(f"line {line}: is {act.actor}'s; decide anew, or raise a dispute")
        if not self._is_undoable(act):
            raise UsageError(f"line {line}: cannot be undone any more")

    def _is_undoable(self, act: Act) -> bool:
        if isinstance(act, Destroyed | Anew) or is_undone(act, self._undone):
            return False
        if isinstance(act, Undo):
            return all(self._is_undoable_by(self._acts[line]) for line in act.lines)
        return self._is_undoable_by(act)

    def _is_undoable_by(self, act: Act) -> bool:
        units = () if isinstance(act, Undo) else act.units
        return all(self.standing(unit).certificate is None for unit in units)

    def _write(self, rows: Sequence[Mapping[str, object]], reason: str, now: datetime) -> set[str]:
        if len(reason) > MAX_REASON:
            raise UsageError(f"reason: {len(reason)} characters; at most {MAX_REASON}")
        entries = self._journal.append_all(rows, now)
        if entries[0].number < len(self._acts):
            raise DoubtError(f"{self._path}: lines were cut off its end")
        if entries[0].number > len(self._acts):
            return self.refresh()
        changed = self._take(entries)
        self._size = self._journal.size
        return changed

    def _take(self, entries: Iterable[Entry]) -> set[str]:
        changed: set[str] = set()
        for entry in entries:
            act = act_of(entry)
            self._acts.append(act)
            if isinstance(act, Undo):
                for line in act.lines:
                    self._undone[line].append(act)
                changed |= self._about(act)
            else:
                for unit in act.units:
                    self._of[unit].append(act)
                changed.update(act.units)
        return changed

    def _about(self, undo: Undo) -> set[str]:
        """Return the units that an undo, or the undoing of one, is about."""
        found: set[str] = set()
        for line in undo.lines:
            act = self._acts[line]
            found |= self._about(act) if isinstance(act, Undo) else set(act.units)
        return found


def _goes_on(act: Act, following: Decide | Dispute) -> bool:
    """Whether a line is of one go with the one behind it: all but the last of a go are full."""
    if not isinstance(act, Decide | Dispute) or len(act.units) < MAX_UNITS:
        return False
    return replace(act, line=following.line, units=following.units) == following


def _pieces(units: Sequence[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(units), size):
        yield list(units[start : start + size])
