# SPDX-License-Identifier: EUPL-1.2
"""Bytes under their digest: each once, whole, and durable before anything names it."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, Protocol

from lakzegel_server.backup.manifest import Stored
from lakzegel_server.durable import FOLDER, create, replace_file, settle, sync_folder, write_all

BLOCK: Final = 2**20  # bytes read at a time


class Readable(Protocol):
    """What has bytes, from its first one on."""

    def read(self, size: int, /) -> bytes | None:
        """The next bytes; none at the end."""


class Objects:
    """The folder ``objects`` of one backup."""

    def __init__(self, out: Path) -> None:
        self._folder = out / "objects"

    @property
    def folder(self) -> Path:
        """Where they lie; also for work in progress, which ``tidy`` takes away."""
        return self._folder

    def path(self, sha256: str) -> Path:
        """Where the bytes with this digest lie."""
        return self._folder / sha256[:2] / sha256

    def has(self, stored: Stored) -> bool:
        """Whether bytes of this name and length are there; they are not read."""
        try:
            return self.path(stored.sha256).stat().st_size == stored.size
        except FileNotFoundError:
            return False

    def put(self, data: bytes) -> Stored:
        """Keep these bytes."""
        stored = Stored(hashlib.sha256(data).hexdigest(), len(data))
        if not self.has(stored):
            self._make_folder(stored)
            replace_file(self.path(stored.sha256), data, work=self._folder)
        return stored

    def copy(self, source: Path) -> Stored:
        """Keep the bytes of a file.

        Raises:
            FileNotFoundError: it is not there.
        """
        with source.open("rb", buffering=0) as file:
            return self.keep(file)

    def keep(self, file: Readable) -> Stored:
        """Keep the bytes of what is open."""
        part = self._folder / f"{secrets.token_hex(16)}.part"
        try:
            with create(part) as target:
                hashed, size = hashlib.sha256(), 0
                while block := file.read(BLOCK):
                    hashed.update(block)
                    write_all(target, block)
                    size += len(block)
            return self.adopt(part, Stored(hashed.hexdigest(), size))
        finally:
            part.unlink(missing_ok=True)

    def adopt(self, part: Path, stored: Stored) -> Stored:
        """Keep a file that was written in this folder."""
        if not self.has(stored):
            self._make_folder(stored)
            settle([(part, self.path(stored.sha256))])
        return stored

    def blocks(self, stored: Stored) -> Iterator[bytes]:
        """The bytes, block by block, as they lie there."""
        with self.path(stored.sha256).open("rb", buffering=0) as file:
            while block := file.read(BLOCK):
                yield block

    def tidy(self, wanted: Iterable[Stored]) -> None:
        """Remove what nothing names any more."""
        kept = {stored.sha256 for stored in wanted}
        for folder in self._folder.iterdir():
            if not folder.is_dir():
                folder.unlink()
                continue
            for path in folder.iterdir():
                if path.name not in kept:
                    path.unlink()

    def make(self) -> None:
        """Make the folder, closed to others."""
        self._folder.parent.mkdir(parents=True, exist_ok=True, mode=FOLDER)
        self._folder.mkdir(exist_ok=True, mode=FOLDER)

    def _make_folder(self, stored: Stored) -> None:
        folder = self.path(stored.sha256).parent
        if not folder.is_dir():
            folder.mkdir(mode=FOLDER)
            sync_folder(self._folder)


def digest_of(path: Path) -> Stored:
    """The digest and length of a file."""
    hashed, size = hashlib.sha256(), 0
    with path.open("rb", buffering=0) as file:
        while block := file.read(BLOCK):
            hashed.update(block)
            size += len(block)
    return Stored(hashed.hexdigest(), size)
