# SPDX-License-Identifier: EUPL-1.2
"""Reading and emptying a folder that others write into: no link is followed, nothing hangs."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from lakzegel_office.errors import MissingError, RefusedError, UnreachableError

BLOCK: Final = 2**20  # bytes read at a time
TAKEN: Final = ".taken"  # the end of the name of what is being removed
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NOT_THERE: Final = frozenset({errno.ENOENT, errno.ELOOP, errno.ENOTDIR, errno.ENXIO})


class Folder:
    """One open folder."""

    def __init__(self, fd: int) -> None:
        """Keep what is open."""
        self._fd = fd

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator["Folder"]:
        """Yield the folder that the user named.

        Raises:
            UnreachableError: it cannot be opened.
        """
        try:
            fd = os.open(path, _FOLDER)
        except OSError as error:
            raise UnreachableError(f"{path}: {error.strerror}; is it mounted?") from error
        try:
            yield cls(fd)
        finally:
            os.close(fd)

    @contextmanager
    def inside(self, name: str) -> Iterator["Folder"]:
        """Yield a folder in it.

        Raises:
            MissingError: nothing of this name is one.
        """
        try:
            fd = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=self._fd)
        except OSError as error:
            raise MissingError(f"{name}: {error.strerror}") from error
        try:
            yield Folder(fd)
        finally:
            os.close(fd)

    def names(self) -> list[str]:
        """Return the name of everything in it."""
        return os.listdir(self._fd)  # noqa: PTH208 - an open folder has no path

    def age(self, name: str, now: float) -> float | None:
        """Return how many seconds ago a regular file was changed; None when there is none."""
        try:
            found = os.stat(name, dir_fd=self._fd, follow_symlinks=False)
        except OSError:
            return None
        return now - found.st_mtime if stat.S_ISREG(found.st_mode) else None

    def read(self, name: str, limit: int) -> bytes:
        """Return a whole small file.

        Raises:
            MissingError: there is no regular file of this name.
            RefusedError: it is longer than anything that belongs there.
        """
        return b"".join(self.pieces(name, limit))

    def pieces(self, name: str, limit: int) -> Iterator[bytes]:
        """Yield a file's bytes; raises as `read` does."""
        try:
            fd = os.open(name, _FILE, dir_fd=self._fd)
        except OSError as error:
            kind = MissingError if error.errno in _NOT_THERE else UnreachableError
            raise kind(f"{name}: {error.strerror}") from error
        with os.fdopen(fd, "rb", buffering=0) as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise MissingError(f"{name}: no regular file")
            taken = 0
            while piece := file.read(BLOCK):
                taken += len(piece)
                if taken > limit:
                    raise RefusedError(f"{name}: more than {limit} bytes; refused")
                yield piece

    def take_away(self, name: str) -> None:
        """Remove a folder in it, gone at once under its name; one that cannot be stays."""
        taken = f"{name}{TAKEN}"
        with suppress(OSError):  # a one-way share
            os.rename(name, taken, src_dir_fd=self._fd, dst_dir_fd=self._fd)
            self.clear(taken)

    def clear(self, name: str) -> None:
        """Remove a folder of files in it, as far as that can be done."""
        with suppress(OSError, MissingError):
            with self.inside(name) as inner:
                inner.remove_files()
            os.rmdir(name, dir_fd=self._fd)

    def remove_files(self) -> None:
        """Remove every file in it; raises OSError where that cannot be."""
        for name in self.names():
            os.unlink(name, dir_fd=self._fd)
