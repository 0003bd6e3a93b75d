# SPDX-License-Identifier: EUPL-1.2
"""Hints that something changed below a folder; with watchqueue the only importer of watchdog.

A hint wakes the rescan and is worth no more: queues overflow, network shares send nothing, laptops
sleep. Where hints are missing or not complete, that is known here, and the rescan comes more often.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Self

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers.api import BaseObserver

from lakzegel_agent.watchmounts import Mount, is_below, mount_of, mounts_below

# Why hints from a root are missing or not complete.
NO_WATCH: Final = "no-watch"  # the system has no more watches, or refuses one
SHARE: Final = "share"  # on a file system that others write to
ABSENT: Final = "absent"  # not there

# not: opened, read to the end. Reading a file ourselves would else be a hint to read it again.
_CHANGES: Final[list[type[FileSystemEvent]]] = [
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
]
_WIDE: Final = (DirDeletedEvent, DirMovedEvent)  # what they take away lies anywhere below
_JOIN: Final = 2.0  # seconds that a thread of watchdog gets to end

Place = tuple[int, int]  # device and inode of a folder, while it is mounted


Hint = Callable[[bytes, tuple[bytes, ...] | None], None]
"""Called with a root and the paths below it where something changed, None for anywhere."""


class _Handler(FileSystemEventHandler):
    def __init__(self, root: bytes, real: bytes, hint: Hint) -> None:
        self._root = root
        self._before = real.rstrip(b"/") + b"/"
        self._hint = hint

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Pass on that something changed, and where; what, a look there finds out."""
        if isinstance(event, tuple(_CHANGES)):
            self._hint(self._root, self._paths(event))

    def _paths(self, event: FileSystemEvent) -> tuple[bytes, ...] | None:
        if sys.platform != "linux" or isinstance(event, _WIDE):  # elsewhere names may be others
            return None
        named = [os.fsencode(path) for path in (event.src_path, event.dest_path) if path]
        if not named or not all(path.startswith(self._before) for path in named):
            return None
        return tuple(path[len(self._before) :] for path in named)


class Watcher:
    """Watches of several folders, until it is stopped. A new one is made when it is not well."""

    def __init__(
        self,
        roots: Iterable[bytes],
        *,
        hint: Hint,
        lost: Callable[[], None],
    ) -> None:
        """Watch nothing yet.

        Args:
            roots: the folders.
            hint: called with the root and paths where something changed, in a thread of its own.
            lost: called when the system dropped events, likewise; the watcher is then not well.
        """
        self.roots = frozenset(roots)
        self.unsure: dict[bytes, str] = {}  # roots without hints, or without some; why
        self._real = {root: os.path.realpath(root) for root in self.roots}
        self._places = {root: _place(root) for root in self.roots}
        self._hint = hint
        self._lost = lost
        self._overflowed = False
        self._observer: BaseObserver | None = None

    @classmethod
    def start(
        cls,
        roots: Iterable[bytes],
        *,
        hint: Hint,
        lost: Callable[[], None],
        mounts: tuple[Mount, ...] = (),
    ) -> Self:
        """Return a watcher of these roots; shares among ``mounts`` get no watch."""
        watcher = cls(roots, hint=hint, lost=lost)
        shares = [mount for mount in mounts if mount.is_share()]
        try:
            observer = watcher._observer = watcher._observe()
            observer.start()
        except OSError:  # too few instances
            watcher.unsure = dict.fromkeys(watcher.roots, NO_WATCH)
            return watcher
        for root in sorted(watcher.roots):
            if watcher._is_worth_it(root, mounts, shares):
                watcher._watch(root, observer)
        return watcher

    def is_well(self) -> bool:
        """Return whether every watch that was set is alive and sees the folder that is there."""
        observer = self._observer
        if self._overflowed or any(_place(root) != at for root, at in self._places.items()):
            return False
        return observer is None or (
            observer.is_alive() and all(emitter.is_alive() for emitter in observer.emitters)
        )

    def stop(self) -> None:
        """End the watches."""
        observer, self._observer = self._observer, None
        if observer is not None:
            observer.stop()
            observer.join(_JOIN)

    def _is_worth_it(self, root: bytes, mounts: Iterable[Mount], shares: list[Mount]) -> bool:
        """Whether watches tell of what happens below a root, and note where not all of it."""
        real = self._real[root]
        if self._places[root] is None:
            self.unsure[root] = ABSENT
        elif mount_of(real, mounts) in shares:
            self.unsure[root] = SHARE
        else:
            if mounts_below(real, shares):
                self.unsure[root] = SHARE
            return True
        return False

    def _watch(self, root: bytes, observer: BaseObserver) -> None:
        real = self._real[root]
        handler = _Handler(root, real, self._hint)
        try:
            observer.schedule(handler, os.fsdecode(real), recursive=True, event_filter=_CHANGES)
        except OSError:
            self.unsure[root] = ABSENT if _place(root) is None else NO_WATCH

    def _observe(self) -> BaseObserver:
        if sys.platform == "linux":
            from lakzegel_agent.watchqueue import QueueObserver  # noqa: PLC0415  # Linux alone

            return QueueObserver(refused=self._refuse, lost=self._overflow)
        from watchdog.observers import Observer  # noqa: PLC0415  # the system's own

        return Observer()

    def _refuse(self, path: bytes) -> None:
        """Note that a folder below some roots got no watch."""
        for root, real in self._real.items():
            if is_below(path, real):
                self.unsure[root] = NO_WATCH

    def _overflow(self) -> None:
        self._overflowed = True
        self._lost()


def reasons(unsure: Mapping[bytes, str]) -> dict[str, int]:
    """Return how many roots each reason holds for."""
    counts: dict[str, int] = {}
    for why in unsure.values():
        counts[why] = counts.get(why, 0) + 1
    return dict(sorted(counts.items()))


def _place(root: bytes) -> Place | None:
    try:
        told = os.stat(root)  # noqa: PTH116  # bytes
    except OSError:
        return None
    return told.st_dev, told.st_ino
