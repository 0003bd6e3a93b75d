# SPDX-License-Identifier: EUPL-1.2
"""What a ``result.json`` of Telegram Desktop tells of the timers of its chats.

    {"id": 7, "type": "service", "date": "…", "date_unixtime": "…", "actor": "…", "actor_id": "…",
     "action": "set_messages_ttl", "period": 86400, …}

Nothing is parsed, so broken JSON and deep nesting do not matter: keys are found as bytes, which
inside a string they cannot be, since its quotes are escaped. One piece is held at a time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from lakzegel_agent.guards.base import NOT_UNDERSTOOD, TOO_MANY, PlaceError
from lakzegel_agent.guards.of_exported_timers import (
    CHANGED,
    OFF,
    ON,
    UNKNOWN,
    UNKNOWN_WORDING,
    Event,
    Timer,
)
from lakzegel_agent.readers.telegram_heads import LONGEST, PATTERN
from lakzegel_agent.view import View

MAX_CHATS: Final = 5_000  # of one file
MAX_EVENTS: Final = 20_000  # likewise
MAX_NAME: Final = 250  # characters of a chat's name that are stated
SET_TTL: Final = b"set_messages_ttl"
_MOST: Final = 2**31 - 1  # seconds, as the program counts them
_STEM: Final = re.compile(rb"ttl|auto_?delete|self_?destruct|expir", re.IGNORECASE)
_TOKEN: Final = re.compile(
    PATTERN
    + rb"""
    | "messages": \s{0,8} (?P<unknown>\[)
    | "date_unixtime": \s{0,8} "(?P<unix>[0-9]{1,12})"
    | "action": \s{0,8} "(?P<action>[A-Za-z0-9_]{1,64})"
      (?: , \s{0,64} "period": \s{0,8} (?P<period>-?[0-9]{1,12}) (?= \s{0,64} [,}] ) )?
    | "self_destruct_period_seconds": (?P<destructs>)
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(slots=True)
class Chat:
    """One chat of an export; moments are in UTC."""

    id: str
    name: str
    kind: str
    timer: Timer = field(default_factory=Timer)
    destructs: int = 0  # media that were to destroy themselves
    messages: int = 0
    at: str = ""  # the last message's moment, as it is written
    moment: datetime | None = None
    since: datetime | None = None
    last: datetime | None = None  # the last line that tells of a timer
    why: str = ""

    @property
    def key(self) -> str:
        """Return what stays the same of a chat: users, groups and channels are counted apart."""
        if "supergroup" in self.kind or "channel" in self.kind:
            return f"channel {self.id}"
        return f"group {self.id}" if "group" in self.kind else f"user {self.id}"


class _Found:
    """A file while it is looked through."""

    def __init__(self) -> None:
        self.chats: list[Chat] = []
        self._kind = b""  # of the message that is looked at
        self._events = 0

    @property
    def full(self) -> bool:
        """Return whether there is more in it than is told."""
        return len(self.chats) > MAX_CHATS or self._events > MAX_EVENTS

    def take(self, token: re.Match[bytes]) -> None:
        """Take in what was found next."""
        if token["chat"] is not None:
            name = _text(token["name"] or b"")
            kind = token["kind"].decode()
            self.chats.append(Chat(token["chat"].decode(), name, kind))
            self._kind = b""
        elif token["unknown"] is not None:
            self.chats.append(Chat("", "", "", why=NOT_UNDERSTOOD))
        elif self.chats:
            self._inside(self.chats[-1], token)

    def _inside(self, chat: Chat, token: re.Match[bytes]) -> None:
        if token["message"] is not None:
            self._kind = token["message"]
            chat.messages += 1
            chat.at = f"{token['day'].decode()}T{token['clock'].decode()}"
            chat.moment = local_moment(chat.at)
        elif token["unix"] is not None:
            chat.moment = _moment(int(token["unix"]))
        elif token["action"] is not None:
            self._action(chat, token["action"], token["period"])
        elif token["destructs"] is not None:
            chat.destructs += 1

    def _action(self, chat: Chat, action: bytes, period: bytes | None) -> None:
        if action != SET_TTL:
            if _STEM.search(action):
                self._tell(chat, UNKNOWN, None, action)
            return
        seconds = int(period) if period is not None else -1
        if not 0 <= seconds <= _MOST or self._kind != b"service":
            self._tell(chat, UNKNOWN, None, action)
        elif seconds == 0:
            self._tell(chat, OFF, 0, action)
        else:
            on = chat.timer.on is True and not chat.timer.why
            self._tell(chat, CHANGED if on else ON, seconds, action)

    def _tell(self, chat: Chat, kind: str, seconds: int | None, action: bytes) -> None:
        self._events += 1
        reason = UNKNOWN_WORDING if kind == UNKNOWN else ""
        chat.timer.tell(Event(kind, chat.at, seconds, reason, action.decode()))
        chat.last = chat.moment
        if kind == ON:
            chat.since = chat.moment


def chats_of(view: View) -> list[Chat]:
    """Return the chats of a file, in its order; linear in its size.

    Raises:
        PlaceError: more chats or events than are told.
        ChangedError: the file became shorter.
    """
    found = _Found()
    for token in _tokens(view):
        found.take(token)
        if found.full:
            raise PlaceError(TOO_MANY)
    return found.chats


def _tokens(view: View) -> Iterator[re.Match[bytes]]:
    after = 0
    for window in view.windows(after=LONGEST):
        for token in _TOKEN.finditer(window.data, max(window.start, after) - window.first):
            if window.first + token.start() >= window.end:
                break
            after = window.first + token.end()
            yield token


def local_moment(at: str) -> datetime | None:
    """Return the moment at which this device's clock showed what is written."""
    try:
        return datetime.fromisoformat(at).replace(tzinfo=None).astimezone(UTC)
    except (OverflowError, OSError, ValueError):
        return None


def _moment(seconds: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return None


def _text(name: bytes) -> str:
    """Return a JSON string's text, as it stands where it cannot be read."""
    try:
        text = json.loads(b'"' + name + b'"')
    except ValueError:
        return name.decode("utf-8", "replace")[:MAX_NAME]
    return str(text).encode("utf-8", "replace").decode()[:MAX_NAME]
