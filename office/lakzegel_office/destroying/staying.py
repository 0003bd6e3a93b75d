# SPDX-License-Identifier: EUPL-1.2
"""What stays of segments that hold more than what goes: docs/spec/disposal.md §4.

Of a segment its other bytes; of one that packs a member of an archive the other bytes of what
that gives unpacked; of an archive's directory what does not tell of members that go.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection as Container
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from lakzegel_office.catalog import Catalog
from lakzegel_office.collection.model import Collection, Containing
from lakzegel_office.collection.unpacking import unpack
from lakzegel_office.destroying.directories import Span, telling
from lakzegel_office.errors import UsageError
from lakzegel_office.extracts import FILLER, Extract, Range
from lakzegel_office.names import ItemId

_SHOWN: Final = 5  # ids that a refusal names

Part = tuple[ItemId, int]  # of a capture: a segment, its bytes
_Ranges = dict[ItemId, list[tuple[Range, str]]]


@dataclass(slots=True)
class Stays:
    """Of which segments something stays."""

    extracts: dict[ItemId, tuple[Range, ...]] = field(default_factory=dict)
    members: dict[ItemId, tuple[ItemId, ...]] = field(default_factory=dict)  # ranges unpacked
    went: dict[ItemId, tuple[str, ...]] = field(default_factory=dict)  # units, of each


@dataclass(frozen=True, slots=True)
class Reached:
    """Which segments go, whole or but for an extract; which are gone, and nothing left of them."""

    segments: Container[ItemId]
    lost: Container[ItemId]


class Rest:
    """Says what stays; `before` is the extracts in force."""

    def __init__(
        self, collection: Collection, catalog: Catalog, before: Mapping[ItemId, Extract]
    ) -> None:
        """Keep what is looked through."""
        self._collection = collection
        self._catalog = catalog
        self._before = before

    def of(self, units: Sequence[str], found: Containing, shared: Sequence[ItemId]) -> Stays:
        """Return what stays of segments that hold other units too.

        Raises:
            UsageError: some of their bytes are those of a unit that goes.
        """
        made = Stays()
        gone = self._ranges(units, shared, made.members)
        others = self._ranges(found.neighbours, shared, made.members)
        behind = {item for member in made.members.values() for item in member[1:]}
        for item in shared:
            if item in behind:
                continue  # what stays of it is in the extract of the first
            cuts = [r for r, _ in gone[item]]
            inside = {unit for r, unit in others[item] if _touches(r, cuts)}
            if inside:
                names = ", ".join(sorted(inside)[:_SHOWN])
                text = f"{item}: {len(inside)} other units have the same bytes: {names}"
                raise UsageError(f"{text}; put those on the list too, or leave this out")
            rest = _without(self._whole(item, made), cuts)
            if rest:
                made.extracts[item] = rest
                made.went[item] = tuple(sorted({unit for _, unit in gone[item]}))
        made.members = {i: member for i, member in made.members.items() if i in made.extracts}
        return made

    def directory(
        self, made: Stays, parts: Sequence[Part], reached: Reached, found: Containing
    ) -> None:
        """Add what stays of one archive's directory: nothing of it tells of a member that goes."""
        tail: list[Part] = []
        for part in reversed(parts):
            if part[0] not in found.directories and part[0] not in reached.segments:
                break
            tail.insert(0, part)
        if not any(item in found.directories for item, _ in tail):
            return
        data = b"".join(self._bytes(item, size, reached) for item, size in tail)
        cuts = list(telling(data, self._spans(made, parts, reached)))
        begin = 0
        for item, size in tail:
            here = [(low - begin, high - begin) for low, high in cuts]
            whole = made.extracts.get(item, self._whole(item, made))
            rest = _without(whole, here)
            if item in found.directories and rest != whole:
                made.extracts[item] = rest
                made.went.setdefault(item, ())
            begin += size

    def _spans(self, made: Stays, parts: Sequence[Part], reached: Reached) -> Iterator[Span]:
        """Yield where members lie of which something goes, or went before."""
        begin = 0
        for item, size in parts:
            goes = item in reached.segments and item not in made.extracts
            before = self._before.get(item)
            if goes or item in reached.lost:
                yield Span(begin, begin + size, stays=False)
            elif item in made.members or (before is not None and before.member is not None):
                yield Span(begin, begin + size, stays=True)
            begin += size

    def _bytes(self, item: ItemId, size: int, reached: Reached) -> bytes:
        before = self._before.get(item)
        if before is not None:
            return before.payload()
        return FILLER * size if item in reached.lost else self._catalog.item(item).payload

    def _whole(self, item: ItemId, made: Stays) -> tuple[Range, ...]:
        """Return what there is of a segment: all of it, or what its extract has."""
        before = self._before.get(item)
        if before is not None:
            return tuple(before.pieces)
        member = made.members.get(item)
        if member is not None:
            return ((0, len(unpack(member, lambda i: self._catalog.item(i).payload).data)),)
        return ((0, len(self._catalog.item(item).payload)),)

    def _ranges(
        self,
        units: Iterable[str],
        items: Sequence[ItemId],
        members: dict[ItemId, tuple[ItemId, ...]],
    ) -> _Ranges:
        found: _Ranges = defaultdict(list)
        wanted = frozenset(items)
        for unit in units:
            for place in self._collection.places(unit):
                if place.item in wanted:
                    end = place.start + place.length
                    found[place.item].append(((place.start, end), unit))
                    if place.member:
                        members[place.item] = place.member
        return found


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
