# SPDX-License-Identifier: EUPL-1.2
"""Checking captures that name what was sealed in other batches of the same device."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from lakzegel_office.capture import BaseRef, SegmentRef
from lakzegel_office.headers import HeaderRecord
from lakzegel_office.index import Failure, IndexedItem, IndexStore
from lakzegel_office.opening import (
    CAPTURE_CODE,
    OpenResult,
    base_mismatch,
    mismatch,
    place_of,
)
from lakzegel_office.replay import Replay

KEPT: Final = 32  # batches whose items are held in memory
BASES: Final = 8  # captures that others build on, held in memory: one has some MB
NO_BATCH: Final = "the log holds no such batch"


class References:
    """Looks up what other batches hold."""

    def __init__(
        self, store: IndexStore, replay: Replay, unopened: Callable[[HeaderRecord], None]
    ) -> None:
        """Keep the index of what was opened, and the log; `unopened` hears what is not there."""
        self._unopened = unopened
        self._store = store
        self._replay = replay
        self._recent: OrderedDict[str, Mapping[int, IndexedItem]] = OrderedDict()
        self._built_on: OrderedDict[tuple[str, int], IndexedItem | None] = OrderedDict()

    def failures(self, record: HeaderRecord, result: OpenResult) -> Sequence[Failure] | None:
        """Return the captures that name what is not there; None where that cannot be told yet."""
        failures: dict[int, Failure] = {}
        if not (self._segments(record, result, failures) and self._bases(record, result, failures)):
            return None
        return list(failures.values())

    def _segments(
        self, record: HeaderRecord, result: OpenResult, failures: dict[int, Failure]
    ) -> bool:
        """Look up what captures are made of; False where a batch was not opened yet."""
        for reference in result.references:
            if reference.item in failures:
                continue
            segment = reference.segment
            if self._is_destroyed(record, segment):
                continue
            other = self._batch(record, segment)
            why: str | None = NO_BATCH
            if other is not None:
                items = self._items(other.batch_id)
                if items is None:
                    self._unopened(other)
                    return False
                why = mismatch(segment, reference.file, items.get(segment.index))
            if why is not None:
                text = f"names item {place_of(segment)}, but {why}"
                failures[reference.item] = Failure(reference.item, CAPTURE_CODE, text)
        return True

    def _bases(
        self, record: HeaderRecord, result: OpenResult, failures: dict[int, Failure]
    ) -> bool:
        """Look up what captures build on; False where a batch was not opened yet."""
        for built in result.built:
            if self._is_destroyed(record, built.base):
                continue
            other = self._batch(record, built.base)
            why: str | None = NO_BATCH
            if other is not None:
                if self._store.opened(other.batch_id) is None:
                    self._unopened(other)
                    return False
                why = base_mismatch(built, self._base(other.batch_id, built.base.index))
            if why is not None:
                text = f"builds on item {place_of(built.base)}, but {why}"
                failures.setdefault(built.item, Failure(built.item, CAPTURE_CODE, text))
        return True

    def forget(self, batch_id: str) -> None:
        """Look a batch up again: it is opened anew."""
        self._recent.pop(batch_id, None)
        for key in [key for key in self._built_on if key[0] == batch_id]:
            del self._built_on[key]

    def _is_destroyed(self, record: HeaderRecord, named: SegmentRef | BaseRef) -> bool:
        place = (record.header.device, named.epoch, named.batch)
        return named.index in self._replay.destroyed[place]

    def _batch(self, record: HeaderRecord, named: SegmentRef | BaseRef) -> HeaderRecord | None:
        return self._replay.accepted.find((record.header.device, named.epoch, named.batch))

    def _base(self, batch_id: str, index: int) -> IndexedItem | None:
        key = (batch_id, index)
        if key not in self._built_on:
            lines = self._store.read(batch_id) or ()
            self._built_on[key] = next((line for line in lines if line.index == index), None)
        self._built_on.move_to_end(key)
        while len(self._built_on) > BASES:
            self._built_on.popitem(last=False)
        return self._built_on[key]

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
