# SPDX-License-Identifier: EUPL-1.2
"""Which files are a user's own: what he could list himself, below a home that is his.

A service may read what this user may not, and this user may make a link to it where a source lies.
So nothing is told that he does not see now on a way without links. docs/spec/health.md §2.2
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from lakzegel_agent.platforms import system


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
            system.shows(home, path.removeprefix(home + b"/").split(b"/"), self.uid)
            for home in self.folders
            if path.startswith(home + b"/")
        )


def homes_of(uid: int, user_home: Path) -> Homes:
    """The homes of a user: the one whose folders are captured, and the system's, where his."""
    watched = os.fsencode(user_home.absolute())
    named = system.home_of(uid) or watched
    mine = [home for home in dict.fromkeys((watched, named)) if _owner(home) == uid]
    return Homes(uid, tuple(home.rstrip(b"/") for home in mine), watched in mine)


def _owner(folder: bytes) -> int | None:
    try:
        return os.stat(folder).st_uid  # noqa: PTH116 - bytes
    except OSError:
        return None
