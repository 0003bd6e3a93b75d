# SPDX-License-Identifier: EUPL-1.2
"""Which file may be read now, which must wait, and what becomes of one that could not be.

found -> not settled yet: later -> read -> changed: later, a few times, then taken as it is
-> vanished: perhaps renamed, decided at the end
-> more segments than its batch has room for: cut as a big file
-> unreadable …: failed, an observation

A large file that a hint named, and that seems to have grown at its end, is read there alone.
"""

import heapq
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import count
from typing import Final

from lakzegel_agent.captureevents import VANISHED
from lakzegel_agent.capturesecond import SecondLook
from lakzegel_agent.capturetarget import Target, Watched, stat_of
from lakzegel_agent.capturework import Backlog, BigFile
from lakzegel_agent.ledgerfiles import LedgerFiles, Work
from lakzegel_agent.ledgerrows import SEGMENT, FileMark, FileState
from lakzegel_agent.passes import INCOMPLETE_WAITS, Patience, WatchedSource
from lakzegel_agent.sealing.jobs import Cut, Stat
from lakzegel_agent.sealing.reading import CHANGED, CROWDED, INCOMPLETE, UNLIKE

MOST_BIG: Final = 4  # big files on their way at a time; each holds its seams in memory
CHANGING: Final = "changing"
TIME_STEP: Final = 0.02  # seconds: two writes that are closer may carry one and the same time
_NANO: Final = 1e9


class Admission:
    """Every file of a pass from when it is found until it is captured or given up."""

    def __init__(
        self,
        sources: Sequence[WatchedSource],
        watched: Sequence[Watched],
        second: SecondLook,
        backlog: Backlog,
        files: LedgerFiles,
        clock: Callable[[], datetime],
        patience: Patience,
        key: bytes,
    ) -> None:
        self._sources = sources
        self._watched = watched
        self._second = second
        self._backlog = backlog
        self._files = files
        self._clock = clock
        self._patience = patience
        self._key = key
        self._later: list[tuple[float, int, Target]] = []
        self._numbers = count()
        self._cuts: deque[Target] = deque()
        self.targets: dict[bytes, Target] = {}

    def admit(self, target: Target) -> None:
        """Take a file in: to be read now, or once it has settled."""
        self.targets[target.name] = target
        if target.talk is not None:
            self._backlog.add_talk(target, target.talk, whole=target.waited)
            return
        settle = max(self._sources[target.source].settle, TIME_STEP)
        age, last = self._age(target), self._last(target)
        if 0 <= age < settle and not last:
            self._wait(target._replace(tries=target.tries + 1), settle - age)
        elif target.stat.size > self._backlog.whole:
            end = 0 if last else self._end(target)
            if end:
                self._backlog.add_grown(target, end)
            else:
                self._cuts.append(target)
        else:
            self._backlog.add_file(target, patient=self._patient(target, age), lenient=last)

    def _end(self, target: Target) -> int:
        """Return how many bytes of a file are to be read, where it is its end alone; else 0."""
        watched = self._watched[target.source]
        if watched.touched is None or not watched.reader.appends or target.secret is None:
            return 0
        if target.whole or target.again or self._files.parts(target.name):
            return 0
        before = FileState.unpack(self._files.cipher.open(target.secret, target.name))
        if before.path != target.path or not before.segments:
            return 0
        if before.size >= target.stat.size or before.mtime > target.stat.mtime:
            return 0
        size = target.stat.size - before.size + SEGMENT.unpack(before.segments[-SEGMENT.size :])[3]
        return size if size <= self._backlog.whole else 0

    def next_cut(self) -> Cut | None:
        """Return the request for the seams of the next big file, when there is room for one."""
        if not self.can_cut():
            return None
        target = self._cuts.popleft()
        before = FileState(target.path)
        if target.secret is not None:
            before = FileState.unpack(self._files.cipher.open(target.secret, target.name))
        known = before.segments + self._files.parts(target.name)
        big = BigFile(target, before, known)
        return self._backlog.start_cut(
            big, patient=self._patient(target, self._age(target)), lenient=self._last(target)
        )

    def due(self) -> bool:
        """Admit the file whose time has come; False where there is none."""
        if not self._later or self._later[0][0] > time.monotonic():
            return False
        target = heapq.heappop(self._later)[2]
        if target.talk is not None:
            self.admit(target)
            return True
        told = stat_of(self._watched[target.source].info.root + b"/" + target.path)
        if told is None:
            self.settle(target.name)
            self._second.lose(target)
        else:
            self.admit(target._replace(stat=told))
        return True

    def waits(self) -> float | None:
        """Return the seconds until a file's time has come, or None where none waits."""
        if not self._later:
            return None
        return max(0.0, self._later[0][0] - time.monotonic())

    def can_cut(self) -> bool:
        """Return whether a big file waits for its seams, and there is room for one."""
        under_way = len(self._backlog.big) + len(self._backlog.cutting)
        return bool(self._cuts) and under_way < MOST_BIG

    def mark(self, told: Stat) -> bytes:
        """Return by what the ledger knows this state of a file."""
        return told.mark(self._key)

    def settle(self, name: bytes) -> None:
        """Note that the pass is done with a file."""
        self.targets.pop(name, None)

    def miss(self, name: bytes, why: str, work: Work) -> None:
        """Decide on a file that could not be taken; what is final goes into ``work``."""
        target = self.targets[name]
        if why == INCOMPLETE:
            settle = self._sources[target.source].settle
            self._wait(target._replace(waited=True), settle)
        elif why == UNLIKE or (why == CROWDED and target.talk is None):
            self.targets[name] = target._replace(whole=True)
            self._cuts.append(self.targets[name])
        elif why == CROWDED and not target.waited:
            self.admit(target._replace(waited=True))
        elif why == VANISHED:
            self.settle(name)
            self._second.lose(target)
        elif why in {CHANGED, CROWDED} and not self._last(target):
            self._wait(target._replace(tries=target.tries + 1), self._patience.wait(target.tries))
        else:
            self.settle(name)
            reason = CHANGING if why in {CHANGED, CROWDED} else why
            number = self._watched[target.source].info.number
            work.marks.append(FileMark(name, number, "failed", reason, target.path))

    def _wait(self, target: Target, seconds: float) -> None:
        self.targets[target.name] = target
        due = time.monotonic() + seconds
        heapq.heappush(self._later, (due, next(self._numbers), target))

    def _last(self, target: Target) -> bool:
        return target.tries >= self._patience.tries - 1

    def _patient(self, target: Target, age: float) -> bool:
        settle = self._sources[target.source].settle
        return not target.waited and 0 <= age < INCOMPLETE_WAITS * settle

    def _age(self, target: Target) -> float:
        """Seconds since the file changed by the wall clock; negative where that was set back."""
        return self._clock().timestamp() - target.stat.mtime / _NANO
