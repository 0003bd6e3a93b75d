# SPDX-License-Identifier: EUPL-1.2
"""How many mails lie on this device: in an mbox, in a Maildir.

An mbox is read from its beginning to its end; what Thunderbird marked as expunged lies in it until
it is compacted, and is not counted. docs/spec/settings-guarded.md, mail-complete
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from lakzegel_agent.errors import ChangedError
from lakzegel_agent.guards.base import (
    IN_USE,
    NOT_OURS,
    NOT_UNDERSTOOD,
    TOO_LARGE,
    TOO_MANY,
    UNREADABLE,
    PlaceError,
)
from lakzegel_agent.platforms import system

MAX_MBOX: Final = 2 * 2**30  # bytes that are counted in one go
MAX_MAILS: Final = 500_000  # of one folder of files
MAX_FOLDERS: Final = 5_000  # of one tree of Maildir folders
_EXPUNGED: Final = 0x0008  # nsMsgMessageFlags
_STATUS: Final = re.compile(rb"From [^\n]{0,400}\nX-Mozilla-Status: ([0-9A-Fa-f]{4})")
_HEAD: Final = 512  # bytes of a mail in which its status stands
_BOXES: Final = ("cur", "new")
_NOT_FOLDERS: Final = frozenset({"cur", "new", "tmp"})


def mbox_told(path: Path) -> tuple[int, str]:
    """Return how many bytes counting an mbox would read, and what changes when it does.

    Nothing of either where there is no mbox.

    Raises:
        PlaceError: it cannot be told, or is more than is counted.
    """
    try:
        told, owner = path.lstat(), path.parent.stat().st_uid
    except (FileNotFoundError, NotADirectoryError):
        return 0, ""
    except OSError:
        raise PlaceError(UNREADABLE) from None
    if stat.S_ISDIR(told.st_mode):
        return 0, ""  # Thunderbird's Maildir: a folder of files
    if not stat.S_ISREG(told.st_mode) or told.st_uid not in {owner, 0}:
        raise PlaceError(NOT_OURS)
    if told.st_size > MAX_MBOX:
        raise PlaceError(TOO_LARGE)
    return told.st_size, f"{told.st_size} {told.st_mtime_ns} {told.st_ino}"


def mails_of(path: Path) -> int:
    """Return how many mails a folder of Thunderbird's holds, without the expunged.

    Raises:
        PlaceError: it cannot be told.
    """
    if path.is_dir():
        return sum(1 for _ in mail_names(path))
    try:
        descriptor = system.open_to_read(path)
    except (FileNotFoundError, NotADirectoryError):
        return 0
    except OSError:
        raise PlaceError(UNREADABLE) from None
    try:
        return _counted(descriptor)
    except OSError:
        raise PlaceError(UNREADABLE) from None
    except ChangedError:
        raise PlaceError(IN_USE) from None
    finally:
        os.close(descriptor)


def mail_names(folder: Path) -> Iterator[bytes]:
    """Yield the name of each mail in a Maildir folder, as it is there.

    Raises:
        PlaceError: it cannot be told, or has too many.
    """
    number = 0
    for box in _BOXES:
        try:
            with os.scandir(os.fsencode(folder / box)) as entries:
                for entry in entries:
                    number += 1
                    if number > MAX_MAILS:
                        raise PlaceError(TOO_MANY)
                    if not entry.name.startswith(b"."):
                        yield entry.name
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            raise PlaceError(UNREADABLE) from None


def maildir_folders(root: Path) -> Iterator[Path]:
    """Yield each folder of a tree that holds mail, nearest first; no link is followed.

    Raises:
        PlaceError: there may be more.
    """
    waiting, seen = [root], 0
    while waiting:
        folder = waiting.pop(0)
        seen += 1
        if seen > MAX_FOLDERS:
            raise PlaceError(TOO_MANY)
        names = _folders(folder)
        if "cur" in names:
            yield folder
        waiting += [folder / name for name in names if name not in _NOT_FOLDERS]


def _folders(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            found = [one.name for one in entries if one.is_dir(follow_symlinks=False)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError:
        raise PlaceError(UNREADABLE) from None
    return sorted(found)


def _counted(descriptor: int) -> int:
    """Return how many mails that are not expunged an open mbox holds."""
    from lakzegel_agent.readers.mbox import READER  # noqa: PLC0415 - only where one is counted
    from lakzegel_agent.view import View  # noqa: PLC0415

    told = os.fstat(descriptor)
    if not stat.S_ISREG(told.st_mode):
        raise PlaceError(NOT_OURS)
    if told.st_size > MAX_MBOX:
        raise PlaceError(TOO_LARGE)
    if not told.st_size:
        return 0
    view = View(descriptor, told.st_size)
    ends = READER.cut_on(b"", view, 0)
    if ends is None:
        raise PlaceError(NOT_UNDERSTOOD)
    start = count = 0
    for number, end in enumerate(ends):
        if number >= MAX_MAILS:
            raise PlaceError(TOO_MANY)
        head = view.read(start, min(start + _HEAD, end))
        status = _STATUS.match(head)
        is_expunged = status is not None and int(status[1], 16) & _EXPUNGED
        count += head.startswith(b"From ") and not is_expunged  # else the rest of a very long one
        start = end
    return count
