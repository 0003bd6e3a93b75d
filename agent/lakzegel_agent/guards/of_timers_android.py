# SPDX-License-Identifier: EUPL-1.2
"""Timers in an open store of WhatsApp on Android (docs/spec/settings-guarded.md).

chat                       ephemeral_expiration, ephemeral_setting_timestamp,
                           ephemeral_after_read_duration
message_ephemeral_setting  message_row_id, setting_duration, after_read_duration
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from lakzegel_agent.correspondents import is_private
from lakzegel_agent.errors import StoreError
from lakzegel_agent.guards.of_seen import Seen
from lakzegel_agent.guards.of_stores import UNKNOWN_SCHEMA
from lakzegel_agent.guards.of_timers import (
    ALL_EVENTS,
    MAX_EVENTS,
    SELF,
    Event,
    Timer,
    in_order,
    moment_of,
    seconds_of,
)
from lakzegel_agent.stores.base import Value
from lakzegel_agent.stores.database import Reading, columns
from lakzegel_agent.stores.whatsapp_reading import Chat, Opened
from lakzegel_core.encoding import JsonValue

_EXPIRES: Final = "ephemeral_expiration"
_FEEDS: Final = ("status@broadcast", "@newsletter")


def timers(store: Opened, listed: frozenset[str]) -> Iterator[Seen]:
    """Yield what each conversation's timer is, but of those that are only with people on the list.

    Raises:
        StoreError: ``unknown-schema``: chats have no timer here.
    """
    if _EXPIRES not in columns(store.connection, "chat"):
        raise StoreError(UNKNOWN_SCHEMA)
    events = _events(store.connection)
    for chat in store.chats():
        if chat.name.endswith(_FEEDS) or (listed and _is_private(store, chat, listed)):
            continue
        row = chat.row["row"]
        assert isinstance(row, Mapping)  # noqa: S101  # so it was made
        yield _timer(chat, row, events.get(chat.id, ())).seen()


def _is_private(store: Opened, chat: Chat, listed: frozenset[str]) -> bool:
    """Return whether it is left out of capture too; its messages are asked last."""
    return is_private(store.members(chat), listed) and is_private(store.people(chat), listed)


def _timer(chat: Chat, row: Mapping[str, JsonValue], events: Sequence[Event]) -> Timer:
    subject = row.get("subject")
    return Timer(
        chat.name,
        seconds_of(row.get(_EXPIRES)),
        seconds_of(row.get("ephemeral_after_read_duration")),
        subject if isinstance(subject, str) and subject else None,
        moment_of(row.get("ephemeral_setting_timestamp")),
        events,
    )


def _events(connection: Reading) -> Mapping[Value, Sequence[Event]]:
    """Return by chat the newest messages that say that its timer was set, oldest first."""
    has = columns(connection, "message_ephemeral_setting")
    found: dict[Value, list[Event]] = defaultdict(list)
    if not {"message_row_id", "setting_duration"} <= set(has):
        return found
    after = "e.after_read_duration" if "after_read_duration" in has else "NULL"
    mine = "m.from_me" if "from_me" in columns(connection, "message") else "NULL"
    rows = connection.execute(
        f"SELECT m.chat_row_id, m.timestamp, {mine}, j.raw_string, e.setting_duration, {after}"  # noqa: S608  # ours
        " FROM message_ephemeral_setting e CROSS JOIN message m ON m._id = e.message_row_id"
        " LEFT JOIN jid j ON j._id = m.sender_jid_row_id"
        " ORDER BY e.message_row_id DESC LIMIT ?",
        (ALL_EVENTS,),
    )
    for chat, at, from_me, sender, seconds, after_read in rows:
        by = SELF if from_me == 1 else sender if isinstance(sender, str) and sender else None
        event = Event(moment_of(at), seconds_of(seconds), by, seconds_of(after_read))
        if len(found[chat]) < MAX_EVENTS:
            found[chat].append(event)
    return {chat: in_order(some) for chat, some in found.items()}
