# SPDX-License-Identifier: EUPL-1.2
"""How an item belongs to a file's history: the captures that name it, the pieces it is made of."""

from collections.abc import Iterator

from lakzegel_core.encoding import b64
from lakzegel_core.errors import LakzegelError
from lakzegel_office.capture import Capture
from lakzegel_office.catalog import Catalog
from lakzegel_office.errors import DoubtError
from lakzegel_office.index import IndexedItem
from lakzegel_office.names import ItemId
from lakzegel_office.opening import capture_of


def captures_of(catalog: Catalog, item: ItemId, line: IndexedItem) -> Iterator[ItemId]:
    """Yield the captures of the same file; of a segment only those that it is a piece of."""
    file = line.context.get("file")
    if file is None:
        return
    for other, row in catalog.items(item.device):
        if row.kind != "capture" or row.context.get("file") != file:
            continue
        if line.kind == "capture" or _names(row, item):
            yield other


def pieces_of(catalog: Catalog, item: ItemId, capture: Capture) -> Iterator[bytes]:
    """Yield the bytes of a captured file, piece by piece.

    Raises:
        DoubtError: a piece is not what the capture says.
    """
    for segment in capture.segments:
        place = ItemId(item.device, segment.epoch, segment.batch, segment.index)
        piece = catalog.item(place)
        if b64(piece.commitment) != segment.commitment or len(piece.payload) != segment.size:
            raise DoubtError(f"{item}: its piece {place} is not the one that was captured")
        yield piece.payload


def _names(row: IndexedItem, item: ItemId) -> bool:
    try:
        capture = capture_of(row)
    except LakzegelError:
        return False
    place = (item.epoch, item.batch, item.index)
    return any((s.epoch, s.batch, s.index) == place for s in capture.segments)
