# SPDX-License-Identifier: EUPL-1.2
"""A chat's timer as a store tells it: how long, since when, by whom, and how it was before.

{"seconds":604800,"by":"self","events":[{"at":"2026-11-02T09:00:00Z","by":"self","seconds":604800}]}

docs/spec/settings-guarded.md
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from lakzegel_agent.guards.base import NOT_UNDERSTOOD, State
from lakzegel_agent.guards.of_seen import Seen, plain
from lakzegel_core.encoding import JsonValue, format_time

MAX_EVENTS: Final = 200  # of one chat
ALL_EVENTS: Final = 20_000  # of one store that are read, the newest
TIMER: Final = "timer"
AFTER_READ: Final = "after-read"
EVENTS_ONLY: Final = "events-only"
SELF: Final = "self"
_MOST: Final = 2**31 - 1  # seconds, as all of these programs count them
_FIRST: Final = datetime(2009, 1, 1, tzinfo=UTC)  # none of these programs is older
_LAST: Final = datetime(2200, 1, 1, tzinfo=UTC)
_MILLISECONDS: Final = 10**11  # a time from here on counts milliseconds


@dataclass(frozen=True, slots=True)
class Event:
    """That a timer was set; ``seconds`` None: to something that is not understood."""

    at: datetime | None
    seconds: int | None
    by: str | None = None
    after_read: int | None = 0
    default: bool = False  # it came with the chat: an account's timer for new ones


@dataclass(frozen=True, slots=True)
class Timer:
    """What a store tells of one chat; seconds as `seconds_of` read them, None: not understood."""

    chat: str
    seconds: int | None
    after_read: int | None = 0
    name: str | None = None
    set_at: datetime | None = None
    events: Sequence[Event] = ()

    def seen(self) -> Seen:
        """Return it as what is seen of a subject."""
        state, reason = self._judged()
        since = self._since() if state is State.DRIFTED else None
        return Seen(plain(self.chat), state, reason, self._value(), since)

    def _judged(self) -> tuple[State, str]:
        if self.seconds:
            return State.DRIFTED, TIMER
        if self.after_read:
            return State.DRIFTED, AFTER_READ
        if self.seconds is None or self.after_read is None:
            return State.UNKNOWN, NOT_UNDERSTOOD
        return State.COMPLIANT, ""

    def _since(self) -> datetime | None:
        """Return when the timer was set that was not taken off since."""
        began = self.set_at
        for event in reversed(self.events):
            if not (event.seconds or event.after_read):
                break
            if event.at is not None and (began is None or event.at < began):
                began = event.at
        return began

    def _value(self) -> JsonValue:
        value: dict[str, JsonValue] = {"seconds": self.seconds}
        if self.name is not None:
            value["name"] = plain(self.name)
        if self.after_read != 0:
            value["after_read"] = self.after_read
        if self.set_at is not None:
            value["set"] = format_time(self.set_at)
        if self.events:
            value["by"] = _person(self.events[-1])
            value["events"] = [_stated(event) for event in self.events[-MAX_EVENTS:]]
        return value


def in_order(newest_first: Sequence[Event]) -> Sequence[Event]:
    """Return events by their moments, the last one last: older ones may have been added later."""
    oldest_first = list(reversed(newest_first))
    oldest_first.sort(key=lambda event: 0.0 if event.at is None else event.at.timestamp())
    return oldest_first


def seconds_of(value: object) -> int | None:
    """Return a timer's seconds, 0 for none at all; None for what is no such number."""
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= _MOST else None


def moment_of(value: object) -> datetime | None:
    """Return the moment of a time since 1970 in seconds or milliseconds; None for none."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 2**53:
        return None
    whole = value // 1000 if value >= _MILLISECONDS else value
    return _within(whole)


def moment_since_2001(value: object) -> datetime | None:
    """Return the moment of a time in seconds since 2001; None for none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return _within(int(value) + 978_307_200) if abs(value) < _MILLISECONDS else None


def _within(seconds: int) -> datetime | None:
    if not int(_FIRST.timestamp()) <= seconds < int(_LAST.timestamp()):
        return None
    return datetime.fromtimestamp(seconds, UTC)


def _stated(event: Event) -> JsonValue:
    stated: dict[str, JsonValue] = {
        "at": None if event.at is None else format_time(event.at),
        "by": _person(event),
        "seconds": event.seconds,
    }
    if event.after_read != 0:
        stated["after_read"] = event.after_read
    if event.default:
        stated["default"] = True
    return stated


def _person(event: Event) -> str | None:
    return None if event.by is None else plain(event.by, 200)
