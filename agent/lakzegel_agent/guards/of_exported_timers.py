# SPDX-License-Identifier: EUPL-1.2
"""The timer of one chat over time, from the lines of an export that tell of it.

    on, changed, default   messages disappear after so many seconds, None where it does not say
    off                    they stay
    kept                   a notice that says nothing of a timer that is known already
    unknown                a line about timers that is not understood, and why

The last known line decides; after one that is not understood nothing is known, until the next known
one. docs/spec/settings-guarded.md
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

from lakzegel_agent.guards.base import State
from lakzegel_core.encoding import JsonValue

MAX_EVENTS: Final = 200  # of one chat that are stated, the last ones
MAX_TEXT: Final = 160  # characters of a line that is not understood
TIMER: Final = "timer"
UNKNOWN_WORDING: Final = "unknown-wording"

ON: Final = "on"
CHANGED: Final = "changed"
DEFAULT: Final = "default"
OFF: Final = "off"
KEPT: Final = "kept"
UNKNOWN: Final = "unknown"
_SETS: Final = frozenset({ON, CHANGED, DEFAULT})


@dataclass(frozen=True, slots=True)
class Event:
    """One line that tells of a timer; ``at`` is its moment as the export has it."""

    kind: str
    at: str
    seconds: int | None = None
    reason: str = ""  # of an unknown one
    text: str = ""  # of an unknown one, for the office


@dataclass(slots=True)
class Timer:
    """What is known of a chat's timer after the lines that were told so far."""

    on: bool | None = None  # None: no line told of it
    why: str = ""  # why nothing is known now
    seconds: int | None = None
    since: str = ""  # the moment of the line that set it on
    last: str = ""  # the moment of the last line
    events: deque[Event] = field(default_factory=lambda: deque(maxlen=MAX_EVENTS))
    count: int = 0
    unknown: Event | None = None  # the last line that was not understood

    def tell(self, event: Event) -> None:
        """Take in the next line."""
        self.count += 1
        self.last = event.at
        self.events.append(event)
        if event.kind in _SETS:
            if self.on is not True or self.why:
                self.since = event.at
            self.on, self.why, self.seconds = True, "", event.seconds
        elif event.kind == OFF:
            self.on, self.why, self.seconds = False, "", 0
        elif event.kind == UNKNOWN:
            self.why, self.unknown = event.reason, event
        elif self.on is None and not self.why:  # kept: there was a timer, of which no line is left
            self.why = UNKNOWN_WORDING

    @property
    def state(self) -> tuple[State, str]:
        """Return state and reason, of an export that was read whole."""
        if self.why:
            return State.UNKNOWN, self.why
        return (State.DRIFTED, TIMER) if self.on else (State.COMPLIANT, "")

    def told(self) -> dict[str, Any]:
        """Return it as a note keeps it and the office sees it."""
        events: list[JsonValue] = [
            {"kind": one.kind, "at": one.at, "seconds": 0 if one.kind == OFF else one.seconds}
            for one in self.events
        ]
        told: dict[str, Any] = {"seconds": self.seconds, "events": events}
        if self.count > len(events):
            told["earlier"] = self.count - len(events)
        if self.unknown is not None:
            told["unknown"] = {"at": self.unknown.at, "text": self.unknown.text[:MAX_TEXT]}
        return told
