# SPDX-License-Identifier: EUPL-1.2
"""What happens often, counted until it is written down (docs/spec/people.md §8).

Nobody fills the disk, or the log, by failing.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from lakzegel_server.limiting import Bucket
from lakzegel_server.people.records import NOTHING, Event

MAX_COUNTED: Final = 256  # different things that are counted apart until they are written down
STRANGERS: Final = 256  # records a day that tell apart from where somebody unknown was refused
_DAY: Final = 86_400.0


class Counting:
    """The counts of one receiver; any thread may add to them."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Nothing happened yet."""
        self._clock = clock
        self._lock = threading.Lock()
        self._counted: Counter[Event] = Counter()
        self._strangers = Bucket(STRANGERS, _DAY, STRANGERS, clock())

    def add(self, event: Event) -> None:
        """It happened once more.

        What comes from too many addresses to count each apart is counted together.
        """
        with self._lock:
            if event not in self._counted and not self._has_room(event):
                event = replace(event, id=NOTHING, who=replace(event.who, address=NOTHING))
            self._counted[event] += 1

    def take(self) -> Counter[Event]:
        """What was counted since the last time."""
        with self._lock:
            counted, self._counted = self._counted, Counter()
        return counted

    def put_back(self, counted: Counter[Event]) -> None:
        """It could not be written down."""
        with self._lock:
            self._counted.update(counted)

    def _has_room(self, event: Event) -> bool:
        """Whether it may have a record of its own; of strangers only so many a day."""
        if len(self._counted) >= MAX_COUNTED:
            return False
        if event.who.name != NOTHING:
            return True
        self._strangers.refill(max(self._clock(), self._strangers.at))
        if self._strangers.wait(1.0) > 0:
            return False
        self._strangers.left -= 1.0
        return True
