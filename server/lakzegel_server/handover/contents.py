# SPDX-License-Identifier: EUPL-1.2
"""What one hand-over consists of: each file's name and where its bytes are (handover.md §2)."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol, Self

from lakzegel_core import entries
from lakzegel_core.tiles import WIDTH, entries_path
from lakzegel_core.timenames import ROOTS, Name
from lakzegel_server.handover.packages import Package, Packages
from lakzegel_server.layout import Layout
from lakzegel_server.logstore import LogStore
from lakzegel_server.stores import names
from lakzegel_server.stores.protocols import Reading
from lakzegel_server.stores.reading import BytesReading

_log: Final = logging.getLogger(__name__)


class Source(Protocol):
    """Where bytes of files are."""

    def open(self, name: str, /) -> Reading:
        """What has this name."""
        ...

    def size(self, name: str, /) -> int | None:
        """How many bytes it has; None when nothing has this name."""
        ...


@dataclass(frozen=True, slots=True)
class File:
    """One file: its bytes, or the store and the name that give them."""

    name: str
    source: bytes | tuple[Source, str]
    size: int  # bytes, when it was looked for

    @classmethod
    def of(cls, name: str, data: bytes) -> Self:
        """A file of these bytes."""
        return cls(name, data, len(data))

    def open(self) -> Reading:
        """Its bytes, from the first one on.

        Raises:
            OSError: they are gone, or cannot be read now.
        """
        if isinstance(self.source, bytes):
            return BytesReading(self.source)
        store, place = self.source
        return store.open(place)


@dataclass(frozen=True, slots=True)
class Contents:
    """Finds the files of hand-overs in one DATA."""

    layout: Layout
    store: LogStore
    packages: Packages

    def files(self, package: Package) -> list[File]:
        """Every file but ``ready``, by name; what DATA has lost is not among them."""
        objects = self.layout.stores.objects
        found: list[File | None] = [File.of("checkpoint", package.note)]
        found += self._bundles(package)
        found += self._batches(package)
        for name in self.packages.annexes(package):
            found.append(_stored(f"{name}.annex", objects, names.annex(name)))
        found += self._tokens(package)
        there = [file for file in found if file is not None]
        if len(there) < len(found):
            lost = len(found) - len(there)
            _log.warning("hand-over %d: %d files are lost here; run 'check'", package.number, lost)
        return sorted(there, key=lambda file: file.name)

    def _bundles(self, package: Package) -> Iterator[File | None]:
        size = package.end.size
        if package.start.size < size:
            for index in range(package.start.size // WIDTH, -(-size // WIDTH)):
                width = min(WIDTH, size - index * WIDTH)
                path = entries_path(index, width)
                if width < WIDTH:
                    yield File.of(f"entries-{index}", self.store.read(path))
                else:  # a first hand-over has more of those than memory holds
                    yield _stored(f"entries-{index}", self.store, path)

    def _batches(self, package: Package) -> Iterator[File | None]:
        stores = self.layout.stores
        for data in self.store.entries(package.start.size, package.end.size):
            if entries.kind_of(data) == entries.BATCH:
                name = hashlib.sha256(data).hexdigest()
                yield _stored(f"{name}.batch", stores.objects, names.batch(name))
                yield _stored(f"{name}.keyring", stores.keyrings, names.keyring(name))

    def _tokens(self, package: Package) -> Iterator[File | None]:
        objects = self.layout.stores.objects
        rows = self.packages.tokens(package)
        listed = []
        for text, at, expires, root in rows:
            name = Name.parse(text)
            listed.append(
                {
                    "name": text,
                    "size": None if name.renewal else name.number,
                    "authority": name.authority,
                    "time": at,
                    "expires": expires,
                    "root": root,
                }
            )
            for file in (name.stamped, name.answer):
                yield _stored(file, objects, names.timestamp(file))
        for root in sorted({row[3] for row in rows}):
            file = f"{root}.pem"
            yield _stored(file, objects, names.timestamp(f"{ROOTS}/{file}"))
        if listed:
            body = json.dumps({"timestamps": listed, "more": False})
            yield File.of("timestamps", body.encode())


def _stored(name: str, store: Source, place: str) -> File | None:
    """A file whose bytes a store has; None when it does not."""
    size = store.size(place)
    return None if size is None else File(name, (store, place), size)
