# SPDX-License-Identifier: EUPL-1.2
"""Opening a file that somebody else may be changing, and knowing whether it did change.

open (no link, no waiting for a FIFO, no access time) -> fstat -> read -> fstat
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from lakzegel_agent.errors import AgentError, ChangedError
from lakzegel_agent.platforms import system
from lakzegel_agent.sealing.jobs import Stat

_GONE: Final = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
# A lease or a lock that the holder would have to give up first; on a share what its server says.
_HELD: Final = (errno.EAGAIN, errno.EBUSY, errno.ETXTBSY)
_HELD_WINDOWS: Final = (32, 33)  # ERROR_SHARING_VIOLATION, ERROR_LOCK_VIOLATION
VANISHED: Final = "vanished"
CHANGED: Final = "changed"
UNREADABLE: Final = "unreadable"
LOCKED: Final = "locked"
INCOMPLETE: Final = "incomplete"
CROWDED: Final = "crowded"
UNLIKE: Final = "unlike"


class MissedError(AgentError):
    """A file cannot be taken now; ``why`` is a slug."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class OpenFile(NamedTuple):
    """An open regular file and its state when it was opened, also as the system told it."""

    descriptor: int
    stat: Stat
    told: os.stat_result


@contextmanager
def opened(path: bytes, expected: Stat, *, lenient: bool) -> Iterator[OpenFile]:
    """Give the open file; it is the one that was expected, unless ``lenient``.

    Raises:
        MissedError: vanished, changed, locked or unreadable, on the way in or inside.
    """
    descriptor = _open(path)
    try:
        yield _expected(descriptor, expected, lenient=lenient)
    except ChangedError:
        raise MissedError(CHANGED) from None
    except OSError as error:
        raise MissedError(_why(error)) from None
    finally:
        os.close(descriptor)


def read_file(path: bytes, expected: Stat, *, lenient: bool, most: int) -> tuple[Stat, bytes, bool]:
    """Return a file's state when it was opened, its bytes, and whether it grew meanwhile.

    What `opened` and `require_unchanged` promise, in one call: there is one for every small file.

    Raises:
        MissedError: vanished, changed, locked or unreadable, or larger than ``most``.
    """
    descriptor = _open(path)
    try:
        file = _expected(descriptor, expected, lenient=lenient)
        if file.stat.size > most:
            raise MissedError(CHANGED)
        data = _read_whole(file)
        return file.stat, data, require_unchanged(file, lenient=lenient)
    except OSError as error:
        raise MissedError(_why(error)) from None
    finally:
        os.close(descriptor)


def _read_whole(file: OpenFile) -> bytes:
    """Return as many bytes as the file had when it was opened."""
    size = file.stat.size
    data = os.read(file.descriptor, size + 1) if size else b""
    if len(data) >= size:
        return data if len(data) == size else data[:size]
    pieces = [data]
    missing = size - len(data)
    while missing:
        piece = os.read(file.descriptor, missing)
        if not piece:
            raise MissedError(CHANGED)
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)


def require_unchanged(file: OpenFile, *, lenient: bool) -> bool:
    """Return whether the file grew since it was opened; it did nothing else.

    What was read before this call is then the file as it was when it was opened. Growing is
    accepted of a file that never rests, an append-only log: its stretch up to then is captured.

    Raises:
        MissedError: changed.
    """
    now, before = os.fstat(file.descriptor), file.told
    if now.st_ino == before.st_ino:
        if (
            now.st_size == before.st_size
            and now.st_mtime_ns == before.st_mtime_ns
            and now.st_ctime_ns == before.st_ctime_ns
        ):
            return False
        if lenient and now.st_size > before.st_size:
            return True
    raise MissedError(CHANGED)


def _expected(descriptor: int, expected: Stat, *, lenient: bool) -> OpenFile:
    told = os.fstat(descriptor)
    if _is_as(told, expected):
        return OpenFile(descriptor, expected, told)
    if not stat.S_ISREG(told.st_mode):
        raise MissedError(CHANGED)
    found = Stat.of(told)
    if not lenient and found[:4] != expected[:4]:
        raise MissedError(CHANGED)
    return OpenFile(descriptor, found, told)


def _is_as(told: os.stat_result, expected: Stat) -> bool:
    """Whether a regular file is told to be as expected, mode and all: what nearly each one is."""
    size, mtime, ctime, inode, mode = expected
    return (
        told.st_mtime_ns == mtime
        and told.st_size == size
        and told.st_ctime_ns == ctime
        and told.st_ino == inode
        and told.st_mode == stat.S_IFREG | mode
    )


def _open(path: bytes) -> int:
    try:
        return system.open_unnoticed(path)
    except OSError as error:
        why = VANISHED if error.errno in _GONE else _why(error)
        raise MissedError(why) from None


def _why(error: OSError) -> str:
    """Return why a file that is there could not be opened or read, as a slug."""
    held = error.errno in _HELD or getattr(error, "winerror", None) in _HELD_WINDOWS
    return LOCKED if held else UNREADABLE
