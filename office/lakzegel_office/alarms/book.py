# SPDX-License-Identifier: EUPL-1.2
"""The journal of alarms, `records/alarms.jsonl`: what was raised, what is over, who was told.

    {"event":"raised","cause":"silent","about":"laptop-7"}
    {"event":"over","cause":"silent","about":"laptop-7"}
    {"event":"told","entry":4,"place":"mail"}

How alarms stand follows from it alone, so that a restart raises nothing twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from lakzegel_office.alarms.conditions import Condition
from lakzegel_office.journal import Entry, Journal

NAME: Final = "alarms"
RAISED: Final = "raised"
OVER: Final = "over"
TOLD: Final = "told"


@dataclass(frozen=True, slots=True)
class Alarm:
    """One that was raised, or is over: its line in the journal."""

    number: int
    event: str
    condition: Condition
    at: datetime


class Book:
    """How alarms stand."""

    def __init__(self, journal: Journal) -> None:
        """Read the journal, so far as it goes."""
        self._journal = journal
        self.standing: dict[Condition, Alarm] = {}
        self.all: list[Alarm] = []
        self._told: set[tuple[int, str]] = set()
        self._taken = 0
        self._catch_up()

    def stand(self, found: Iterable[Condition], now: datetime) -> None:
        """Write down what came and what went."""
        self._catch_up()
        now_wrong = set(found)
        lines = [_line(RAISED, one) for one in sorted(now_wrong - set(self.standing))]
        lines += [_line(OVER, one) for one in sorted(set(self.standing) - now_wrong)]
        if lines:
            for entry in self._journal.append_all(lines, now):
                self._take(entry)

    def untold(self, place: str) -> Iterator[Alarm]:
        """Yield what a place was not told yet, in order."""
        yield from (one for one in self.all if (one.number, place) not in self._told)

    def told(self, alarm: Alarm, place: str, now: datetime) -> None:
        """Write down that it arrived there."""
        says = {"event": TOLD, "entry": alarm.number, "place": place}
        self._take(self._journal.append(says, now))

    def _catch_up(self) -> None:
        """Read what was written since, by a pull beside this one too."""
        for entry in self._journal.read(self._taken):
            self._take(entry)

    def _take(self, entry: Entry) -> None:
        self._taken = max(self._taken, entry.number + 1)
        says = entry.says
        if says["event"] == TOLD:
            self._told.add((int(says["entry"]), str(says["place"])))
            return
        condition = Condition(str(says["cause"]), str(says["about"]))
        alarm = Alarm(entry.number, str(says["event"]), condition, entry.at)
        self.all.append(alarm)
        if alarm.event == RAISED:
            self.standing[condition] = alarm
        else:
            self.standing.pop(condition, None)


def _line(event: str, condition: Condition) -> dict[str, str]:
    return {"event": event, "cause": condition.cause, "about": condition.about}
