# SPDX-License-Identifier: EUPL-1.2
"""The files in which Thunderbird keeps what it knows of each folder.

docs/spec/settings-guarded.md, thunderbird-folders §1
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lakzegel_agent.guards.base import NOT_UNDERSTOOD, TOO_MANY, UNREADABLE, PlaceError
from lakzegel_agent.guards.of_thunderbird import Prefs, Profile

MAX_ENTRIES: Final = 50_000  # files and folders of one profile's mail
MAX_DEPTH: Final = 32
_SUFFIX: Final = ".msf"
_ROOTS: Final = ("ImapMail", "Mail", "News")


@dataclass(frozen=True, slots=True)
class File:
    """A folder's file, and how the folder is called."""

    path: Path
    name: str


def files(profile: Profile, prefs: Prefs) -> Iterator[File]:
    """Yield the file of each folder: below the profile, and where servers have theirs elsewhere.

    Raises:
        PlaceError: there are more.
    """
    left = [MAX_ENTRIES]
    for part in _ROOTS:
        yield from _below(profile.root / part, profile.root, left, MAX_DEPTH)
    for root in sorted(_elsewhere(profile, prefs)):
        yield from _below(root, None, left, MAX_DEPTH)


def _elsewhere(profile: Profile, prefs: Prefs) -> set[Path]:
    """Return the folders of servers that lie outside of the profile."""
    found = set()
    for name, value in prefs.items():
        if not name.startswith("mail.server.") or not name.endswith(".directory"):
            continue
        if not isinstance(value, str) or not value or "\0" in value:
            raise PlaceError(NOT_UNDERSTOOD)
        path = Path(os.path.normpath(value))
        if path.is_absolute() and not path.is_relative_to(profile.root):
            found.add(path)
    return {one for one in found if not any(one.is_relative_to(more) for more in found - {one})}


def _below(folder: Path, root: Path | None, left: list[int], depth: int) -> Iterator[File]:
    """Yield the files below a folder; links to folders are not followed."""
    try:
        with os.scandir(folder) as entries:
            found = sorted(_taken(entries, left), key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError:
        raise PlaceError(UNREADABLE) from None
    for entry in found:
        path = Path(entry.path)
        if entry.is_dir(follow_symlinks=False):
            if not depth:
                raise PlaceError(TOO_MANY)
            yield from _below(path, root, left, depth - 1)
        elif entry.name.endswith(_SUFFIX):
            bare = path.with_suffix("")
            yield File(path, str(bare.relative_to(root) if root is not None else bare))


def _taken(entries: Iterable[os.DirEntry[str]], left: list[int]) -> Iterator[os.DirEntry[str]]:
    for entry in entries:
        left[0] -= 1
        if left[0] < 0:
            raise PlaceError(TOO_MANY)
        yield entry
