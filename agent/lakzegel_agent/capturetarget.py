# SPDX-License-Identifier: EUPL-1.2
"""A file that is to be captured, a source while a pass goes on, and what the disk says of paths."""

import contextlib
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from lakzegel_agent import exclusion
from lakzegel_agent.capturestill import Still
from lakzegel_agent.capturestores import Shelf
from lakzegel_agent.capturetalks import Talk
from lakzegel_agent.readers import Reader
from lakzegel_agent.rootsaway import Standing
from lakzegel_agent.scan import FoundFile
from lakzegel_agent.sealing.jobs import SourceInfo, Stat


class Target(NamedTuple):
    """A file to be captured."""

    source: int  # place in the pass's list
    path: bytes
    name: bytes
    stat: Stat
    secret: bytes | None
    again: bool  # it was gone: say that it is there, though nothing changed
    tries: int = 0
    waited: bool = False  # it was not complete before, or a conversation larger than planned
    talk: Talk | None = None  # it is a conversation of a store
    whole: bool = False  # it is to be read whole, though it seems to have grown at its end


@dataclass(slots=True)
class Watched:
    """One source while a pass goes on."""

    place: int
    info: SourceInfo
    reader: Reader
    only: Callable[[bytes], bool] | None
    is_excluded: exclusion.IsExcluded
    still: Still
    standing: Standing
    highest: int = 0  # rows above are new in this pass
    met: bytearray = field(default_factory=bytearray)  # one byte a row: it was met
    complete: bool = False
    failed: list[bytes] = field(default_factory=list)  # folders of which nothing is known
    twice: list[FoundFile] = field(default_factory=list)
    lost: dict[bytes, Target] = field(default_factory=dict)  # vanished before they were read
    empty: list[bytes] = field(default_factory=list)
    identity: tuple[int, int] | None = None  # device and inode of the root
    shelf: Shelf | None = None  # it holds chat stores
    begins: int = 0  # what was last changed before is left out
    touched: frozenset[bytes] | None = None  # it is looked at there alone


def stat_of(path: bytes) -> Stat | None:
    """Return the state of a regular file, or None where there is none."""
    with contextlib.suppress(OSError):
        told = os.lstat(path)
        if stat.S_ISREG(told.st_mode):
            return Stat.of(told)
    return None


def state_of(file: FoundFile) -> Stat:
    """Return the state of a file as the scan met it."""
    return Stat(file.size, file.mtime_ns, file.ctime_ns, file.inode, file.mode)


def is_file(path: bytes) -> bool:
    """Return whether a regular file has this path."""
    return stat_of(path) is not None


def is_there(path: bytes) -> bool:
    """Whether something other than a folder has this path: a folder took a file's place."""
    try:
        return not stat.S_ISDIR(os.lstat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True  # nothing is known of it


def below(path: bytes, folders: tuple[bytes, ...]) -> bool:
    """Return whether a path is one of these folders, or lies in one."""
    return any(not f or path == f or path.startswith(f + b"/") for f in folders)


def identity(root: bytes) -> tuple[int, int] | None:
    """Return device and inode of a folder, or None where there is none."""
    try:
        told = os.stat(root)  # noqa: PTH116  # a path of bytes
    except OSError:
        return None
    return (told.st_dev, told.st_ino) if stat.S_ISDIR(told.st_mode) else None
