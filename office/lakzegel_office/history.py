# SPDX-License-Identifier: EUPL-1.2
"""How an item belongs to a file's history: the captures that name it, the pieces it is made of."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from lakzegel_core.encoding import b64
from lakzegel_core.errors import LakzegelError
from lakzegel_office.capture import Capture, SegmentRef, Stretch, read_capture
from lakzegel_office.catalog import Catalog
from lakzegel_office.errors import DoubtError
from lakzegel_office.index import IndexedItem
from lakzegel_office.names import ItemId
from lakzegel_office.opening import capture_of

Place = tuple[int, int, int]  # epoch, batch, index


def captures_of(catalog: Catalog, item: ItemId, line: IndexedItem) -> Iterator[ItemId]:
    """Yield the captures of the same file; of a segment only those that it is a piece of."""
    file = line.context.get("file")
    if file is None:
        return
    held: dict[Place, tuple[int, ...]] = {}  # which segments of a capture are the item
    for other, row in catalog.items(item.device):
        if row.kind != "capture" or row.context.get("file") != file:
            continue
        if line.kind == "capture" or _names(row, other, item, held):
            yield other


def pieces_of(catalog: Catalog, item: ItemId, capture: Capture) -> Iterator[bytes]:
    """Yield the bytes of a captured file, piece by piece.

    Raises:
        DoubtError: a piece is not what the capture says.
    """
    for segment in _segments(catalog, item, capture):
        place = ItemId(item.device, segment.epoch, segment.batch, segment.index)
        piece = catalog.item(place)
        if b64(piece.commitment) != segment.commitment or len(piece.payload) != segment.size:
            raise DoubtError(f"{item}: its piece {place} is not the one that was captured")
        yield piece.payload


def _names(
    row: IndexedItem, capture: ItemId, item: ItemId, held: dict[Place, tuple[int, ...]]
) -> bool:
    """Whether a capture is made of a segment; ``held`` keeps where it is in captures so far."""
    try:
        found = capture_of(row)
    except LakzegelError:
        return False
    place = (item.epoch, item.batch, item.index)
    at = tuple(n for n, part in enumerate(found.parts) if _is_at(part, place))
    if found.base is None:
        if at:
            held[(capture.epoch, capture.batch, capture.index)] = at
        return bool(at)
    base = held.get((found.base.epoch, found.base.batch, found.base.index), ())
    return bool(at) or any(
        isinstance(part, Stretch) and part.first <= n < part.first + part.count
        for n in base
        for part in found.parts
    )


def _is_at(part: SegmentRef | Stretch, place: Place) -> bool:
    return isinstance(part, SegmentRef) and (part.epoch, part.batch, part.index) == place


def _segments(catalog: Catalog, item: ItemId, capture: Capture) -> tuple[SegmentRef, ...]:
    try:
        return tuple(capture.segments(_base_of(catalog, item, capture)))
    except LakzegelError as error:
        raise DoubtError(f"{item}: {error}") from error


def _base_of(catalog: Catalog, item: ItemId, capture: Capture) -> Capture | None:
    base = capture.base
    if base is None:
        return None
    place = ItemId(item.device, base.epoch, base.batch, base.index)
    found = catalog.item(place)
    if b64(found.commitment) != base.commitment or found.core["kind"] != "capture":
        raise DoubtError(f"{item}: what it builds on, {place}, is not what was captured")
    payload: Mapping[str, Any] = json.loads(found.payload)  # canonical: it was opened by pull
    return read_capture(payload)
