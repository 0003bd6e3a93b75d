# SPDX-License-Identifier: EUPL-1.2
"""The files below a folder, nearest first and no more than some thousands; no link is followed."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

from lakzegel_agent.guards.base import TOO_MANY, UNREADABLE

MAX_ENTRIES: Final = 30_000  # that one walk looks at
_MEDIA: Final = frozenset({b"Media", b"Message", b"attachments.noindex"})  # thousands of files


def walk(
    root: bytes, *, only: Callable[[bytes], bool] | None = None, most: int = MAX_ENTRIES
) -> Iterator[bytes | str]:
    """Yield the path below the root of each regular file; last, as text, why there may be more.

    Folders that are named as chat programs name those of media come last, and where it is only
    they that are too large, nothing is said of it: no store lies in them. Folders in which nothing
    can be that a `Selection` wants are passed over.
    """
    may_hold: Callable[[bytes], bool] = getattr(only, "may_hold", _always)
    waiting, media = deque([b""]), deque[bytes]()
    left, why = most, ""
    while waiting or media:
        is_media = not waiting
        folder = (waiting or media).popleft()
        found, whole = _entries(root + b"/" + folder if folder else root, left)
        why = why if whole or is_media else UNREADABLE
        for name, is_folder in found:
            path = folder + b"/" + name if folder else name
            if not is_folder:
                yield path
            elif may_hold(path):
                (media if is_media or name in _MEDIA else waiting).append(path)
        left -= len(found)
        if left <= 0:
            why = why if is_media else TOO_MANY
            break
    if why:
        yield why


def _always(_: bytes) -> bool:
    return True


def _entries(folder: bytes, most: int) -> tuple[list[tuple[bytes, bool]], bool]:
    """Return the names of a folder's files and folders, at most so many, and whether it told."""
    found: list[tuple[bytes, bool]] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                is_folder = entry.is_dir(follow_symlinks=False)
                if is_folder or entry.is_file(follow_symlinks=False):
                    found.append((entry.name, is_folder))
                if len(found) >= most:
                    break
    except (FileNotFoundError, NotADirectoryError):
        return sorted(found), True
    except OSError:
        return sorted(found), False
    return sorted(found), True
