# SPDX-License-Identifier: EUPL-1.2
"""Checking captures whose segments were sealed in other batches of the same device."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Final

from lakzegel_office.index import Failure, IndexedItem, IndexStore
from lakzegel_office.opening import CAPTURE_CODE, OpenResult, Reference, mismatch, place_of
from lakzegel_office.replay import HeaderRecord

KEPT: Final = 32  # batches whose items are held in memory
Place = tuple[str, int, int]  # device, epoch, batch


class References:
    """Looks up what other batches hold."""

    def __init__(self, store: IndexStore) -> None:
        """Begin knowing no batch."""
        self._store = store
        self._batches: dict[Place, str] = {}
        self._recent: OrderedDict[str, Mapping[int, IndexedItem]] = OrderedDict()

    def know(self, record: HeaderRecord) -> None:
        """Take note of a batch that the log holds."""
        header = record.header
        self._batches[(header.device, header.epoch, header.batch)] = record.batch_id

    def failures(self, record: HeaderRecord, result: OpenResult) -> Sequence[Failure] | None:
        """Return the captures that name what is not there; None where that cannot be told yet."""
        failures: dict[int, Failure] = {}
        for reference in result.references:
            if reference.item in failures:
                continue
            segment = reference.segment
            batch_id = self._batches.get((record.header.device, segment.epoch, segment.batch))
            if batch_id is None:
                why: str | None = "the log holds no such batch"
            else:
                items = self._items(batch_id)
                if items is None:
                    return None
                why = mismatch(segment, reference.file, items.get(segment.index))
            if why is not None:
                failures[reference.item] = _failure(reference, why)
        return list(failures.values())

    def _items(self, batch_id: str) -> Mapping[int, IndexedItem] | None:
        if batch_id in self._recent:
            self._recent.move_to_end(batch_id)
            return self._recent[batch_id]
        if self._store.opened(batch_id) is None:
            return None
        lines = self._store.read(batch_id)
        if lines is None:
            return None
        self._recent[batch_id] = {line.index: line for line in lines if line.kind == "segment"}
        while len(self._recent) > KEPT:
            self._recent.popitem(last=False)
        return self._recent[batch_id]


def _failure(reference: Reference, why: str) -> Failure:
    what = f"names item {place_of(reference.segment)}, but {why}"
    return Failure(reference.item, CAPTURE_CODE, what)
