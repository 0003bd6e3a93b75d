# SPDX-License-Identifier: EUPL-1.2
"""Where a check finds what storage.md §1 names: below DATA, or in a store."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lakzegel_core.limits import MAX_CHECKPOINT, MAX_NOTE
from lakzegel_server.stores import names
from lakzegel_server.stores.protocols import Keeping, Reading
from lakzegel_server.stores.reading import BytesReading, FileReading
from lakzegel_server.stores.stores import Stores

_OBJECTS: Final = (names.BATCHES, names.ANNEXES, names.TRAIL, names.TIMESTAMPS)
_DOCUMENTS: Final = (names.CHECKPOINT, names.HELD, names.AHEAD, names.RESTORED)
_LARGEST: Final = max(MAX_CHECKPOINT, MAX_NOTE)  # bytes of a document


@dataclass(frozen=True, slots=True)
class Places:
    """The places of one receiver."""

    data: Path
    stores: Stores

    @property
    def has_tiles(self) -> bool:
        """Whether every tile is a file of its own."""
        return self.stores.tiles_are_files

    def names(self) -> Iterator[str]:
        """What is there and lies not below DATA."""
        stores = self.stores
        if stores.objects_apart:
            for prefix in (*_OBJECTS, names.TILES):
                yield from stores.objects.names(prefix)
        if stores.keyrings_apart:
            yield from stores.keyrings.names(names.KEYRINGS)
            yield from stores.keyrings.waiting()
        yield from self.documents()

    def documents(self) -> Iterator[str]:
        """The small ones of those."""
        stores = self.stores
        if stores.documents_apart:
            yield from (name for name in _DOCUMENTS if stores.documents.exists(name))
            yield from stores.documents.names(names.EVIDENCE)

    def store(self, place: str) -> Keeping | None:
        """The store that keeps a place; None for a file of DATA."""
        stores = self.stores
        if place.startswith(names.KEYRINGS):
            return stores.keyrings if stores.keyrings_apart else None
        apart = stores.objects_apart and place != names.CHECKPOINT
        return stores.objects if apart and place.startswith((*_OBJECTS, names.TILES)) else None

    def open(self, place: str) -> Reading:
        """What lies there.

        Raises:
            OSError: it cannot be read.
        """
        store = self.store(place)
        if store is not None:
            return store.open(place)
        if self._is_document(place):
            return BytesReading(self.stores.documents.read(place, _LARGEST))
        return FileReading((self.data / place).open("rb", buffering=0))

    def exists(self, place: str) -> bool:
        """Whether anything lies there now."""
        store = self.store(place)
        if store is not None:
            return store.size(place) is not None
        if self._is_document(place):
            return self.stores.documents.exists(place)
        return (self.data / place).exists()

    def is_file(self, place: str) -> bool:
        """Whether it is there, and below DATA a regular file."""
        if self.store(place) is not None or self._is_document(place):
            return self.exists(place)
        try:
            return stat.S_ISREG((self.data / place).lstat().st_mode)
        except OSError:
            return False

    @property
    def below(self) -> tuple[str, ...]:
        """Of the folders with a file for each batch, those that lie below DATA."""
        apart = {
            names.BATCHES: self.stores.objects_apart,
            names.KEYRINGS: self.stores.keyrings_apart,
        }
        return tuple(name for name, is_apart in apart.items() if not is_apart)

    def _is_document(self, place: str) -> bool:
        known = place in _DOCUMENTS or place.startswith(names.EVIDENCE)
        return self.stores.documents_apart and known
