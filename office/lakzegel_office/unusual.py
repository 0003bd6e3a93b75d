# SPDX-License-Identifier: EUPL-1.2
"""The audit trail in sum: what each person did in each month, and what is out of the ordinary.

docs/spec/journal.md §4. Nothing here judges: a line is a reason to ask.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Final

from lakzegel_core.encoding import format_time
from lakzegel_office.audit import DONE
from lakzegel_office.journal import Entry

READING: Final = ("open", "prove", "restore", "export", "search", "view")  # what shows content
FIRST_HOUR: Final = 7
LAST_HOUR: Final = 19
MANY: Final = 50  # openings by one person within an hour
_HOUR: Final = timedelta(hours=1)
_SATURDAY: Final = 5


@dataclass(frozen=True, slots=True)
class Row:
    """What one person did in one month, by action."""

    actor: str
    month: str
    counts: Mapping[str, int]

    def to_json(self) -> dict[str, object]:
        """Return it for a program."""
        return {"actor": self.actor, "month": self.month, "actions": dict(self.counts)}


def by_person(entries: Iterable[Entry]) -> list[Row]:
    """Return the sums, by month and person."""
    found: dict[tuple[str, str], Counter[str]] = {}
    for entry in entries:
        key = (format_time(entry.at)[:7], str(entry.says["actor"]))
        found.setdefault(key, Counter())[str(entry.says["action"])] += 1
    return [
        Row(actor, month, dict(sorted(n.items()))) for (month, actor), n in sorted(found.items())
    ]


class Unusual:
    """Looks at a trail from its first line on, for what somebody should ask about."""

    def __init__(
        self, known: Mapping[str, datetime], left: Mapping[str, datetime], zone: tzinfo | None
    ) -> None:
        """Keep who works or worked here, since and until when, and the zone of the hours."""
        self._known = known
        self._left = left
        self._named = min(known.values(), default=None)  # from when on people log in by name
        self._zone = zone
        self._recent: dict[str, deque[datetime]] = {}
        self._before: datetime | None = None

    def look(self, entry: Entry) -> Iterator[str]:
        """Yield why this line is out of the ordinary."""
        says = entry.says
        if self._before is not None and entry.at < self._before:
            yield "the clock went back"
        self._before = entry.at
        if says["result"] != DONE:
            yield f"{says['result']}"
        named = self._named is not None and entry.at > self._named
        if named and says["actor"] not in self._known:
            yield "by nobody who logs in by name"
        if entry.at > self._left.get(says["actor"], entry.at):
            yield "by somebody who had left"
        if says["action"] in READING:
            yield from self._reading(entry)

    def _reading(self, entry: Entry) -> Iterator[str]:
        local = entry.at.astimezone(self._zone)
        if local.weekday() >= _SATURDAY:
            yield "on a weekend"
        elif not FIRST_HOUR <= local.hour < LAST_HOUR:
            yield f"at {local:%H:%M}"
        recent = self._recent.setdefault(str(entry.says["actor"]), deque())
        recent.append(entry.at)
        while recent[0] < entry.at - _HOUR:
            recent.popleft()
        if len(recent) == MANY + 1:
            yield f"more than {MANY} within an hour"
