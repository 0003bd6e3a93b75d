# SPDX-License-Identifier: EUPL-1.2
"""What destroying some units reaches: docs/spec/disposal.md §3.

Keys go of every segment that holds one, and of every capture of which nothing is left. Of a segment
that holds others too an extract is sealed first; where bytes are theirs as well, that cannot be.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from lakzegel_core.encoding import b64, canonical_json
from lakzegel_office.catalog import Catalog
from lakzegel_office.collection.model import Collection, Containing
from lakzegel_office.destroying.holds import Hold, held_by
from lakzegel_office.destroying.staying import Part, Reached, Rest, Stays
from lakzegel_office.errors import UsageError
from lakzegel_office.extracts import Extract, Range
from lakzegel_office.index import IndexedItem
from lakzegel_office.names import ItemId
from lakzegel_office.opening import capture_of
from lakzegel_office.places import BatchPlace
from lakzegel_office.replay import Replay

_SHOWN: Final = 5  # ids that a refusal names


class NothingLeftError(UsageError):
    """Every segment that held the units is destroyed."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What would go, what an extract is sealed of, and what a person should look at."""

    units: tuple[str, ...]
    segments: tuple[ItemId, ...]
    captures: tuple[ItemId, ...]
    observations: tuple[ItemId, ...]  # asked for; else they stay
    extracts: Mapping[ItemId, tuple[Range, ...]]  # what stays of a segment
    members: Mapping[ItemId, tuple[ItemId, ...]]  # those of what an archive's member gives unpacked
    went: Mapping[ItemId, tuple[str, ...]]  # the units that go from each of them
    naming: tuple[ItemId, ...]  # captures and observations that name what goes, and stay
    neighbours: tuple[str, ...]
    alike: tuple[str, ...]

    @property
    def items(self) -> tuple[ItemId, ...]:
        """Return every item whose key goes."""
        return tuple(sorted({*self.segments, *self.captures, *self.observations}))

    def by_batch(self) -> dict[BatchPlace, tuple[int, ...]]:
        """Return the items to destroy of each batch."""
        found: dict[BatchPlace, list[int]] = defaultdict(list)
        for item in self.items:
            found[item.device, item.epoch, item.batch].append(item.index)
        return {place: tuple(sorted(items)) for place, items in sorted(found.items())}

    def row(self) -> dict[str, Any]:
        """Return it as a journal has it."""
        kept = {str(item): [list(r) for r in ranges] for item, ranges in self.extracts.items()}
        members = {str(item): [str(i) for i in parts] for item, parts in self.members.items()}
        return {
            "extracts": kept,
            "items": [str(item) for item in self.items],
            "members": members,
            "units": list(self.units),
        }

    def digest(self) -> str:
        """Return the SHA-256 of what is proposed."""
        return b64(hashlib.sha256(canonical_json(self.row())).digest())


class Planner:
    """Says what destroying units reaches, in one state of the mirror."""

    def __init__(
        self,
        collection: Collection,
        catalog: Catalog,
        replay: Replay,
        before: Mapping[ItemId, Extract],
    ) -> None:
        """Keep what is looked through; `before` is the extracts in force."""
        self._collection = collection
        self._catalog = catalog
        self._replay = replay
        self._before = before
        self._rest = Rest(collection, catalog, before)
        self._lines: dict[str, dict[int, IndexedItem]] = {}

    def plan(
        self, units: Sequence[str], holds: Sequence[Hold], *, observations: bool = False
    ) -> Plan:
        """Return what destroying these units reaches.

        Raises:
            UsageError: a hold covers one, or what shares a segment with one; others have the same
                bytes; nothing is left to destroy.
        """
        found = self._collection.containing(units)
        _refuse_held(held_by(holds, self._collection, [*units, *found.neighbours]))
        reached = {*found.alone, *found.shared}
        segments = {*self._left(reached), *(reached & self._before.keys())}
        stays = self._stays(units, found, frozenset(segments))
        segments |= stays.extracts.keys()
        if not segments:
            raise NothingLeftError("nothing is left of these units: their keys are destroyed")
        captures = self._emptied(found.captures, frozenset(segments) - stays.extracts.keys())
        seen = self._left(found.observations)
        staying = [item for item in self._left(found.captures) if item not in captures]
        return Plan(
            units=tuple(sorted(units)),
            segments=tuple(sorted(segments)),
            captures=captures,
            observations=seen if observations else (),
            extracts=stays.extracts,
            members=stays.members,
            went=stays.went,
            naming=tuple(sorted([*staying, *(() if observations else seen)])),
            neighbours=found.neighbours,
            alike=found.alike,
        )

    def _left(self, items: Iterable[ItemId]) -> tuple[ItemId, ...]:
        """Return those that are not destroyed yet."""
        return tuple(sorted(item for item in items if not self._is_gone(item)))

    def _is_gone(self, item: ItemId) -> bool:
        gone = self._replay.destroyed[item.device, item.epoch, item.batch]
        return item.index in gone

    def _is_lost(self, item: ItemId) -> bool:
        return self._is_gone(item) and item not in self._before

    def _emptied(
        self, captures: Iterable[ItemId], segments: frozenset[ItemId]
    ) -> tuple[ItemId, ...]:
        """Return the captures of which no segment is left; none that another one builds on."""
        left = self._left(captures)
        named = {item: self._named(item) for item in left}
        empty = {
            item
            for item, (parts, _) in named.items()
            if all(part in segments or self._is_lost(part) for part in parts)
        }
        needed = {base for item, (_, base) in named.items() if item not in empty}
        return tuple(sorted(empty - needed))

    def _stays(self, units: Sequence[str], found: Containing, segments: frozenset[ItemId]) -> Stays:
        """Return what stays of what is shared, and of the directories of archives.

        Raises:
            UsageError: some of their bytes are those of a unit that goes.
        """
        made = self._rest.of(units, found, sorted(segments.intersection(found.shared)))
        for capture in self._left(found.archives):
            parts, _ = self._parts(capture)
            lost = frozenset(item for item, _ in parts if self._is_lost(item))
            self._rest.directory(made, parts, Reached(segments, lost), found)
        return made

    def _named(self, item: ItemId) -> tuple[list[ItemId], ItemId | None]:
        """Return the segments that a capture names, and what it builds on."""
        parts, base = self._parts(item)
        return [part for part, _ in parts], base

    def _parts(self, item: ItemId) -> tuple[list[Part], ItemId | None]:
        """Return the segments that a capture names, with their sizes, and what it builds on."""
        capture = capture_of(self._line(item))
        base = None
        if capture.base is not None:
            base = ItemId(item.device, capture.base.epoch, capture.base.batch, capture.base.index)
        on = capture_of(self._line(base)) if base is not None else None
        named = capture.segments(on)
        return [(ItemId(item.device, s.epoch, s.batch, s.index), s.size) for s in named], base

    def _line(self, item: ItemId) -> IndexedItem:
        record = self._catalog.find(item)
        if record.batch_id not in self._lines:
            lines = self._catalog.batch_items(record)
            self._lines[record.batch_id] = {line.index: line for line in lines}
        return self._lines[record.batch_id][item.index]


def _refuse_held(held: Mapping[str, str]) -> None:
    """Return when no hold covers anything that would be touched.

    Raises:
        UsageError: one does.
    """
    if held:
        units = ", ".join(sorted(held)[:_SHOWN])
        names = ", ".join(sorted(set(held.values())))
        raise UsageError(f"{len(held)} units are under hold {names}, or share a segment: {units}")
