# SPDX-License-Identifier: EUPL-1.2
"""Destruction lists, as the journal `destructions` tells them: docs/spec/disposal.md §3.

A list is proposed, approved by a second person, carried out (*withdrawn*) and, once no key opens
any copy, final (*erased*). Until it is carried out a hold takes units off it, and it is to be
approved again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from lakzegel_office.collection.indexed import IndexedCollection
from lakzegel_office.collection.model import Collection
from lakzegel_office.commands.common import Office
from lakzegel_office.destroying.clearing import Clearance
from lakzegel_office.destroying.holds import Hold, held_by
from lakzegel_office.destroying.selection import Category
from lakzegel_office.errors import DoubtError, UsageError
from lakzegel_office.journal import Journal

JOURNAL: Final = "destructions"
PROPOSED: Final = "proposed"
APPROVED: Final = "approved"
WITHDRAWN: Final = "withdrawn"
ERASED: Final = "erased"
DROPPED: Final = "dropped"
DRAFTED: Final = "drafted"


@dataclass(frozen=True, slots=True)
class DestructionList:
    """One list as it stands."""

    number: int
    state: str
    units: tuple[str, ...]
    ground: str
    category: Mapping[str, str]
    observations: bool
    proposer: str
    key: str  # verifier key of the approver who proposed it
    proposed: datetime
    dropped: tuple[str, ...] = ()  # since the newest approval
    draft: str = ""  # base64 SHA-256 of what was made ready for an approval
    round: int = 0  # how often it was approved
    approver: str = ""
    deed: str = ""  # base64 SHA-256 of the certificate
    items: tuple[str, ...] = ()  # what the newest approval covers
    periods: tuple[str, ...] = ()  # whose keys open keyrings that have what was destroyed
    withdrawn: datetime | None = None
    entries: tuple[tuple[str, int, str, str], ...] = ()  # batch, log index, SHA-256, time
    files: Mapping[str, str] = field(default_factory=dict)  # SHA-256 of what is to be read

    @property
    def is_open(self) -> bool:
        """Whether it was not carried out yet."""
        return self.state in {PROPOSED, APPROVED}

    @property
    def by_category(self) -> Category:
        """The category of the selection list by which it goes, as it was then."""
        said = self.category
        return Category(
            said["code"],
            said["appraisal"],
            said["term"],
            said["ground"],
            said["about"],
            classes=tuple(said.get("class", "").split()),
        )


class Lists:
    """The lists of one office."""

    def __init__(self, office: Office) -> None:
        """Keep the journal."""
        path = office.home.records / f"{JOURNAL}.jsonl"
        self._journal = Journal(path, office.journal_key)

    def all(self) -> dict[int, DestructionList]:
        """Return every list, by number.

        Raises:
            DoubtError: the journal is broken.
        """
        found: dict[int, DestructionList] = {}
        for entry in self._journal.read():
            number = entry.says["list"]
            known = found.get(number)
            if known is None:
                found[number] = _proposed(entry.says, entry.at)
            else:
                found[number] = _next(known, entry.says, entry.at)
        return found

    def get(self, number: int) -> DestructionList:
        """Return one list.

        Raises:
            UsageError: there is none.
        """
        found = self.all().get(number)
        if found is None:
            raise UsageError(f"list {number}: there is none; see: lakzegel-office destroy list")
        return found

    def propose(self, row: Mapping[str, Any], now: datetime) -> int:
        """Add a list; return its number."""
        number = max(self.all(), default=0) + 1
        self._journal.append({**row, "act": PROPOSED, "list": number}, now)
        return number

    def say(self, number: int, act: str, now: datetime, **more: Any) -> None:  # noqa: ANN401
        """Add what became of a list."""
        self._journal.append({"act": act, "list": number, **more}, now)

    def take_off(
        self, holds: Sequence[Hold], collection: IndexedCollection, now: datetime
    ) -> list[tuple[int, str, str]]:
        """Take what a hold covers off every list that was not carried out, unless it is gone.

        Returns:
            the list, unit and hold of each.
        """
        taken = []
        gone = {one.unit for one in collection.gone()}
        for found in self.all().values():
            if not found.is_open:
                continue
            left = [unit for unit in found.units if unit not in gone]
            held = held_by(holds, collection, left)
            near = near_held(holds, collection, [u for u in left if u not in held])
            for unit, hold in sorted({**held, **near}.items()):
                self.say(found.number, DROPPED, now, unit=unit, hold=hold)
                taken.append((found.number, unit, hold))
        return taken

    def take_off_kept(
        self, number: int, clearance: Clearance, collection: IndexedCollection, now: datetime
    ) -> Mapping[str, str]:
        """Take off a list that was not carried out what review keeps; return why, by unit."""
        found = self.get(number)
        if not found.is_open:
            return {}
        gone = {one.unit for one in collection.gone()}
        left = [collection.unit(unit) for unit in found.units if unit not in gone]
        kept = clearance.refused(left, found.by_category)
        for unit, why in sorted(kept.items()):
            self.say(number, DROPPED, now, unit=unit, review=why)
        return kept


def near_held(
    holds: Sequence[Hold], collection: Collection, units: Sequence[str]
) -> dict[str, str]:
    """Return the units of which a segment holds one that a hold covers, and that hold."""
    found = {}
    for unit in units if holds else ():
        held = held_by(holds, collection, collection.containing([unit]).neighbours)
        if held:
            found[unit] = min(held.values())
    return found


def _proposed(says: Mapping[str, Any], at: datetime) -> DestructionList:
    return DestructionList(
        number=says["list"],
        state=PROPOSED,
        units=tuple(says["units"]),
        ground=says["ground"],
        category=says["category"],
        observations=says["observations"],
        proposer=says["by"],
        key=says["key"],
        proposed=at,
    )


def _next(known: DestructionList, says: Mapping[str, Any], at: datetime) -> DestructionList:
    act = says["act"]
    if act == DROPPED:
        left = tuple(unit for unit in known.units if unit != says["unit"])
        dropped = (*known.dropped, says["unit"])
        return replace(known, units=left, state=PROPOSED, draft="", dropped=dropped)
    if act == DRAFTED:
        return replace(known, draft=says["draft"])
    if act == APPROVED:
        return replace(
            known,
            state=APPROVED,
            dropped=(),
            round=says["round"],
            approver=says["by"],
            deed=says["deed"],
            items=tuple(says["items"]),
            periods=tuple(sorted({*known.periods, *says["periods"]})),
        )
    if act == WITHDRAWN:
        rows = tuple((batch, entry, note, when) for batch, entry, note, when in says["entries"])
        files = says.get("files", {})
        return replace(known, state=WITHDRAWN, withdrawn=at, entries=rows, files=files)
    if act == ERASED:
        return replace(known, state=ERASED, files=says.get("files", {}))
    raise DoubtError(f"records/{JOURNAL}.jsonl: an act {act} that this version does not know")
