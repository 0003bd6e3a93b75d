# SPDX-License-Identifier: EUPL-1.2
"""Writing into a folder that others write into, too (docs/spec/handover.md §2, rules 2 and 3).

Everything is relative to an open folder, and nothing below it is followed or overwritten, so that
a link that somebody plants leads nowhere.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from lakzegel_server.durable import sync_open_file, write_all
from lakzegel_server.handover.contents import File
from lakzegel_server.stores.protocols import Reading

BLOCK: Final = 2**20  # bytes read at a time
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_OLD: Final = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_MODE: Final = 0o640
_FOLDER_MODE: Final = 0o770


class ForeignError(Exception):
    """Under a name of ours lies what is not ours."""


class Share:
    """One open folder."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator[Share]:
        """The folder that the operator named; that may be a link.

        Raises:
            OSError: it is not there, or is none.
        """
        fd = os.open(path, _FOLDER & ~os.O_NOFOLLOW)
        try:
            yield cls(fd)
        finally:
            os.close(fd)

    @contextmanager
    def inside(self, name: str) -> Iterator[Share]:
        """A folder in it.

        Raises:
            FileNotFoundError: nothing has this name.
            ForeignError: it is no folder.
        """
        try:
            fd = os.open(name, _FOLDER, dir_fd=self._fd)
        except OSError as error:
            if error.errno in {errno.ELOOP, errno.ENOTDIR}:
                raise ForeignError from None
            raise
        try:
            yield Share(fd)
        finally:
            os.close(fd)

    def has(self, name: str) -> bool:
        """Whether anything has this name."""
        try:
            os.stat(name, dir_fd=self._fd, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def free(self) -> int:
        """Bytes of room."""
        found = os.fstatvfs(self._fd)
        return found.f_bavail * found.f_frsize

    def make(self, name: str) -> None:
        """Make a folder, unless something has this name."""
        try:
            os.mkdir(name, _FOLDER_MODE, dir_fd=self._fd)
        except FileExistsError:
            return
        with self.inside(name) as made:
            made.open_to_group()

    def open_to_group(self) -> None:
        """Let the group of the folder empty it, whatever the process's mask is."""
        with suppress(OSError):  # where modes are the mount's
            kept = os.fstat(self._fd).st_mode & stat.S_ISGID
            os.fchmod(self._fd, _FOLDER_MODE | kept)

    def rename(self, old: str, new: str) -> None:
        """Give something of ours its name, durably; ``new`` is free."""
        os.rename(old, new, src_dir_fd=self._fd, dst_dir_fd=self._fd)
        self.sync()

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._fd)

    def sync(self) -> None:
        """Make the names in it durable."""
        sync_open_file(self._fd)

    def keep_only(self, names: set[str]) -> None:
        """Remove every file that has another name."""
        for name in os.listdir(self._fd):  # noqa: PTH208 - an open folder has no path
            if name not in names:
                self.remove(name)

    def write(self, file: File) -> str:
        """The SHA-256 (hex) of a file that is there now, durably; what began is gone on with."""
        with file.open() as source:
            found = self._resume(file.name, source)
        if found is None:
            with file.open() as source:
                self.remove(file.name)
                found = _copy(source, self._create(file.name), hashlib.sha256())
        return found

    def compare(self, file: File) -> str:
        """The SHA-256 (hex) of a file that is there exactly so.

        Raises:
            ForeignError: it is not.
        """
        with file.open() as source:
            wanted = _digest(source)
            try:
                fd = os.open(file.name, _OLD & ~os.O_RDWR, dir_fd=self._fd)
            except OSError:
                raise ForeignError from None
            with os.fdopen(fd, "rb", buffering=0) as there:
                if not _is_own(there) or _digest(there) != wanted:
                    raise ForeignError
        return wanted

    def _create(self, name: str) -> IO[bytes]:
        return os.fdopen(os.open(name, _NEW, _MODE, dir_fd=self._fd), "wb", buffering=0)

    def _resume(self, name: str, source: Reading) -> str | None:
        """Go on where a file ends, when that is how it should begin; None when it is not."""
        try:
            fd = os.open(name, _OLD, dir_fd=self._fd)
        except OSError:
            return None
        there = os.fdopen(fd, "r+b", buffering=0)
        hashed = hashlib.sha256()
        while _is_own(there) and (block := there.read(BLOCK)):
            if source.read(len(block)) != block:
                break
            hashed.update(block)
        else:
            if _is_own(there):
                return _copy(source, there, hashed)
        there.close()
        return None


def _copy(source: Reading, target: IO[bytes], hashed: hashlib._Hash) -> str:
    """Write what is left of the source, durably."""
    with target:
        with suppress(OSError):  # where modes are the mount's
            os.fchmod(target.fileno(), _MODE)
        while block := source.read(BLOCK):
            hashed.update(block)
            write_all(target, block)
        sync_open_file(target.fileno())
    return hashed.hexdigest()


def _digest(file: Reading | IO[bytes]) -> str:
    hashed = hashlib.sha256()
    while block := file.read(BLOCK):
        hashed.update(block)
    return hashed.hexdigest()


def _is_own(file: IO[bytes]) -> bool:
    """Whether it is a regular file under this name alone."""
    found = os.fstat(file.fileno())
    return stat.S_ISREG(found.st_mode) and found.st_nlink == 1
