# SPDX-License-Identifier: EUPL-1.2
"""The conversations of one open store of WhatsApp on Android (docs/spec/conversations.md §5)."""

import hashlib
import heapq
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import count
from typing import Final, NamedTuple

from lakzegel_agent.errors import StoreError
from lakzegel_agent.stores.base import MAX_KEY, Conversation, Row, Value, json_of, line_of, row_of
from lakzegel_agent.stores.chatpeople import whatsapp_person
from lakzegel_agent.stores.database import Reading, columns, quoted
from lakzegel_agent.stores.whatsapp_tables import NEEDED, NEW, OLD, Shape, Side
from lakzegel_core.encoding import JsonValue

_DAY: Final = 86_400_000  # ms
_EPOCH: Final = date(1970, 1, 1).toordinal()
_KEY: Final = re.compile(r"[a-z0-9][a-z0-9.-]*\Z")
_GROUP: Final = ("@g.us", "@broadcast", "@newsletter")
_HOMES: Final = (b"", b"WhatsApp/", b"Android/media/com.whatsapp/WhatsApp/")
_MEDIA: Final = b"Media/"
_MOST_PEOPLE: Final = 10_000  # of one conversation; WhatsApp allows 1,024


_Query = tuple[str, str, str, Value]  # a table, a person's column, whose, that one


class Chat(NamedTuple):
    """What a conversation is found by: in messages, and among people."""

    row: Mapping[str, JsonValue]
    id: Value
    jid: Value  # row of `jid`, or its text
    name: str  # its text


