# SPDX-License-Identifier: EUPL-1.2
"""Who has to be looked at again: of whom the log tells, whose deadline passed, and all in turn.

Whoever falls silent does so by himself; a row says when it has to be looked at (`judging.py`). All
are looked at within a while in any case, so that what went wrong does not stay wrong, and at once
where something holds for all: after a start, when the receiver seals again, when a clock was set
back. Some at a time, so that whatever else the receiver does goes on.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from lakzegel_server.fleet.roll import Roll
from lakzegel_server.index.engine import FAILURES

MOST: Final = 128  # devices a look: a transaction of some milliseconds
SMALL: Final = 512  # devices that are all looked at before a page is shown
ROUND: Final = timedelta(minutes=10)  # from the beginning of a round over all to the next
STEP: Final = 4 * MOST  # devices of a round that is in no hurry, each time
BUDGET: Final = 2.0  # seconds of work each time, of the five between two
BACK: Final = timedelta(minutes=1)  # a clock that goes back by more makes all rows doubtful
Names = Callable[[], list[str]]  # all devices: of the log, and of the rows
After = Callable[[str, str], list[str]]  # of a group with a row, after a name
Due = Callable[[datetime], list[str]]
Look = Callable[[list[str], datetime], None]
_log: Final = logging.getLogger(__name__)


class Tending:
    """The looks that are owed."""

    def __init__(
        self,
        roll: Roll,
        look: Look,
        names: Names,
        after: After,
        due: Due,
        *,
        pause: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._roll = roll
        self._look = look
        self._names = names
        self._after = after
        self._due = due
        self._pause = pause
        self._monotonic = monotonic
        self._turn = threading.Lock()
        self._odd: set[str] = set()  # of whom no row can be made, until the next round
        self._round: Iterator[str] | None = None
        self._began: datetime | None = None
        self._hurries = True  # a start: rows may be of another program, or of long ago
        self._group: tuple[str, str] | None = None  # being looked at, up to a name
        self._seen: datetime | None = None

    @property
    def is_behind(self) -> bool:
        """Whether a round is under way without which rows may be missing, or be old."""
        return self._hurries

    def hurry(self) -> None:
        """Look at all of them, soon."""
        self._hurries, self._round = True, None

    def changed(self, now: datetime) -> None:
        """Look at some of whom the log tells: what somebody did a moment ago is shown."""
        self._one(lambda _now: self._roll.changed(MOST), now)

    def all(self, now: datetime) -> None:
        """Look at all that are owed; for a fleet that is small."""
        self._watch(now)
        while self._one(self._next, now):
            pass

    def some(self, now: datetime) -> None:
        """Look for a while, with as long a pause as each look took; then go on another time."""
        self._watch(now)
        until = self._monotonic() + BUDGET
        calm = STEP
        while calm > 0 and self._monotonic() < until:
            began = self._monotonic()
            count = self._one(self._next, now)
            if not count:
                return
            if not self._hurries and self._round is not None:
                calm -= count
            self._pause(self._monotonic() - began)

    def _one(self, some: Due, now: datetime) -> int:
        """How many were looked at: some that are owed it.

        One look at a time: whoever finds nothing owed sees what another found.
        """
        with self._turn:
            names = some(now)
            if not names:
                return 0
            try:
                self._look(names, now)
            except FAILURES:
                self._roll.again(names)
                raise
            except Exception:  # noqa: BLE001 - an odd device must not hide the others
                self._singly(names, now)
            return len(names)

    def _singly(self, names: list[str], now: datetime) -> None:
        """Look at each by itself, and pass over whom that cannot be done of."""
        for name in names:
            try:
                self._look([name], now)
            except FAILURES:
                self._roll.again([name])
                raise
            except Exception as error:  # noqa: BLE001 - see above
                self._odd.add(name)
                _log.warning("device %s: its row cannot be made: %s", name, type(error).__name__)

    def _next(self, now: datetime) -> list[str]:
        """The next that are owed a look; none when nobody is."""
        return (
            self._roll.changed(MOST)
            or self._of_group()
            or [name for name in self._due(now) if name not in self._odd]
            or self._of_round(now)
        )

    def _of_group(self) -> list[str]:
        """The next of a group that has another policy now."""
        while True:
            if self._group is None:
                group = self._roll.group()
                if group is None:
                    return []
                self._group = group, ""
            names = self._after(*self._group)
            self._group = (self._group[0], names[-1]) if names else None
            if names:
                return names

    def _of_round(self, now: datetime) -> list[str]:
        if self._round is None:
            if not self._hurries and self._began is not None and now < self._began + ROUND:
                return []
            self._round, self._began = iter(self._names()), now
            self._odd.clear()
        names = list(islice(self._round, MOST))
        if not names:
            self._round, self._hurries = None, False
        return names

    def _watch(self, now: datetime) -> None:
        """A clock that was set back leaves rows that are of later."""
        if self._seen is not None and now < self._seen - BACK:
            self.hurry()
        self._seen = now
