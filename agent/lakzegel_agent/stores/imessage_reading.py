# SPDX-License-Identifier: EUPL-1.2
"""The conversations of one open store of Messages (docs/spec/conversations-imessage.md §3)."""

import re
import sqlite3
from collections.abc import Iterator
from typing import Final

from lakzegel_agent.stores.appleplaces import Places, day_since_2001
from lakzegel_agent.stores.base import Conversation, Row, Value, json_of
from lakzegel_agent.stores.chatpeople import MAX_PEOPLE, person
from lakzegel_agent.stores.chatrows import Beside, Record, Table, key_of, number_of
from lakzegel_core.encoding import JsonValue

_SHOWN: Final = (  # of a chat; the rest says when it was last read, and changes with every message
    "ROWID",
    "guid",
    "style",
    "chat_identifier",
    "service_name",
    "room_name",
    "display_name",
    "account_login",
    "group_id",
    "original_group_id",
)
_ONE_TO_ONE: Final = 45  # `style`; 43 is a group
_FOLDER: Final = re.compile(
    r"(?s)(?:~|/(?:private/)?var/mobile|/Users/[^/]+)/Library/(?:SMS|Messages)/(.+)"
)


class OpenMessages:
    """A store at one moment.

    Raises, on the way in:
        StoreError: ``unknown-schema``: it has no messages, chats, or what joins them.
    """

    def __init__(self, connection: sqlite3.Connection, places: Places) -> None:
        self._connection = connection
        self._places = places
        self._chats = Table.require(connection, "chat", "ROWID", "guid")
        self._messages = Table.require(connection, "message", "ROWID", "date")
        self._joins = Table.require(connection, "chat_message_join", "chat_id", "message_id")
        self._deleted = Table.find(
            connection, "chat_recoverable_message_join", "chat_id", "message_id"
        )
        self._members = Table.find(connection, "chat_handle_join", "chat_id", "handle_id")
        self._handles = Table.find(connection, "handle", "ROWID", "id")
        self._holds = Table.find(
            connection, "message_attachment_join", "message_id", "attachment_id"
        )
        self._attachments = Table.find(connection, "attachment", "ROWID", "filename")

    def conversations(self) -> Iterator[Conversation]:
        """Yield each chat that has a message, by number."""
        for chat in self._chats.all():
            number = chat.number("ROWID")
            if number is not None and next(self._numbers(number), None) is not None:
                yield self._conversation(chat, number)

    def rows(self, key: str) -> Iterator[Row]:
        """Yield who takes part, then each message with what belongs to it, by number."""
        chat = self._find(key)
        if chat is None:
            return
        yield from (member.row("") for member in self._members.where("chat_id", chat))
        for handle in map(self._handles.at, self._taking_part(chat)[0]):
            if handle is not None:
                yield handle.row("")
        joins, holds = Beside(self._joins, self._joined(chat)), self._held(chat)
        for number in self._numbers(chat):
            message = self._messages.at(number)
            if message is not None:
                day = day_since_2001(message.get("date"))
                yield message.row(day)
                yield from (join.row(day) for join in joins.of(number))
                yield from (attached.row(day) for attached in self._attached(holds, number))

    def media(self, key: str) -> Iterator[bytes]:
        """Yield where the attachments of a chat lie: beside the store, and nowhere else."""
        chat = self._find(key)
        holds = self._held(chat)
        for number in self._numbers(chat):
            for attachment in self._attached(holds, number):
                named = _FOLDER.fullmatch(attachment.text("filename") or "")
                place = self._places.find(named[1]) if named else None
                if place is not None:
                    yield place

    def _attached(self, holds: Beside, number: int) -> Iterator[Record]:
        """Yield each joining row of a message, and after it the attachment that it names."""
        for join in holds.of(number):
            yield join
            attachment = self._attachments.at(join.get("attachment_id"))
            if attachment is not None:
                yield attachment

    def _conversation(self, chat: Record, number: int) -> Conversation:
        handles, known = self._taking_part(number)
        names = {handle: self._name(handle) for handle in handles[:MAX_PEOPLE]}
        people = frozenset(person(name) for name in names.values() if name)
        if not handles and chat.get("style") == _ONE_TO_ONE:
            identifier = chat.text("chat_identifier")
            people = frozenset({person(identifier)} if identifier else ())
        known = known and len(handles) <= MAX_PEOPLE and None not in names.values()
        head: dict[str, JsonValue] = {
            "chat": {name: json_of(chat.get(name)) for name in _SHOWN if name in chat.names},
            "kind": "imessage",
            "people": {str(handle): json_of(name) for handle, name in names.items()},
        }
        key = key_of(number, chat.get("guid"))
        return Conversation(key, head, people if known and people else None)

    def _taking_part(self, chat: int) -> tuple[list[int], bool]:
        """Return the handles of a chat, those that left it too, and whether that is everybody."""
        members = self._members.where("chat_id", chat)
        handles = {member.number("handle_id") or 0 for member in members}
        known = {"is_from_me", "handle_id"} <= set(self._messages.names)
        senders = self._messages.only("handle_id", "other_handle", "is_from_me")
        for message in filter(None, map(senders.at, self._numbers(chat))):
            sender, other = message.number("handle_id") or 0, message.number("other_handle") or 0
            handles |= {sender, other}
            known = known and (sender > 0 or bool(message.get("is_from_me")))
        return sorted(handle for handle in handles if handle > 0), known

    def _name(self, handle: int) -> str | None:
        found = self._handles.at(handle)
        return found.text("id") if found else None

    def _numbers(self, chat: int | None) -> Iterator[int]:
        """Yield the messages of a chat, in order, without those that were deleted recently."""
        recently = self._deleted.where("chat_id", chat)
        deleted = {found.number("message_id") for found in recently}
        for number, _ in self._joined(chat):
            if isinstance(number, int) and number not in deleted:
                yield number

    def _joined(self, chat: int | None) -> Iterator[tuple[Value, Value]]:
        return self._connection.execute(
            'SELECT "message_id", _rowid_ FROM "chat_message_join" WHERE "chat_id" = ?'
            " ORDER BY 1, 2",
            (chat,),
        )

    def _held(self, chat: int | None) -> Beside:
        if not self._holds.names:
            return Beside(self._holds, ())
        pairs = self._connection.execute(
            'SELECT h."message_id", h._rowid_ FROM "chat_message_join" j'
            ' JOIN "message_attachment_join" h ON h."message_id" = j."message_id"'
            ' WHERE j."chat_id" = ? ORDER BY 1, 2',
            (chat,),
        )
        return Beside(self._holds, pairs)

    def _find(self, key: str) -> int | None:
        number = number_of(key)
        chat = self._chats.at(number)
        return number if chat and number and key == key_of(number, chat.get("guid")) else None
