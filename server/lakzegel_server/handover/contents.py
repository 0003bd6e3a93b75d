# SPDX-License-Identifier: EUPL-1.2
"""What one hand-over consists of: each file's name and where its bytes are (handover.md §2)."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lakzegel_core import entries
from lakzegel_core.tiles import WIDTH, entries_path
from lakzegel_core.timenames import ROOTS, Name
from lakzegel_server.handover.packages import Package, Packages
from lakzegel_server.layout import Layout
from lakzegel_server.logstore import LogStore

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class File:
    """One file: its bytes, or where they lie in DATA."""

    name: str
    source: bytes | Path

    def exists(self) -> bool:
        """Whether the bytes are there."""
        return isinstance(self.source, bytes) or self.source.is_file()

    @property
    def size(self) -> int:
        """How many bytes; 0 for what is gone."""
        if isinstance(self.source, bytes):
            return len(self.source)
        with suppress(FileNotFoundError):
            return self.source.stat().st_size
        return 0


@dataclass(frozen=True, slots=True)
class Contents:
    """Finds the files of hand-overs in one DATA."""

    layout: Layout
    store: LogStore
    packages: Packages

    def files(self, package: Package) -> list[File]:
        """Every file but ``ready``, by name; what DATA has lost is not among them."""
        found = [File("checkpoint", package.note)]
        found += self._bundles(package)
        found += self._batches(package)
        found += (File(f"{n}.annex", self.layout.annex(n)) for n in self.packages.annexes(package))
        found += self._tokens(package)
        there = [file for file in found if file.exists()]
        if len(there) < len(found):
            lost = len(found) - len(there)
            _log.warning("hand-over %d: %d files are lost here; run 'check'", package.number, lost)
        return sorted(there, key=lambda file: file.name)

    def _bundles(self, package: Package) -> Iterator[File]:
        size = package.end.size
        if package.start.size < size:
            for index in range(package.start.size // WIDTH, -(-size // WIDTH)):
                width = min(WIDTH, size - index * WIDTH)
                path = entries_path(index, width)
                whole = width == WIDTH  # a first hand-over has more of those than memory holds
                source = self.store.folder / path if whole else self.store.read(path)
                yield File(f"entries-{index}", source)

    def _batches(self, package: Package) -> Iterator[File]:
        for data in self.store.entries(package.start.size, package.end.size):
            if entries.kind_of(data) == entries.BATCH:
                name = hashlib.sha256(data).hexdigest()
                for path in (self.layout.batch(name), self.layout.keyring(name)):
                    yield File(path.name, path)

    def _tokens(self, package: Package) -> Iterator[File]:
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
                yield File(file, self.layout.timestamps / file)
        for root in sorted({row[3] for row in rows}):
            yield File(f"{root}.pem", self.layout.timestamps / ROOTS / f"{root}.pem")
        if listed:
            body = json.dumps({"timestamps": listed, "more": False})
            yield File("timestamps", body.encode())
