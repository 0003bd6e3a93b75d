# SPDX-License-Identifier: EUPL-1.2
"""One record of the trail: who did what to what, when, from where, and how it ended.

    {"action":"login","address":"192.0.2.1","at":"2026-11-24T02:07:45Z","code":"-","count":1,…}

docs/spec/people.md §8. Each field is a word of a list, a name of ours, an id or a number.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from lakzegel_core.encoding import b64, canonical_json, parse_canonical_json
from lakzegel_core.errors import FormatError
from lakzegel_server.accounts import Account

MAX_RECORD: Final = 4096  # bytes of one line
NOTHING: Final = "-"
COMMAND: Final = "command"  # the way of who sits at the machine
RECEIVER: Final = "receiver"  # the way of what it does by itself
BEGINNING: Final = bytes(32)  # what the first record follows
_FIELDS: Final = "action address at code count id number object previous result role way who"
FIELDS: Final = frozenset(_FIELDS.split(" "))


class Action(StrEnum):
    """What was done."""

    LOGIN = "login"
    LOGOUT = "logout"
    LOCK_OUT = "lock-out"
    PUBLISH = "publish"
    HAND_OUT = "hand-out"
    STORE = "store"
    READ = "read"
    ASK = "ask"
    ADD = "add"
    REMOVE = "remove"
    CHANGE = "change"
    START = "start"
    STOP = "stop"
    LOSE = "lose"


class Thing(StrEnum):
    """What it was done to; what was published is the kind of an entry."""

    SESSION = "session"
    ROUTE = "route"
    BATCH = "batch"
    KEYRING = "keyring"
    ANNEX = "annex"
    ENTRIES = "entries"
    ACCOUNT = "account"
    SETTINGS = "settings"
    RECEIVER = "receiver"
    SEGMENT = "segment"
    RECORD = "record"


@dataclass(frozen=True, slots=True)
class Who:
    """Who did it, and from where."""

    name: str = NOTHING
    role: str = NOTHING
    way: str = NOTHING
    address: str = NOTHING

    @classmethod
    def of(cls, account: Account, address: str) -> Who:
        """Somebody with an account."""
        return cls(account.name, account.role.value, account.way.value, address)


SELF: Final = Who(way=RECEIVER)


@dataclass(frozen=True, slots=True)
class Event:
    """What happened, before it has its place in the trail."""

    who: Who
    action: Action
    thing: str
    id: str = NOTHING
    result: str = "ok"
    code: str = NOTHING
    count: int = 1

    def refused(self, code: str) -> Event:
        """The same, but it was refused."""
        return replace(self, result="refused", code=code)

    def counted(self, count: int) -> Event:
        """The same, so many times."""
        return replace(self, count=count)


def encode(event: Event, *, number: int, at: str, previous: bytes) -> bytes:
    """The line of a record, without its newline."""
    return canonical_json(
        {
            "action": event.action.value,
            "address": event.who.address,
            "at": at,
            "code": event.code,
            "count": event.count,
            "id": event.id,
            "number": number,
            "object": str(event.thing),
            "previous": b64(previous),
            "result": event.result,
            "role": event.who.role,
            "way": event.who.way,
            "who": event.who.name,
        }
    )


@dataclass(frozen=True, slots=True)
class Placed:
    """What the chain needs to know of a line, and who did it."""

    number: int
    previous: str
    at: str
    way: str


def parse(line: bytes) -> Placed:
    """The place of a record's line.

    Raises:
        FormatError: it is none.
    """
    found = parse_canonical_json(line, what="trail record", max_size=MAX_RECORD)
    if not isinstance(found, dict) or set(found) != FIELDS:
        raise FormatError("trail record", "has other fields than a record")
    number, previous, at, way = (found[name] for name in ("number", "previous", "at", "way"))
    if not isinstance(number, int) or not all(isinstance(x, str) for x in (previous, at, way)):
        raise FormatError("trail record", "has a field of another type")
    return Placed(number, str(previous), str(at), str(way))


def hash_of(line: bytes) -> bytes:
    """What the next record holds of this one."""
    return hashlib.sha256(line).digest()
