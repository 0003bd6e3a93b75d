# SPDX-License-Identifier: EUPL-1.2
"""Which files are a user's own: what he could list himself, below a home that is his.

A service may read what this user may not, and this user may make a link to it where a source lies.
So nothing is told that he does not see now on a way without links. docs/spec/health.md §2.2
"""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_BELOW: Final = _FOLDER | os.O_NOFOLLOW


@dataclass(frozen=True, slots=True)
class Homes:
    """The folders of one user; ``is_watched`` where one of them is the home of this device."""

    uid: int
    folders: tuple[bytes, ...]
    is_watched: bool

    def holds(self, path: bytes) -> bool:
        """Whether a path lies below a home, by its name."""
        return any(path.startswith(home + b"/") for home in self.folders)

    def shows(self, path: bytes) -> bool:
        """Whether it is there now, in a folder that is this user's, without a link on the way."""
        return any(
            _is_there(home, path.removeprefix(home + b"/").split(b"/"), self.uid)
            for home in self.folders
            if path.startswith(home + b"/")
        )


def homes_of(uid: int, user_home: Path) -> Homes:
    """The homes of a user: the one whose folders are captured, and the system's, where his."""
    watched = os.fsencode(user_home.absolute())
    try:
        named = os.fsencode(pwd.getpwuid(uid).pw_dir)
    except KeyError:
        named = watched
    mine = [home for home in dict.fromkeys((watched, named)) if _owner(home) == uid]
    return Homes(uid, tuple(home.rstrip(b"/") for home in mine), watched in mine)


def _owner(folder: bytes) -> int | None:
    try:
        return os.stat(folder).st_uid  # noqa: PTH116 - bytes
    except OSError:
        return None


def _is_there(home: bytes, names: list[bytes], uid: int) -> bool:
    """Walk from folder to folder by descriptors: a link that is put there meanwhile is an end."""
    at = -1
    try:
        at = os.open(home, _FOLDER)
        for name in names[:-1]:
            below = os.open(name, _BELOW, dir_fd=at)
            os.close(at)
            at = below
        os.stat(names[-1], dir_fd=at, follow_symlinks=False)
        return os.fstat(at).st_uid == uid
    except (OSError, ValueError):
        return False
    finally:
        if at >= 0:
            os.close(at)
