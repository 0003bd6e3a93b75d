# SPDX-License-Identifier: EUPL-1.2
"""Places that a guard reads and sets right: files. Those of other systems are modules of their own.

A file is read whole, once it is known to be a regular file of the one who owns its folder, and
found unchanged behind the last byte. It is replaced at once, with the owner and mode that it had.
docs/spec/guards.md §5
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from lakzegel_agent import durable
from lakzegel_agent.guards.base import (
    IN_USE,
    NOT_OURS,
    NOT_PERMITTED,
    TOO_LARGE,
    UNREADABLE,
    PlaceError,
)
from lakzegel_agent.platforms import system

MAX_SETTINGS: Final = 8 * 2**20  # bytes, docs/spec/guards.md §7
NEW_MODE: Final = 0o644
_GONE: Final = (errno.ENOENT, errno.ENOTDIR)
_REFUSED: Final = (errno.EACCES, errno.EPERM, errno.EROFS)


@contextmanager
def opened(path: Path) -> Iterator[tuple[int, os.stat_result]]:
    """Hand out a file's descriptor, and what it is: a regular one of its folder's owner.

    Raises:
        FileNotFoundError: there is none.
        PlaceError: unreadable, a link, or another user's; also where reading it fails.
    """
    try:
        descriptor = system.open_to_read(path)
    except OSError as error:
        if error.errno in _GONE:
            raise FileNotFoundError from None
        raise PlaceError(NOT_OURS if error.errno == errno.ELOOP else UNREADABLE) from None
    try:
        told = os.fstat(descriptor)
        _require_ours(told, path)
        yield descriptor, told
    except OSError:
        raise PlaceError(UNREADABLE) from None
    finally:
        os.close(descriptor)


def read_settings(path: Path, *, most: int = MAX_SETTINGS) -> bytes | None:
    """Return what a file of settings holds; None where there is none.

    Raises:
        PlaceError: unreadable, too large, a link, another user's, or changing while it is read.
    """
    try:
        with opened(path) as (descriptor, before):
            if before.st_size > most:
                raise PlaceError(TOO_LARGE)
            data = _read(descriptor, before.st_size + 1)
            after = os.fstat(descriptor)
    except FileNotFoundError:
        return None
    if len(data) != before.st_size or after.st_mtime_ns != before.st_mtime_ns:
        raise PlaceError(IN_USE)
    return data


class Files:
    """Files, by their absolute path."""

    def read(self, place: str) -> bytes | None:
        """Return what a file holds, None where there is none.

        Raises:
            PlaceError: as `read_settings`.
        """
        return read_settings(Path(place))

    def write(self, place: str, value: bytes | None) -> None:
        """Leave a file of exactly these bytes, or none.

        Raises:
            PlaceError: what was there is there still.
        """
        path = Path(place)
        try:
            _require_own(path.parent)
            if value is None:
                path.unlink(missing_ok=True)
                durable.sync_folder(path.parent)
            else:
                self._replace(path, value)
        except OSError as error:
            refused = error.errno in _REFUSED
            raise PlaceError(NOT_PERMITTED if refused else UNREADABLE) from None

    @staticmethod
    def _replace(path: Path, value: bytes) -> None:
        try:
            told = path.lstat()
        except FileNotFoundError:
            folder = path.parent.stat()
            owner, mode = (folder.st_uid, folder.st_gid), NEW_MODE
        else:
            _require_ours(told, path)
            owner, mode = (told.st_uid, told.st_gid), stat.S_IMODE(told.st_mode)
        durable.replace_as(path, value, owner=owner, mode=mode)


def _require_ours(told: os.stat_result, path: Path) -> None:
    """Refuse what is no file, or what somebody else than the folder's owner put there.

    Raises:
        PlaceError: so it is.
    """
    if not stat.S_ISREG(told.st_mode) or told.st_uid not in {path.parent.stat().st_uid, 0}:
        raise PlaceError(NOT_OURS)


def _require_own(folder: Path) -> None:
    """Refuse to write into a folder that somebody else could exchange for a link meanwhile.

    Raises:
        PlaceError: it is another user's.
    """
    if system.me() != system.owner_of(folder):
        raise PlaceError(NOT_PERMITTED)


def _read(descriptor: int, most: int) -> bytes:
    pieces: list[bytes] = []
    while most > 0 and (piece := os.read(descriptor, most)):
        pieces.append(piece)
        most -= len(piece)
    return b"".join(pieces)
