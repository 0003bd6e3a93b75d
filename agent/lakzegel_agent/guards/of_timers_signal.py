# SPDX-License-Identifier: EUPL-1.2
"""Timers in an open store of Signal Desktop (docs/spec/settings-guarded.md).

items          universalExpireTimer     {"id":"universalExpireTimer","value":2419200}
conversations  json                     {"expireTimer":604800,…}
messages       type timer-notification  json: {"expirationTimerUpdate":{"expireTimer":604800,…}}

Messages have no index by type: what is new since the last look is looked through, a while at a
time, and what was found is kept.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from lakzegel_agent.correspondents import is_private
from lakzegel_agent.errors import StoreError
from lakzegel_agent.guards.base import State
from lakzegel_agent.guards.of_seen import MAX_SEEN, Seen
from lakzegel_agent.guards.of_stores import UNKNOWN_SCHEMA
from lakzegel_agent.guards.of_timers import (
    MAX_EVENTS,
    SELF,
    Event,
    Timer,
    in_order,
    moment_of,
    seconds_of,
)
from lakzegel_agent.stores.chatrows import Record
from lakzegel_agent.stores.signal_json import MAX_JSON
from lakzegel_agent.stores.signal_reading import OpenSignal
from lakzegel_core.encoding import JsonValue, format_time, parse_time

DEFAULT: Final = "default"  # the account's timer for new conversations
SCAN: Final = 4.0  # seconds of one look in which messages are looked through
_ITEM: Final = "universalExpireTimer"
_NOTICE: Final = "timer-notification"
_AT_ONCE: Final = 2_000  # messages between two looks at the clock
_KEPT: Final = 5_000  # events of one store
_FEW: Final = 20  # of one conversation, where there are more
_NAMES: Final = ("name", "profileFullName", "e164")


@dataclass(slots=True)
class Log:
    """The events that were met, and up to which message."""

    at: int = 0
    events: dict[str, list[Event]] = field(default_factory=dict)

    def go_on(self, store: OpenSignal, *, seconds: float = SCAN) -> None:
        """Look through the messages that came since, as far as the time reaches."""
        until = time.monotonic() + seconds
        newest = next(iter(_newest(store)), 0)
        if newest < self.at:  # another database, or one that was numbered anew
            self.at, self.events = 0, {}
        for place, (number, kind) in enumerate(_kinds(store, self.at)):
            if place % _AT_ONCE == 0 and time.monotonic() > until:
                return
            if kind == _NOTICE:
                self._note(store, number)
            self.at = number

    def of(self, chat: str) -> list[Event]:
        """Return the events of a conversation, the last one last."""
        return list(in_order(self.events.get(chat, [])[::-1]))

    def keep(self, chats: Iterable[str]) -> None:
        """Let go of conversations that are there no more, and of what is too much."""
        there = set(chats)
        self.events = {chat: some for chat, some in self.events.items() if chat in there}
        if sum(len(some) for some in self.events.values()) > _KEPT:
            self.events = {chat: some[-_FEW:] for chat, some in self.events.items()}

    def packed(self) -> JsonValue:
        """Return it as the notes keep it."""
        rows: dict[str, JsonValue] = {
            chat: [[_text(event.at), event.seconds, event.by] for event in some]
            for chat, some in self.events.items()
        }
        return {"at": self.at, "events": rows}

    @classmethod
    def unpacked(cls, kept: object) -> Log:
        """Return what the notes kept; an empty one where they are of another version."""
        try:
            return cls(
                int(kept["at"]),  # type: ignore[index]  # caught
                {
                    chat: [Event(_moment(at), seconds, by) for at, seconds, by in some]
                    for chat, some in kept["events"].items()  # type: ignore[index]
                },
            )
        except (TypeError, KeyError, ValueError, AttributeError):
            return cls()

    def _note(self, store: OpenSignal, number: int) -> None:
        message = store.messages.only("conversationId", "sent_at", "json").at(number)
        chat = None if message is None else message.text("conversationId")
        if message is None or chat is None:
            return
        told = _object(message.text("json")).get("expirationTimerUpdate")
        update = told if isinstance(told, dict) else {"expireTimer": told or ""}
        who = update.get("sourceServiceId") or update.get("source")
        by = who if isinstance(who, str) else None
        event = Event(
            moment_of(message.get("sent_at")),
            seconds_of(update.get("expireTimer")),
            SELF if by is not None and by == store.own() else by,
        )
        self.events[chat] = [*self.events.get(chat, []), event][-MAX_EVENTS:]


def timers(
    store: OpenSignal, listed: frozenset[str], before: JsonValue
) -> tuple[list[Seen], JsonValue]:
    """Return the default timer and that of each conversation, and what the next look goes on from.

    Left out: conversations with people on the list alone, and what has neither message nor timer.
    """
    log = Log.unpacked(before)
    log.go_on(store)
    seen, chats = [_default(store)], list[str]()
    for chat in store.chats.all():
        if len(seen) > MAX_SEEN:
            raise StoreError("too-large")
        name = chat.text("id")
        told = _object(chat.text("json"), {"expireTimer": ""})
        seconds = seconds_of(told.get("expireTimer"))
        if name is None or (seconds == 0 and not store.has_message(chat)):
            continue
        if listed and _is_private(store, chat, listed):
            continue
        chats.append(name)
        shown = next(filter(None, map(chat.text, _NAMES)), None)
        seen.append(Timer(name, seconds, name=shown, events=log.of(name)).seen())
    log.keep(chats)
    return seen, log.packed()


def _default(store: OpenSignal) -> Seen:
    if not store.items.names:
        return Seen(DEFAULT, State.UNKNOWN, UNKNOWN_SCHEMA)
    found = next(store.items.where("id", _ITEM), None)
    if found is None:
        return Timer(DEFAULT, 0).seen()
    told = _object(found.text("json"), {"value": ""})
    return Timer(DEFAULT, seconds_of(told.get("value", ""))).seen()


def _is_private(store: OpenSignal, chat: Record, listed: frozenset[str]) -> bool:
    """Return whether it is left out of capture too; its messages are asked last."""
    return is_private(store.members(chat), listed) and is_private(store.people(chat), listed)


def _newest(store: OpenSignal) -> Iterator[int]:
    query = "SELECT _rowid_ FROM messages ORDER BY _rowid_ DESC LIMIT 1"
    return (number for (number,) in store.connection.execute(query))


def _kinds(store: OpenSignal, after: int) -> Iterator[tuple[int, object]]:
    query = "SELECT _rowid_, type FROM messages WHERE _rowid_ > ? ORDER BY _rowid_"
    return iter(store.connection.execute(query, (after,)))


def _object(text: str | None, other: Mapping[str, object] | None = None) -> Mapping[str, object]:
    """Return an object of JSON, and ``other`` where it is none, or too long."""
    try:
        found = json.loads(text) if text is not None and len(text) <= MAX_JSON else None
    except (ValueError, RecursionError):
        found = None
    return found if isinstance(found, dict) else other or {}


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else format_time(moment)


def _moment(text: str | None) -> datetime | None:
    return None if text is None else parse_time(text, what="guards")
