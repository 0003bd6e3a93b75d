# SPDX-License-Identifier: EUPL-1.2
"""Hints that something changed below a folder; the only importer of watchdog.

A hint wakes the rescan and is worth no more: queues overflow silently, network shares send
nothing, laptops sleep. Where the system has too few watches left, there are no hints for that
folder and the rescan comes more often.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
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
from watchdog.observers import Observer

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


class _Handler(FileSystemEventHandler):
    def __init__(self, root: bytes, hint: Callable[[bytes], None]) -> None:
        self._root = root
        self._hint = hint

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Pass on that something changed; what, the rescan finds out."""
        if isinstance(event, tuple(_CHANGES)):
            self._hint(self._root)


class Watcher:
    """Watches of several folders, until it is stopped."""

    def __init__(self, roots: frozenset[bytes]) -> None:
        self.roots = roots
        self.blind: set[bytes] = set()  # no hints come from here
        self._observers: list[Observer] = []  # type: ignore[valid-type]  # a variable there

    @classmethod
    def start(cls, roots: Iterable[bytes], hint: Callable[[bytes], None]) -> Self:
        """A watcher that calls ``hint`` with the root below which something changed."""
        watcher = cls(frozenset(roots))
        for root in sorted(watcher.roots):
            watcher._watch(root, hint)
        return watcher

    def is_well(self) -> bool:
        """Whether every watch that was set is still alive."""
        return all(
            observer.is_alive() and all(emitter.is_alive() for emitter in observer.emitters)  # type: ignore[attr-defined]
            for observer in self._observers
        )

    def stop(self) -> None:
        """End the watches."""
        for observer in self._observers:
            observer.stop()  # type: ignore[attr-defined]
        for observer in self._observers:
            observer.join(2.0)  # type: ignore[attr-defined]
        self._observers.clear()

    def _watch(self, root: bytes, hint: Callable[[bytes], None]) -> None:
        observer = Observer()
        observer.daemon = True
        try:
            observer.schedule(
                _Handler(root, hint), os.fsdecode(root), recursive=True, event_filter=_CHANGES
            )
            observer.start()
        except OSError:  # too few watches or instances, or the folder just went
            self.blind.add(root)
            observer.unschedule_all()
            return
        self._observers.append(observer)
