# SPDX-License-Identifier: EUPL-1.2
r"""Files that a program of Windows holds and shares with nobody, read from a shadow copy.

    \\?\C:\Users\jan\jan.ost
    \\?\GLOBALROOT\Device\HarddiskVolumeShadowCopy7\Users\jan\jan.ost

Outlook holds its store for as long as it runs. A copy of a volume costs seconds and room on it, so
that one serves for some minutes; after a failure none is tried for an hour. Each has a mark, a file
that is called as it is, so that what a killed process left is removed by the next. Over calls that
a recording can stand behind; not run on a real device. docs/spec/services.md §5
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

FRESH: Final = 300.0  # seconds that a copy serves
PAUSE: Final = 3600.0  # seconds after a volume that gives none
ABANDONED: Final = 3600.0  # seconds after which a mark is of a process that was killed
ID: Final = re.compile(r"\{[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\}")
DEVICE: Final = re.compile(r"\\\\\?\\GLOBALROOT\\Device\\HarddiskVolumeShadowCopy[0-9]{1,9}")
_ON_A_DRIVE: Final = re.compile(r"\\\\\?\\([A-Za-z]):(\\.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Shadow:
    """A copy of a volume as it was at one moment."""

    id: str
    device: str


class Shadower(Protocol):
    """Makes copies. Whatever fails raises OSError."""

    def make(self, drive: str) -> Shadow:
        """Make a copy of a drive, ``C``."""
        ...

    def remove(self, id_: str) -> None:
        """Remove a copy; one that is gone is none to be removed."""
        ...


Later = Callable[[float, Callable[[], None]], None]
"""Has something done after so many seconds, if this process is still there."""


def later(seconds: float, what: Callable[[], None]) -> None:
    """In a thread of its own."""
    timer = threading.Timer(seconds, what)
    timer.daemon = True
    timer.start()


class Shadows:
    """The copies of one process."""

    def __init__(
        self,
        shadower: Shadower,
        marks: Path,
        *,
        now: Callable[[], float] = time.time,
        later: Later = later,
        close: Callable[[Path], None] = lambda _: None,
    ) -> None:
        """Nothing is copied yet.

        Args:
            shadower: makes and removes copies.
            marks: the folder of marks, which the system and administrators alone may write.
            now: seconds by the wall clock, which the marks are of too.
            later: has a copy removed that nobody asked for again.
            close: lets nobody else into a folder; raises OSError where it is another's.
        """
        self._close = close
        self._later = later
        self._shadower = shadower
        self._marks = marks
        self._now = now
        self._lock = threading.Lock()
        self._copies: dict[str, tuple[Shadow, float]] = {}
        self._not_before: dict[str, float] = {}

    def find(self, path: str) -> str | None:
        """Where a file lies in a copy; None where there can be none."""
        found = _ON_A_DRIVE.fullmatch(path)
        if found is None:
            return None
        drive, rest = found.group(1).upper(), found.group(2)
        with self._lock:
            copy = self._of(drive)
        return None if copy is None else copy.device + rest

    def close(self) -> None:
        """Remove them all."""
        with self._lock:
            for drive in list(self._copies):
                self._let_go(drive)

    def _over(self, drive: str, copy: Shadow) -> None:
        with self._lock:
            if self._copies.get(drive, (None,))[0] is copy:
                self._let_go(drive)

    def _of(self, drive: str) -> Shadow | None:
        held = self._copies.get(drive)
        if held is not None:
            if 0 <= self._now() - held[1] < FRESH:
                return held[0]
            self._let_go(drive)
        if self._now() < self._not_before.get(drive, 0.0):
            return None
        try:
            self._sweep()
            return self._make(drive)
        except OSError:
            self._not_before[drive] = self._now() + PAUSE
            return None

    def _make(self, drive: str) -> Shadow:
        copy = self._shadower.make(drive)
        mark, now = self._marks / copy.id, self._now()
        try:
            mark.touch(mode=0o600)
            os.utime(mark, (now, now))
        except OSError:
            self._shadower.remove(copy.id)  # nobody would know of it
            raise
        self._copies[drive] = copy, now
        self._later(FRESH, lambda: self._over(drive, copy))
        return copy

    def _let_go(self, drive: str) -> None:
        copy, _ = self._copies.pop(drive)
        self._remove(copy.id)

    def _sweep(self) -> None:
        """Remove what processes left that were killed."""
        self._marks.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._close(self._marks)  # a mark of somebody else's would have another's copy removed
        for mark in self._marks.iterdir():
            if ID.fullmatch(mark.name) and self._now() - mark.stat().st_mtime > ABANDONED:
                self._remove(mark.name)

    def _remove(self, id_: str) -> None:
        with suppress(OSError):  # its mark stays, for another try
            self._shadower.remove(id_)
            (self._marks / id_).unlink(missing_ok=True)
