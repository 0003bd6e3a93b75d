# SPDX-License-Identifier: EUPL-1.2
"""Timers in an open ChatStorage of WhatsApp (docs/spec/settings-guarded.md).

ZWAMESSAGE    ZMESSAGETYPE 6, ZGROUPEVENTTYPE 26    ZTEXT: seconds; nothing or 0: off
              ZMESSAGETYPE 28                       an account's timer for new chats: seconds in
ZWAMEDIAITEM  ZMETADATA                             field 36 of a protocol buffer

A chat has no column for it: what no event says, nothing says.
"""

from __future__ import annotations

import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from lakzegel_agent.correspondents import is_private
from lakzegel_agent.errors import StoreError
from lakzegel_agent.guards.base import State
from lakzegel_agent.guards.of_protobuf import number_of_field
from lakzegel_agent.guards.of_seen import Seen
from lakzegel_agent.guards.of_stores import UNKNOWN_SCHEMA
from lakzegel_agent.guards.of_timers import (
    ALL_EVENTS,
    EVENTS_ONLY,
    MAX_EVENTS,
    SELF,
    Event,
    Timer,
    in_order,
    moment_since_2001,
    seconds_of,
)
from lakzegel_agent.stores.chatrows import Record
from lakzegel_agent.stores.database import columns
from lakzegel_agent.stores.whatsapp_ios_reading import OpenChats

_SECONDS_FIELD: Final = 36
_DEFAULT: Final = 28
_DIGITS: Final = re.compile(r"[0-9]{1,10}")
_NEEDED: Final = frozenset({"ZMESSAGETYPE", "ZGROUPEVENTTYPE", "ZTEXT"})


def timers(store: OpenChats, listed: frozenset[str]) -> Iterator[Seen]:
    """Yield what the last event of each session says, and whether there are sessions without one.

    Raises:
        StoreError: ``unknown-schema``: messages have no type here.
    """
    if not set(columns(store.connection, "ZWAMESSAGE")) >= _NEEDED:
        raise StoreError(UNKNOWN_SCHEMA)
    events = _events(store.connection)
    silent = False
    for session, number in store.sessions():
        known = events.get(number)
        if known is None and (silent or not store.has_message(number)):
            continue
        if listed and _is_private(store, session, number, listed):
            continue
        if known is None:
            silent = True
        else:
            yield _timer(session, known).seen()
    if silent:
        yield Seen("", State.UNKNOWN, EVENTS_ONLY)


def _is_private(store: OpenChats, session: Record, number: int, listed: frozenset[str]) -> bool:
    """Return whether it is left out of capture too; its messages are asked last."""
    return is_private(store.members(session, number), listed) and is_private(
        store.people(session, number), listed
    )


def _timer(session: Record, events: Sequence[Event]) -> Timer:
    jid = session.text("ZCONTACTJID")
    return Timer(
        jid or f"session {session.number('Z_PK')}",
        events[-1].seconds,
        name=session.text("ZPARTNERNAME"),
        events=events,
    )


def _events(connection: sqlite3.Connection) -> Mapping[int, Sequence[Event]]:
    """Return by session its newest events, oldest first."""
    found: dict[int, list[Event]] = defaultdict(list)
    for chat, at, from_me, jid, kind, text, metadata in connection.execute(
        _query(connection), (ALL_EVENTS,)
    ):
        default = kind == _DEFAULT
        seconds = _of_metadata(metadata) if default else _of_text(text)
        by = SELF if from_me == 1 else jid if isinstance(jid, str) and jid else None
        if isinstance(chat, int) and len(found[chat]) < MAX_EVENTS:
            found[chat].append(Event(moment_since_2001(at), seconds, by, default=default))
    return {chat: in_order(some) for chat, some in found.items()}


def _query(connection: sqlite3.Connection) -> str:
    """Return the query for events, newest first, of what this database has."""
    mine = "m.ZISFROMME" if "ZISFROMME" in columns(connection, "ZWAMESSAGE") else "NULL"
    jid, by, metadata, items = "NULL", "", "NULL", ""
    if {"Z_PK", "ZMEMBERJID"} <= set(columns(connection, "ZWAGROUPMEMBER")) and (
        "ZGROUPMEMBER" in columns(connection, "ZWAMESSAGE")
    ):
        jid, by = "g.ZMEMBERJID", " LEFT JOIN ZWAGROUPMEMBER g ON g.Z_PK = m.ZGROUPMEMBER"
    if {"ZMESSAGE", "ZMETADATA"} <= set(columns(connection, "ZWAMEDIAITEM")):
        metadata = "s.ZMETADATA"
        items = " LEFT JOIN ZWAMEDIAITEM s ON m.ZMESSAGETYPE = 28 AND s.ZMESSAGE = m.Z_PK"
    return (
        f"SELECT m.ZCHATSESSION, m.ZMESSAGEDATE, {mine}, {jid}, m.ZMESSAGETYPE, m.ZTEXT,"  # noqa: S608  # ours
        f" {metadata} FROM ZWAMESSAGE m{by}{items}"
        " WHERE (m.ZMESSAGETYPE = 6 AND m.ZGROUPEVENTTYPE = 26) OR m.ZMESSAGETYPE = 28"
        " ORDER BY m.Z_PK DESC LIMIT ?"
    )


def _of_text(text: object) -> int | None:
    if text is None or text == "":
        return 0
    if isinstance(text, str) and _DIGITS.fullmatch(text):
        return seconds_of(int(text))
    return seconds_of(text)


def _of_metadata(metadata: object) -> int | None:
    """Return the seconds in an item's metadata; None where they are not there."""
    if not isinstance(metadata, bytes):
        return None
    found = number_of_field(metadata, _SECONDS_FIELD)
    return None if found is None else seconds_of(found)
