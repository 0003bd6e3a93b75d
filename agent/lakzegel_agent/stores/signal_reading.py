# SPDX-License-Identifier: EUPL-1.2
"""The conversations of one open store of Signal (docs/spec/conversations-signal-desktop.md §3)."""

import re
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final

from lakzegel_agent.stores.base import Conversation, Row, Value, json_of
from lakzegel_agent.stores.chatpeople import MAX_PEOPLE, person
from lakzegel_agent.stores.chatrows import Beside, Record, Table
from lakzegel_agent.stores.database import quoted
from lakzegel_agent.stores.signal_json import members_of, own_id, paths_of
from lakzegel_core.encoding import JsonValue

_SHOWN: Final = (  # of a conversation; its JSON holds keys, and what changes with every message
    "id",
    "type",
    "name",
    "profileName",
    "profileFamilyName",
    "profileFullName",
    "e164",
    "serviceId",
    "uuid",
    "groupId",
    "members",
)
_NAMED: Final = ("e164", "name", "profileFullName")  # of a person
_SIDES: Final = ("message_attachments", "reactions", "mentions", "edited_messages")
_PATHS: Final = ("path", "thumbnailPath", "screenshotPath", "backupThumbnailPath")
_PLACE: Final = re.compile(r"[0-9a-f]{2}[/\\][0-9A-Za-z_-]{1,128}(?:\.[0-9A-Za-z]{1,16})?")
_MEDIA: Final = b"attachments.noindex/"
_STORY: Final = "story"  # published to many, and gone after a day
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class OpenSignal:
    """A store at one moment.

    Raises, on the way in:
        StoreError: ``unknown-schema``: it has no conversations or no messages.
    """

    def __init__(self, connection: sqlite3.Connection, home: bytes) -> None:
        self.connection = self._connection = connection
        self._media = home + _MEDIA
        self.chats = Table.require(connection, "conversations", "id", "type")
        self.messages = Table.require(
            connection, "messages", "id", "conversationId", "sent_at", "type"
        )
        self._sides = [Table.find(connection, side, "messageId") for side in _SIDES]
        self.items = Table.find(connection, "items", "id", "json")
        self._service = _first(self.chats, "serviceId", "uuid")
        self._source = _first(self.messages, "sourceServiceId", "sourceUuid")
        self._keys: dict[str, Value] = {}

    def conversations(self) -> Iterator[Conversation]:
        """Yield each conversation that has a message, in the store's order."""
        own = self.own()
        for chat in self.chats.all():
            if next(self._numbers(chat.get("id")), None) is not None:
                yield self._conversation(chat, own)

    def rows(self, key: str) -> Iterator[Row]:
        """Yield each message with what belongs to it, by number."""
        for message, sides in self._of(key):
            day = _day(message.get("sent_at"))
            yield message.row(day)
            for rows in sides:
                yield from (found.row(day) for found in rows)

    def media(self, key: str) -> Iterator[bytes]:
        """Yield where the attachments lie: in ``attachments.noindex``, and nowhere else."""
        for message, sides in self._of(key):
            names = [*paths_of(message.text("json"))]
            for attachment in sides[0]:
                names += filter(None, map(attachment.text, _PATHS))
            for name in names:
                if _PLACE.fullmatch(name):
                    yield self._media + name.replace("\\", "/").encode()

    def has_message(self, chat: Record) -> bool:
        """Return whether there is any message in a conversation, a story too."""
        return self.messages.has("conversationId", chat.get("id"))

    def members(self, chat: Record) -> frozenset[str] | None:
        """Return who is in a conversation, without a look at its messages."""
        private = chat.get("type") == "private"
        ids = set[str]() if private else members_of(chat.text("members"), chat.text("json"))
        return self._people(chat, ids, self.own())

    def people(self, chat: Record) -> frozenset[str] | None:
        """Return everyone who is or wrote in a conversation, without oneself."""
        return self._people(chat, self._members(chat), self.own())

    def _of(self, key: str) -> Iterator[tuple[Record, list[Iterator[Record]]]]:
        """Yield each message of a conversation, and the rows of the tables beside it."""
        chat = self._find(key)
        if chat is None:
            return
        beside = [self._belonging(table, chat) for table in self._sides]
        for number in self._numbers(chat):
            message = self.messages.at(number)
            if message is not None:
                yield message, [rows.of(number) for rows in beside]

    def _numbers(self, chat: Value) -> Iterator[int]:
        """Yield the messages of a conversation, in order, without stories."""
        kinds = self.messages.only("type")
        for number in self.messages.numbers("conversationId", chat):
            message = kinds.at(number)
            if message is not None and message.get("type") != _STORY:
                yield number

    def _belonging(self, table: Table, chat: Value) -> Beside:
        if not table.names:
            return Beside(table, ())
        pairs = self._connection.execute(
            f"SELECT m._rowid_, s._rowid_ FROM messages m JOIN {quoted(table.name)} s"  # noqa: S608  # ours
            ' ON s."messageId" = m.id WHERE m."conversationId" = ? ORDER BY 1, 2',
            (chat,),
        )
        return Beside(table, pairs)

    def _conversation(self, chat: Record, own: str | None) -> Conversation:
        ids = self._members(chat)
        people: dict[str, JsonValue] = {}
        for service in sorted(ids or ())[:MAX_PEOPLE]:
            found = self._person(service)
            people[service] = {name: json_of(found.get(name)) for name in _NAMED} if found else {}
        head: dict[str, JsonValue] = {
            "conversation": {
                name: json_of(chat.get(name)) for name in _SHOWN if name in chat.names
            },
            "kind": "signal-desktop",
            "people": people,
        }
        return Conversation(_key(chat.get("id")), head, self._people(chat, ids, own))

    def _people(self, chat: Record, ids: set[str] | None, own: str | None) -> frozenset[str] | None:
        if chat.get("type") == "private":
            found = _known_as(chat, chat.text(self._service))
            itself = own is not None and chat.text(self._service) == own
            return frozenset() if itself else frozenset({found}) if found else None
        if not ids or len(ids) > MAX_PEOPLE:
            return None
        others = {service: self._person(service) for service in ids - {own}}
        return frozenset(
            (found and _known_as(found, service)) or person(service)
            for service, found in others.items()
        )

    def _members(self, chat: Record) -> set[str] | None:
        """Return the ids of all who are or wrote in a group; None where the store cannot say."""
        if chat.get("type") == "private":
            return set()
        ids = members_of(chat.text("members"), chat.text("json"))
        if ids is None or not self._source:
            return None
        senders = self.messages.only("type", self._source)
        for number in self._numbers(chat.get("id")):
            message = senders.at(number)
            if message is not None and message.get("type") == "incoming":
                sender = message.text(self._source)
                if sender is None or not sender.isascii():
                    return None
                ids.add(sender)
        return ids

    def _person(self, service: str) -> Record | None:
        if not self._service:
            return None
        return next(self.chats.where(self._service, service), None)

    def own(self) -> str | None:
        """Return one's own id; of ``items`` nothing else is read."""
        found = next(self.items.where("id", "uuid_id"), None)
        return own_id(found.text("json")) if found else None

    def _find(self, key: str) -> Value:
        if not self._keys:
            chats = self.chats.only("id").all()
            self._keys = {_key(chat.get("id")): chat.get("id") for chat in chats}
        return self._keys.get(key)


def _first(table: Table, *names: str) -> str:
    """Return the first of these columns that a table has, or nothing."""
    return next((name for name in names if name in table.names), "")


def _known_as(chat: Record, service: str | None) -> str | None:
    """Return a person by number where the store has it, else by id."""
    number = chat.text("e164")
    return person(number) if number else person(service) if service else None


def _key(identity: Value) -> str:
    """Return a key that holds however the database is vacuumed, which renumbers its rows."""
    data = (
        identity if isinstance(identity, bytes) else str(identity).encode(errors="surrogateescape")
    )
    return sha256(data).hexdigest()[:32]


def _day(value: Value) -> str:
    """Return the day, in UTC, of a time in milliseconds since 1970; "" for none."""
    if not isinstance(value, int) or value <= 0:
        return ""
    try:
        return (_EPOCH + timedelta(milliseconds=value)).date().isoformat()
    except OverflowError:
        return ""
