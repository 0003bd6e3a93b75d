# SPDX-License-Identifier: EUPL-1.2
"""What the journal `destructions` has of units for an index that is made anew: disposal.md §3."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from lakzegel_office.collection.leaving import Gone
from lakzegel_office.collection.model import Place, Unit
from lakzegel_office.collection.tombstones import Tomb
from lakzegel_office.commands.common import Office
from lakzegel_office.journal import Journal
from lakzegel_office.names import ItemId

NAME = "destructions.jsonl"
_ENDS = frozenset({"approved", "withdrawn", "erased"})


def tomb_row(unit: Unit, places: Sequence[Place]) -> list[Any]:
    """Return what the journal keeps of a unit that is to go."""
    items = sorted({str(place.item) for place in places})
    said = (unit.id, str(unit.kind), unit.app, unit.custody, unit.device, unit.source)
    return [*said, items]


def tombs_of(office: Office) -> Iterator[Tomb]:
    """Yield the units of every list that was approved, as it was drafted last.

    Raises:
        DoubtError: the journal is broken.
    """
    path = office.home.records / NAME
    if not path.exists():
        return
    drafted: dict[int, list[Any]] = {}
    ended: set[int] = set()
    for entry in Journal(path, office.journal_key).read():
        number = entry.says["list"]
        if entry.says["act"] == "drafted":
            drafted[number] = entry.says.get("tombs", [])
        elif entry.says["act"] in _ENDS:
            ended.add(number)
    for number in sorted(ended & set(drafted)):
        for *said, items in drafted[number]:
            yield Tomb(Gone(*said), tuple(map(ItemId.parse, items)))
