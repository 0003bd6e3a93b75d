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
from lakzegel_office.index import IndexedItem
from lakzegel_office.names import ItemId
from lakzegel_office.opening import capture_of
from lakzegel_office.replay import BatchPlace, Replay

_SHOWN: Final = 5  # ids that a refusal names

Range = tuple[int, int]  # start and end, in bytes of a segment


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

    def __init__(self, collection: Collection, catalog: Catalog, replay: Replay) -> None:
        """Keep what is looked through."""
        self._collection = collection
        self._catalog = catalog
        self._replay = replay
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
        segments = self._left((*found.alone, *found.shared))
        if not segments:
            raise UsageError("nothing is left of these units: their keys are destroyed")
        captures = self._emptied(found.captures, frozenset(segments))
        seen = self._left(found.observations)
        staying = [item for item in self._left(found.captures) if item not in captures]
        return Plan(
            units=tuple(sorted(units)),
            segments=segments,
            captures=captures,
            observations=seen if observations else (),
            extracts=self._extracts(units, found),
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

    def _emptied(
        self, captures: Iterable[ItemId], segments: frozenset[ItemId]
    ) -> tuple[ItemId, ...]:
        """Return the captures of which no segment is left; none that another one builds on."""
        left = self._left(captures)
        named = {item: self._named(item) for item in left}
        empty = {
            item
            for item, (parts, _) in named.items()
            if all(part in segments or self._is_gone(part) for part in parts)
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
        shared = self._left(found.shared)
        gone = self._ranges(units, shared)
        others = self._ranges(found.neighbours, shared)
        kept: dict[ItemId, tuple[Range, ...]] = {}
        for item in shared:
            rest = _without(self._line(item).size, [r for r, _ in gone[item]])
            inside = {unit for r, unit in others[item] if not _lies_in(r, rest)}
            if inside:
                names = ", ".join(sorted(inside)[:_SHOWN])
                text = f"{item}: {len(inside)} other units have the same bytes: {names}"
                raise UsageError(f"{text}; put those on the list too, or leave this out")
            kept[item] = rest
        return kept

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


def _without(size: int, gone: Iterable[Range]) -> tuple[Range, ...]:
    """Return what is left of so many bytes."""
    left, position = [], 0
    for start, end in sorted(gone):
        if start > position:
            left.append((position, start))
        position = max(position, end)
    if position < size:
        left.append((position, size))
    return tuple(left)


def _lies_in(wanted: Range, ranges: Iterable[Range]) -> bool:
    return any(start <= wanted[0] and wanted[1] <= end for start, end in ranges)