class Opened:
    """A store at one moment.

    Raises, on the way in:
        StoreError: ``unknown-schema``.
    """

    def __init__(self, connection: Reading, path: bytes) -> None:
        self.connection = self._db = connection
        self._columns: dict[str, tuple[str, ...]] = {}
        self._home = path.rpartition(b"/")[0]
        self._shape = self._find_shape()
        self._chats: dict[str, Chat] = {}

    def conversations(self) -> Iterator[Conversation]:
        """Yield every conversation, in the order of its rows."""
        for key, chat in self._by_key().items():
            people = self._people(chat)
            yield Conversation(key, self._head(chat, people), _persons(chat, people))

    def rows(self, key: str) -> Iterator[Row]:
        """Yield messages by number, each with what belongs to it; then calls."""
        chat = self._find(key)
        if chat is not None:
            yield from self._messages(chat)
            yield from self._calls(chat)

    def media(self, key: str) -> Iterator[bytes]:
        """Yield where a conversation's media may lie: below ``Media`` and nowhere else."""
        chat = self._find(key)
        if chat is None or "file_path" not in self._names("message_media"):
            return
        found = self._side(Side("message_media", "message_row_id"), chat, '"file_path"')
        for _, path in found:
            if isinstance(path, str):
                yield from self._places(path.encode("utf-8", "surrogateescape"))

    # tables

    def _find_shape(self) -> Shape:
        for shape, tables in (
            (NEW, ("message", "chat", "jid")),
            (OLD, ("messages", "chat_list")),
        ):
            if all(NEEDED[table] <= set(self._names(table)) for table in tables):
                return shape
        raise StoreError("unknown-schema")

    def _names(self, table: str) -> tuple[str, ...]:
        found = self._columns.get(table)
        if found is None:
            found = self._columns[table] = columns(self._db, table)
        return found

    def _select(self, table: str, alias: str) -> str:
        return ", ".join(f"{alias}.{quoted(name)}" for name in self._names(table))

    # conversations

    def chats(self) -> Iterator[Chat]:
        """Yield every conversation's own row."""
        shape = self._shape
        table = shape.chats
        what = f"SELECT {self._select(table, 'c')}"
        if shape.by_row:
            rows = self._db.execute(
                f"{what}, c.jid_row_id, c._id, j.raw_string FROM chat c"
                " LEFT JOIN jid j ON j._id = c.jid_row_id ORDER BY c._id"
            )
        else:
            rows = self._db.execute(
                f"{what}, c.key_remote_jid, c.key_remote_jid, c.key_remote_jid"
                " FROM chat_list c ORDER BY c._rowid_"
            )
        for *values, jid, id_, name in rows:
            row = row_of(table, self._names(table), values)
            yield Chat(row, id_, jid, name if isinstance(name, str) else f"chat {id_!r}")

    def _find(self, key: str) -> Chat | None:
        return self._by_key().get(key)

    def _by_key(self) -> Mapping[str, Chat]:
        if not self._chats:
            for chat in self.chats():
                key = _key(chat.name)
                if key in self._chats:
                    key = _key(f"{chat.name} {chat.id!r}")
                self._chats[key] = chat
        return self._chats

    def _head(self, chat: Chat, people: Mapping[str, str] | None) -> Mapping[str, JsonValue]:
        members: JsonValue = None
        if people is not None:
            members = {number: json_of(name) for number, name in sorted(people.items())}
        name = json_of(chat.name)
        return {"jid": name, "kind": "whatsapp-android", "people": members, **chat.row}

    def members(self, chat: Chat) -> frozenset[str] | None:
        """Return who is in a conversation, as persons, without a look at its messages."""
        return _persons(chat, self._people(chat, (self._is_in(chat),)))

    def people(self, chat: Chat) -> frozenset[str] | None:
        """Return everyone who is or wrote in a conversation, as persons."""
        return _persons(chat, self._people(chat))

    def _people(self, chat: Chat, queries: Sequence[_Query] = ()) -> dict[str, str] | None:
        """Return everyone who is or wrote in a conversation, as its rows name them.

        None: it is a group of which the store does not say who is in it.
        """
        if not chat.name.endswith(_GROUP):
            return {_number(chat.jid): chat.name}
        shape = self._shape
        if not {shape.group, shape.member} <= set(self._names(shape.members)):
            return None
        found: dict[str, str] = {}
        wrote = (shape.messages, shape.sender, shape.chat, chat.id)
        for table, person, whose, value in queries or (self._is_in(chat), wrote):
            if person not in self._names(table):
                continue
            for id_, name in self._persons(table, person, whose, value):
                if len(found) == _MOST_PEOPLE:
                    raise StoreError("damaged")
                found[_number(id_)] = name
        return found

    def _is_in(self, chat: Chat) -> _Query:
        return self._shape.members, self._shape.member, self._shape.group, chat.jid

    def _persons(
        self, table: str, person: str, whose: str, value: Value
    ) -> Iterator[tuple[Value, str]]:
        if self._shape.by_row:
            rows = self._db.execute(
                f"SELECT DISTINCT t.{person}, j.raw_string FROM {table} t"  # noqa: S608
                f" JOIN jid j ON j._id = t.{person} WHERE t.{whose} = ?",
                (value,),
            )
        else:
            rows = self._db.execute(
                f"SELECT DISTINCT t.{person}, t.{person} FROM {table} t WHERE t.{whose} = ?",  # noqa: S608
                (value,),
            )
        return ((id_, name) for id_, name in rows if isinstance(name, str) and name)

    # rows

    def _messages(self, chat: Chat) -> Iterator[Row]:
        table = self._shape.messages
        cursor = self._db.execute(
            f"SELECT {self._select(table, 'm')}, m._id, m.timestamp FROM {table} m"  # noqa: S608
            f" WHERE m.{self._shape.chat} = ? ORDER BY m._id",
            (chat.id,),
        )
        names = self._names(table)
        sides = heapq.merge(*self._sides(chat), key=lambda row: row[:2])
        waiting = next(sides, None)
        for *values, id_, timestamp in cursor:
            day = _day(timestamp)
            yield Row(day, line_of(row_of(table, names, values)))
            while waiting is not None and isinstance(id_, int) and waiting[0] <= id_:
                if waiting[0] == id_:
                    yield Row(day, waiting[2])
                waiting = next(sides, None)

    def _sides(self, chat: Chat) -> Iterator[Iterator[tuple[int, int, bytes]]]:
        order = count()
        for side in self._shape.sides:
            if self._can_join(side):
                yield self._lines(next(order), side, chat)

    def _lines(self, place: int, side: Side, chat: Chat) -> Iterator[tuple[int, int, bytes]]:
        names = self._names(side.table)
        for number, *values in self._side(side, chat, self._select(side.table, "s")):
            if isinstance(number, int):
                yield number, place, line_of(row_of(side.table, names, values))

    def _can_join(self, side: Side) -> bool:
        holds = self._names(side.of or self._shape.messages)
        through = not side.of or "parent_message_row_id" in holds
        return side.column in self._names(side.table) and side.its in holds and through

    def _side(self, side: Side, chat: Chat, what: str) -> Iterator[tuple[Value, ...]]:
        """Yield the rows of a table that belong to a conversation's messages, in their order."""
        shape = self._shape
        if not side.of:
            joined = f"{shape.messages} m JOIN {side.table} s ON s.{side.column} = m.{side.its}"
        else:
            joined = (
                f"{shape.messages} m JOIN {side.of} o ON o.parent_message_row_id = m._id"
                f" JOIN {side.table} s ON s.{side.column} = o.{side.its}"
            )
        return self._db.execute(
            f"SELECT m._id, {what} FROM {joined} WHERE m.{shape.chat} = ? ORDER BY m._id",  # noqa: S608
            (chat.id,),
        )

    def _calls(self, chat: Chat) -> Iterator[Row]:
        names = self._names("call_log")
        if not self._shape.by_row or not {"_id", "jid_row_id", "timestamp"} <= set(names):
            return
        whose = "c.jid_row_id = ?1"
        if "group_jid_row_id" in names:
            whose = (
                "(c.group_jid_row_id = ?1 OR (c.jid_row_id = ?1 AND"
                " (c.group_jid_row_id IS NULL OR c.group_jid_row_id = 0)))"
            )
        cursor = self._db.execute(
            f"SELECT {self._select('call_log', 'c')}, c.timestamp FROM call_log c"  # noqa: S608
            f" WHERE {whose} ORDER BY c._id",
            (chat.jid,),
        )
        for *values, timestamp in cursor:
            yield Row(_day(timestamp), line_of(row_of("call_log", names, values)))

    # media

    def _places(self, path: bytes) -> Iterator[bytes]:
        parts = path.split(b"/")
        if not path.startswith(_MEDIA) or b".." in parts or b"\0" in path:
            return
        above = self._home.rpartition(b"/")[0]
        for home in {self._home, above}:
            yield (home + b"/" if home else b"") + path
        for home in _HOMES[1:]:
            yield home + path


def _key(name: str) -> str:
    """Return a conversation's key: its jid, or where that is unusual a digest of it."""
    plain = name.replace("@", ".")
    if _KEY.match(plain) and len(plain) <= MAX_KEY:
        return plain
    return f"jid-{_short(name.encode('utf-8', 'surrogateescape'))}"


def _short(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]


def _persons(chat: Chat, people: Mapping[str, str] | None) -> frozenset[str] | None:
    """Return who takes part; None where nobody can say: a list, a group without members."""
    if people is None or chat.name.endswith(_GROUP[1:]):
        return None
    return frozenset(whatsapp_person(name) for name in people.values())


def _number(id_: Value) -> str:
    """Return by what rows name a person, as a key of JSON: its number, or a digest of its text."""
    return str(id_) if isinstance(id_, int) else f"jid-{_short(repr(id_).encode())}"


def _day(timestamp: Value) -> str:
    """Return the day in UTC of a time in ms; nothing for what is no time."""
    if not isinstance(timestamp, int) or timestamp <= 0:
        return ""
    days = timestamp // _DAY + _EPOCH
    return date.fromordinal(days).isoformat() if days <= date.max.toordinal() else ""
