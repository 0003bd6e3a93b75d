# SPDX-License-Identifier: EUPL-1.2
"""Objects and keyrings as files below DATA: the embedded receiver's stores."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from lakzegel_core.limits import MAX_CHECKPOINT, MAX_KEYRING
from lakzegel_server import durable
from lakzegel_server.errors import ClashError
from lakzegel_server.stores.names import KEYRINGS, NEXT, WAITING, checked, checked_prefix
from lakzegel_server.stores.promoting import raced, require_as_named
from lakzegel_server.stores.protocols import Moves
from lakzegel_server.stores.reading import FileReading
from lakzegel_server.stores.sized import size_of


class FileStore:
    """Files below one folder, each put there whole; work in progress lies in ``work``."""

    locked = False

    def __init__(self, root: Path, work: Path) -> None:
        self._root = root
        self._work = work

    def test(self) -> None:
        """Nothing: the disk has tests of its own."""

    def put(self, name: str, data: bytes) -> None:
        """Put the file there; whoever puts another one at the same time is seen."""
        path = self._path(name)
        if not path.exists():
            durable.make_folder(path.parent)
            with suppress(FileExistsError):
                durable.new_file(path, data, work=self._work)
                return
        with path.open("rb") as file:
            if file.read(len(data) + 1) != data:
                raise ClashError(f"{name}: other bytes lie there; run 'lakzegel-server check'")
        durable.sync_files([path])  # whoever put it there may not have got so far
        durable.sync_folder(path.parent)

    def supersede(self, name: str, data: bytes) -> None:
        """Put the file there, in the place of another."""
        durable.replace_file(self._path(name), data, work=self._work)

    def settle(self, moves: Moves, before: Callable[[], None] = lambda: None) -> None:
        """Move files to their names; ``before`` has been done then."""
        durable.settle([(work, self._path(name)) for work, name in moves], before)

    def open(self, name: str) -> FileReading:
        """The file."""
        return FileReading(self._path(name).open("rb", buffering=0))

    def read(self, name: str, limit: int) -> bytes:
        """The file's bytes."""
        with self._path(name).open("rb") as file:
            return file.read(limit + 1)

    def size(self, name: str) -> int | None:
        """The file's length."""
        try:
            return self._path(name).stat().st_size
        except FileNotFoundError:
            return None

    def names(self, prefix: str) -> Iterator[str]:
        """Every regular file below a folder."""
        folders = [checked_prefix(prefix)]
        while folders:  # a folder of millions is read as it goes, and never held as a list
            folder = folders.pop().rstrip("/")
            with suppress(FileNotFoundError), os.scandir(self._root / folder) as there:
                for one in there:
                    if one.is_dir(follow_symlinks=False):
                        folders.append(f"{folder}/{one.name}")
                    else:
                        yield f"{folder}/{one.name}"

    def changed(self, name: str) -> float | None:
        """The file's time."""
        try:
            return self._path(name).stat().st_mtime
        except FileNotFoundError:
            return None

    def remove(self, name: str) -> bool:
        """Take the file away."""
        path = self._path(name)
        with suppress(FileNotFoundError):
            path.unlink()
            durable.sync_folder(path.parent)
        return True

    def _path(self, name: str) -> Path:
        return self._root / checked(name)


class KeyringFiles(FileStore):
    """Keyrings as files: to replace one is to rename another over it."""

    def waiting(self) -> Iterator[str]:
        """The files of their folder: to look for them among all keyrings takes minutes."""
        for path in (self._root / WAITING).glob(f"*{NEXT}"):
            yield f"{KEYRINGS}{path.name}"

    def version(self, name: str) -> str | None:
        """Which file it is, and when that was written."""
        try:
            found = self._path(name).stat()
        except FileNotFoundError:
            return None
        return f"{found.st_ino}-{found.st_mtime_ns}-{found.st_size}"

    def replace(self, name: str, data: bytes, version: str | None) -> None:
        """Rename a new file over the old one."""
        self._require(name, version)
        durable.replace_file(self._path(name), data, work=self._work)

    def promote(self, waiting: str, name: str, version: str | None) -> None:
        """Rename the one that waits, once it was read."""
        require_as_named(waiting, self.read(waiting, MAX_KEYRING))
        self._require(name, version)
        path = self._path(name)
        self._path(waiting).replace(path)
        durable.sync_folder(path.parent)

    def _require(self, name: str, version: str | None) -> None:
        if self.version(name) != version:
            raise raced(name)

    def _path(self, name: str) -> Path:
        path = super()._path(name)
        return self._root / WAITING / path.name if name.endswith(NEXT) else path


class FileDocuments:
    """Documents as files below DATA."""

    def __init__(self, root: Path, work: Path) -> None:
        self._root = root
        self._work = work
        self._seen: tuple[str, bytes] | None = None

    def read(self, name: str, limit: int) -> bytes:
        """The file's bytes."""
        with self._path(name).open("rb") as file:
            data = file.read(limit + 1)
        self._seen = (name, data)  # whoever advances it has just looked, in the same turn
        return data

    def replace(self, name: str, data: bytes) -> None:
        """Put the file there, durably."""
        durable.replace_file(self._path(name), data, work=self._work)

    def advance(self, name: str, data: bytes) -> bool:
        """Put the file there where that is of no larger log, not durably."""
        seen, self._seen = self._seen, None
        known = self._peek(name) if seen is None or seen[0] != name else seen[1]
        if size_of(data) < size_of(known):
            return False
        durable.replace_file(
            self._path(name), data, work=self._work, sync=False, mode=durable.PUBLIC
        )
        return True

    def settle(self, name: str) -> None:
        """Sync the file; its folder is the tiles' own."""
        durable.sync_files([self._path(name)])

    def exists(self, name: str) -> bool:
        """Whether the file is there."""
        return self._path(name).exists()

    def remove(self, name: str) -> None:
        """Take the file away."""
        self._path(name).unlink(missing_ok=True)

    def names(self, prefix: str) -> Iterator[str]:
        """The files of a folder."""
        folder = self._root / checked_prefix(prefix)
        with suppress(FileNotFoundError):
            for path in folder.iterdir():
                yield f"{prefix}{path.name}"

    def _path(self, name: str) -> Path:
        return self._root / checked(name)

    def _peek(self, name: str) -> bytes:
        try:
            with self._path(name).open("rb") as file:
                return file.read(MAX_CHECKPOINT)
        except FileNotFoundError:
            return b""
