# SPDX-License-Identifier: EUPL-1.2
"""Whether the policy's sources can be read, found out by reading: one file of each is opened.

Permissions do not say it: macOS shows an empty folder to who has no full-disk access, and a share
answers for itself. What is said names the source as the policy does, never a file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from lakzegel_agent.errors import UnknownReaderError, UsageError
from lakzegel_agent.platforms import system
from lakzegel_agent.policies import InForce, reader_kind
from lakzegel_agent.problems import NEXT
from lakzegel_agent.readers import reader_of
from lakzegel_agent.readers.base import Reader
from lakzegel_agent.scan import FoundFile, FoundOther, scan
from lakzegel_agent.settingsconfig import Config
from lakzegel_agent.sources import Root, locate

WATCHES: Final = Path("/proc/sys/fs/inotify/max_user_watches")
MOST: Final = 50_000  # things met in one source before a file that can be read is given up on
MOST_FOLDERS: Final = 2_000_000  # folders counted
_FULL_ACCESS: Final = "give the agent the right to read there (on macOS: full disk access)"


@dataclass(frozen=True, slots=True)
class Access:
    """One source, by the policy's name for it."""

    name: str
    well: bool
    detail: str
    next: str = ""


@dataclass(frozen=True, slots=True)
class Watches:
    """Folders to be watched, and how many the system lets this user watch; None: not known."""

    folders: int
    limit: int | None


def accesses(config: Config, in_force: InForce) -> Iterator[Access]:
    """Whether each source can be read."""
    for entry in in_force.sources:
        name = entry.source.name
        try:
            reader = reader_of(reader_kind(entry.source))
            root = locate(entry.path, home=os.fsencode(config.user_home))
        except UnknownReaderError:
            then = NEXT["reader-unknown"]
            yield Access(name, well=False, detail="of a kind that is not known", next=then)
        except UsageError:
            then = "have the policy name another path"
            yield Access(name, well=False, detail="its path cannot be used", next=then)
        else:
            yield _try(name, root, reader)


def _try(name: str, root: Root, reader: Reader) -> Access:
    if root.missing:
        return Access(name, well=False, detail="is not there", next=NEXT["source-missing"])
    refused = 0
    for found in islice(scan(root.root, reader, only=root.only), MOST):
        if isinstance(found, FoundFile):
            if _opens(root.root + b"/" + found.path):
                return Access(name, well=True, detail="a file of it was opened and read")
            refused += 1
        elif isinstance(found, FoundOther) and found.outcome == "failed":
            refused += 1
    if refused:
        detail = f"{refused} files and folders could not be read, and none could"
        return Access(name, well=False, detail=detail, next=_FULL_ACCESS)
    return Access(name, well=True, detail="is there, and holds no file")


def _opens(path: bytes) -> bool:
    """Whether a file gives its first byte; nothing is done with it."""
    try:
        descriptor = system.open_to_read(path)
    except OSError:
        return False
    try:
        os.read(descriptor, 1)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def watches(config: Config, in_force: InForce) -> Watches:
    """How many folders the sources have, and how many watches there are."""
    roots = set[bytes]()
    for entry in in_force.sources:
        try:
            root = locate(entry.path, home=os.fsencode(config.user_home))
        except UsageError:
            continue
        if not root.missing:
            roots.add(root.root)
    outer = {r for r in roots if not any(r != o and r.startswith(o + b"/") for o in roots)}
    return Watches(sum(1 for root in outer for _ in _folders(root)), _limit())


def _folders(root: bytes) -> Iterator[bytes]:
    waiting, met = [root], 0
    while waiting and met < MOST_FOLDERS:
        folder = waiting.pop()
        met += 1
        yield folder
        try:
            with os.scandir(folder) as entries:
                waiting.extend(e.path for e in entries if e.is_dir(follow_symlinks=False))
        except OSError:
            continue


def _limit() -> int | None:
    try:
        return int(WATCHES.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
