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
from lakzegel_office.errors import UsageError
from lakzegel_office.extracts import Extract, Range
from lakzegel_office.index import IndexedItem
from lakzegel_office.names import ItemId
from lakzegel_office.opening import capture_of
from lakzegel_office.replay import BatchPlace, Replay

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
        return {
            "extracts": kept,
            "items": [str(item) for item in self.items],
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
        reached = (*found.alone, *found.shared)
        segments = tuple(sorted({*self._left(reached), *(i for i in reached if i in self._before)}))
        if not segments:
            raise NothingLeftError("nothing is left of these units: their keys are destroyed")
        extracts = self._extracts(units, found)
        captures = self._emptied(found.captures, frozenset(segments) - set(extracts))
        seen = self._left(found.observations)
        staying = [item for item in self._left(found.captures) if item not in captures]
        return Plan(
            units=tuple(sorted(units)),
            segments=segments,
            captures=captures,
            observations=seen if observations else (),
            extracts=extracts,
            naming=tuple(sorted([*staying, *(() if observations else seen)])),
            neighbours=found.neighbours,
            alike=found.alike,
        )

    def _left(self, items: Iterable[ItemId]) -> tuple[ItemId, ...]:
        """Return those that are not destroyed yet."""
        return tuple(sorted(item for item in items if not self._is_gone(item)))

    def _is_gone(self, item: ItemId) -> bool:
        gone = self._replay.destroyed.get((item.device, item.epoch, item.batch), {})
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

    def _named(self, item: ItemId) -> tuple[list[ItemId], ItemId | None]:
        """Return the segments that a capture names, and what it builds on."""
        capture = capture_of(self._line(item))
        base = None
        if capture.base is not None:
            base = ItemId(item.device, capture.base.epoch, capture.base.batch, capture.base.index)
        on = capture_of(self._line(base)) if base is not None else None
        parts = [ItemId(item.device, s.epoch, s.batch, s.index) for s in capture.segments(on)]
        return parts, base

    def _line(self, item: ItemId) -> IndexedItem:
        record = self._catalog.find(item)
        if record.batch_id not in self._lines:
            lines = self._catalog.batch_items(record)
            self._lines[record.batch_id] = {line.index: line for line in lines}
        return self._lines[record.batch_id][item.index]

    def _extracts(self, units: Sequence[str], found: Containing) -> dict[ItemId, tuple[Range, ...]]:
        """Return what stays of each segment that holds others too.

        Raises:
            UsageError: some of their bytes are those of a unit that goes.
        """
        shared = tuple(
            item for item in found.shared if item in {*self._left(found.shared), *self._before}
        )
        gone = self._ranges(units, shared)
        others = self._ranges(found.neighbours, shared)
        kept: dict[ItemId, tuple[Range, ...]] = {}
        for item in shared:
            cuts = [r for r, _ in gone[item]]
            rest = _without(self._whole(item), cuts)
            inside = {unit for r, unit in others[item] if _touches(r, cuts)}
            if inside:
                names = ", ".join(sorted(inside)[:_SHOWN])
                text = f"{item}: {len(inside)} other units have the same bytes: {names}"
                raise UsageError(f"{text}; put those on the list too, or leave this out")
            if rest:
                kept[item] = rest
        return kept

    def _whole(self, item: ItemId) -> tuple[Range, ...]:
        """Return what there is of a segment: all of it, or what its extract has."""
        before = self._before.get(item)
        return ((0, self._line(item).size),) if before is None else tuple(before.pieces)

    def _ranges(
        self, units: Iterable[str], items: Sequence[ItemId]
    ) -> dict[ItemId, list[tuple[Range, str]]]:
        found: dict[ItemId, list[tuple[Range, str]]] = {item: [] for item in items}
        for unit in units:
            for place in self._collection.places(unit):
                if place.item in found:
                    end = place.start + place.length
                    found[place.item].append(((place.start, end), unit))
        return found


def _refuse_held(held: Mapping[str, str]) -> None:
    """Return when no hold covers anything that would be touched.

    Raises:
        UsageError: one does.
    """
    if held:
        units = ", ".join(sorted(held)[:_SHOWN])
        names = ", ".join(sorted(set(held.values())))
        raise UsageError(f"{len(held)} units are under hold {names}, or share a segment: {units}")


def _without(whole: Iterable[Range], gone: Iterable[Range]) -> tuple[Range, ...]:
    """Return what is left of some ranges."""
    cuts = sorted(gone)
    left: list[Range] = []
    for begin, end in whole:
        position = begin
        for start, stop in cuts:
            if position < min(start, end):
                left.append((position, min(start, end)))
            position = max(position, stop)
        if position < end:
            left.append((position, end))
    return tuple(left)


def _touches(wanted: Range, ranges: Iterable[Range]) -> bool:
    return any(start < wanted[1] and wanted[0] < end for start, end in ranges)
