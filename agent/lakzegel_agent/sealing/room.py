# SPDX-License-Identifier: EUPL-1.2
"""What units come to in a batch, and what is left in it for files of many segments.

A batch is planned as if each file were one segment. How many it has is known once it is read; one
that has more than there is room for goes the way of big files, over several batches: no seam is
given up for a batch's sake (docs/spec/ledger.md §9).
"""

from typing import Final

from lakzegel_agent.ledgerrows import SEGMENT
from lakzegel_agent.sealing.jobs import CaptureUnit, FileUnit, GrownUnit, Job, RangeUnit, Unit
from lakzegel_agent.sealing.surveys import ConversationUnit
from lakzegel_core.limits import MAX_ITEMS

ITEM: Final = 1_000  # bytes an item adds to its payload, padding apart, and its smallest size
_ROW: Final = 80  # bytes of a capture's JSON for one segment
_STRETCH: Final = 2  # times the limit that a batch may come to for the sake of small segments


def cost(unit: Unit) -> tuple[int, int]:
    """Return how many sealed bytes and items a unit comes to at most, a file as one segment."""
    if isinstance(unit, FileUnit):
        return unit.stat.size + 2 * ITEM, 2
    if isinstance(unit, GrownUnit):
        return unit.size + 2 * ITEM, 2
    if isinstance(unit, RangeUnit):
        return sum(end - start + ITEM for start, end in unit.ranges), len(unit.ranges)
    if isinstance(unit, CaptureUnit):
        return len(unit.rows) // SEGMENT.size * _ROW + ITEM, 1
    if isinstance(unit, ConversationUnit):
        return unit.planned + unit.segments * (ITEM + _ROW), unit.segments + 1
    return len(unit.payload) + ITEM, 1


class Room:
    """What is left of one batch, once everything planned for it is set aside."""

    def __init__(self, job: Job) -> None:
        self._size = _STRETCH * job.limit
        self._items = MAX_ITEMS
        for unit in job.units:
            size, items = cost(unit)
            self._size -= size
            self._items -= items

    def spend(self, segments: int) -> bool:
        """Return whether a file of so many segments fits; if so, that much less is left."""
        if segments <= 1:  # planned for, so never refused
            return True
        more = segments - 1
        if more > self._items or more * ITEM > self._size:
            return False
        self._items -= more
        self._size -= more * ITEM
        return True
