# SPDX-License-Identifier: EUPL-1.2
"""Everything that lies below a source's folder: one line for each, whatever it is.

Links are never followed, nothing is opened, and the depth of a tree costs no stack. Each name is
looked at once. Below a folder that failed, nothing is known: its files have not vanished.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from lakzegel_agent.platforms import system
from lakzegel_agent.readers.base import Reader
from lakzegel_agent.sources import Selection

MAX_PATH: Final = 4_096  # bytes; the kernel's PATH_MAX, which counts a closing zero
_VANISHED: Final = (errno.ENOENT, errno.ENOTDIR)
_KINDS: Final = {
    stat.S_IFLNK: "symlink",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
    stat.S_IFBLK: "device",
    stat.S_IFCHR: "device",
}

Outcome = Literal["excluded", "failed"]


class FoundFile(NamedTuple):
    """A regular file; ``path`` is relative to the source's root. A tuple: tens of thousands."""

    path: bytes
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    device: int
    mode: int


@dataclass(frozen=True, slots=True)
class FoundOther:
    """Something that is not captured, and why, as a slug.

    A path of no bytes is the root itself.
    """

    path: bytes
    outcome: Outcome
    reason: str


@dataclass(frozen=True, slots=True)
class EmptyFolder:
    """A folder in which nothing was found that would bring it back."""

    path: bytes


Found = FoundFile | FoundOther | EmptyFolder


def scan(
    root: bytes, reader: Reader, *, only: Callable[[bytes], bool] | None = None
) -> Iterator[Found]:
    """Yield what lies below ``root``, in no particular order.

    ``only`` says which paths count; what it does not want is not found. What vanishes meanwhile
    is not reported, except the root itself: ``failed``, ``missing``.
    """
    return _Scan(root, reader, only).run()


def look(
    root: bytes,
    reader: Reader,
    paths: Iterable[bytes],
    *,
    only: Callable[[bytes], bool] | None = None,
) -> Iterator[Found]:
    """Yield what lies at these paths below ``root``, and below those that are folders.

    As `scan` would yield it; nothing where nothing is, or where a link leads there: what a hint
    named may have become something else since.
    """
    return _Scan(root, reader, only).look(paths)


class _Scan:
    """One walk; the folders still to be visited are its only state."""

    def __init__(self, root: bytes, reader: Reader, only: Callable[[bytes], bool] | None) -> None:
        self._root = root
        self._exclude = reader.exclude
        self._only = only
        self._may_hold = only.may_hold if isinstance(only, Selection) else None
        self._waiting = [b""]

    def run(self) -> Iterator[Found]:
        """Yield everything."""
        while self._waiting:
            folder = self._waiting.pop()
            try:
                yield from self._folder(folder)
            except OSError as error:
                if folder and error.errno in _VANISHED:
                    continue
                yield FoundOther(folder, "failed", _why(error))

    def look(self, paths: Iterable[bytes]) -> Iterator[Found]:
        """Yield what lies at these paths and below."""
        self._waiting = []
        folders: dict[bytes, bool] = {}
        for path in paths:
            if not self._lies_in_folders(path, folders):
                continue
            place = self._root + b"/" + path
            try:
                told = system.lstat(place)
            except OSError as error:
                if error.errno not in _VANISHED and self._wants(path):
                    yield FoundOther(path, "failed", _why(error))
                continue
            if stat.S_ISDIR(told.st_mode):
                self._note(path)
            elif self._wants(path):
                yield self._found(path, place, told)
        yield from self.run()

    def _lies_in_folders(self, path: bytes, known: dict[bytes, bool]) -> bool:
        """Whether every part of a path before its last is a folder itself, and no link to one."""
        parts = path.split(b"/")[:-1]
        for count in range(1, len(parts) + 1):
            folder = b"/".join(parts[:count])
            if folder not in known:
                known[folder] = self._is_folder(folder)
            if not known[folder]:
                return False
        return True

    def _is_folder(self, path: bytes) -> bool:
        try:
            return stat.S_ISDIR(system.lstat(self._root + b"/" + path).st_mode)
        except OSError:
            return False

    def _folder(self, folder: bytes) -> Iterator[Found]:
        """Yield what one folder holds, and note its folders for later.

        One listing is open at a time, so that depth costs no descriptors either.
        """
        before, only = folder + b"/" if folder else b"", self._only
        kept = False
        with system.listing(self._root + b"/" + folder if folder else self._root) as entries:
            for entry in entries:
                path = before + entry.name
                if system.is_folder(entry):
                    kept = True
                    self._note(path)
                    continue
                found = self._look(path, entry) if only is None or only(path) else None
                if found is not None:
                    kept = kept or isinstance(found, FoundFile)
                    yield found
        if folder and not kept and self._wants(folder):
            yield EmptyFolder(folder)

    def _note(self, folder: bytes) -> None:
        if self._may_hold is None or self._may_hold(folder):
            self._waiting.append(folder)

    def _wants(self, path: bytes) -> bool:
        return self._only is None or self._only(path)

    def _look(self, path: bytes, entry: os.DirEntry[bytes]) -> FoundFile | FoundOther | None:
        """Return what this is; None when it has vanished."""
        try:
            told = system.stat_entry(entry)
        except OSError as error:
            if error.errno in _VANISHED:
                return None
            return FoundOther(path, "failed", _why(error))
        return self._found(path, entry.path, told)

    def _found(self, path: bytes, place: bytes, told: os.stat_result) -> FoundFile | FoundOther:
        mode = told.st_mode
        if not stat.S_ISREG(mode):
            return FoundOther(path, "excluded", _KINDS.get(stat.S_IFMT(mode), "special"))
        reason = self._exclude(path)
        if reason is not None:
            return FoundOther(path, "excluded", reason)
        if len(place) >= MAX_PATH:
            return FoundOther(path, "failed", "too-long")
        return FoundFile(
            path,
            told.st_size,
            told.st_mtime_ns,
            told.st_ctime_ns,
            told.st_ino,
            told.st_dev,
            stat.S_IMODE(mode),
        )


def _why(error: OSError) -> str:
    """Return the slug for a failure; ``missing`` can only be said of a root."""
    if error.errno == errno.ENAMETOOLONG:
        return "too-long"
    return "missing" if error.errno in _VANISHED else "unreadable"
