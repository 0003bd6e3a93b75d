# SPDX-License-Identifier: EUPL-1.2
"""The conversations of one open ChatStorage (docs/spec/conversations-whatsapp-ios.md §3)."""

import sqlite3
from collections.abc import Iterator
from itertools import islice
from typing import Final

from lakzegel_agent.stores.appleplaces import Places, day_since_2001
from lakzegel_agent.stores.base import Conversation, Row, json_of
from lakzegel_agent.stores.chatpeople import MAX_PEOPLE, whatsapp_person
from lakzegel_agent.stores.chatrows import Beside, Record, Table, key_of, number_of
from lakzegel_agent.stores.database import quoted
from lakzegel_core.encoding import JsonValue

_SHOWN: Final = (  # of a session; the rest counts and repeats messages, and changes with each
    "Z_PK",
    "ZSESSIONTYPE",
    "ZCONTACTJID",
    "ZCONTACTIDENTIFIER",
    "ZPARTNERNAME",
    "ZGROUPINFO",
)
_FEEDS: Final = ("@status", "@newsletter")  # what is published to nobody in particular
_STATUS: Final = "status@broadcast"
_SEVERAL: Final = ("@g.us", "@broadcast")
_SYSTEM: Final = frozenset({6, 10})  # `ZMESSAGETYPE` of what no member wrote
_PATHS: Final = ("ZMEDIALOCALPATH", "ZTHUMBNAILLOCALPATH", "ZXMPPTHUMBPATH")


class OpenChats:
    """A store at one moment.

    Raises, on the way in:
        StoreError: ``unknown-schema``: it has no sessions or no messages.
    """

    def __init__(self, connection: sqlite3.Connection, places: Places) -> None:
        self.connection = self._connection = connection
        self._places = places
        self._sessions = Table.require(connection, "ZWACHATSESSION", "Z_PK", "ZCONTACTJID")
        self._messages = Table.require(
            connection, "ZWAMESSAGE", "Z_PK", "ZCHATSESSION", "ZMESSAGEDATE"
        )
        self._members = Table.find(
            connection, "ZWAGROUPMEMBER", "Z_PK", "ZCHATSESSION", "ZMEMBERJID"
        )
        self._infos = Table.find(connection, "ZWAGROUPINFO", "Z_PK", "ZCHATSESSION")
        self._items = Table.find(connection, "ZWAMEDIAITEM", "Z_PK", "ZMESSAGE")
        self._notes = Table.find(connection, "ZWAMESSAGEINFO", "Z_PK", "ZMESSAGE")

    def conversations(self) -> Iterator[Conversation]:
        """Yield each session that has a message, by number."""
        for session, number in self.sessions():
            if self.has_message(number):
                yield self._conversation(session, number)

    def sessions(self) -> Iterator[tuple[Record, int]]:
        """Yield each session that is a conversation, and its number; also without a message."""
        for session in self._sessions.all():
            number = session.number("Z_PK")
            if number is not None and _is_conversation(session):
                yield session, number

    def has_message(self, session: int) -> bool:
        """Return whether there is any message of this session."""
        return self._messages.has("ZCHATSESSION", session)

    def members(self, session: Record, number: int) -> frozenset[str] | None:
        """Return who is in a session, without a look at its messages."""
        return self._known(session, self._listed(number))

    def people(self, session: Record, number: int) -> frozenset[str] | None:
        """Return everyone of a session, who left too."""
        return self._people(session, number, self._listed(number))

    def rows(self, key: str) -> Iterator[Row]:
        """Yield the group and its members, then each message with what belongs to it."""
        session = self._find(key)
        if session is None:
            return
        for table in (self._infos, self._members):
            yield from (found.row("") for found in table.where("ZCHATSESSION", session))
        beside = [self._belonging(table, session) for table in (self._items, self._notes)]
        for number in self._numbers(session):
            message = self._messages.at(number)
            if message is not None:
                day = day_since_2001(message.get("ZMESSAGEDATE"))
                yield message.row(day)
                for rows in beside:
                    yield from (found.row(day) for found in rows.of(number))

    def media(self, key: str) -> Iterator[bytes]:
        """Yield where the media of a session lie: in ``Message`` beside the store, nowhere else."""
        session = self._find(key)
        if session is None:
            return
        items = self._belonging(self._items.only(*_PATHS), session)
        for number in self._numbers(session):
            for item in items.of(number):
                for name in filter(None, map(item.text, item.names)):
                    place = self._places.find(name)
                    if place is not None:
                        yield place

    def _numbers(self, session: int) -> list[int]:
        return self._messages.numbers("ZCHATSESSION", session)

    def _belonging(self, table: Table, session: int) -> Beside:
        if not table.names:
            return Beside(table, ())
        pairs = self._connection.execute(
            f'SELECT m._rowid_, s._rowid_ FROM "ZWAMESSAGE" m JOIN {quoted(table.name)} s'  # noqa: S608  # ours
            ' ON s."ZMESSAGE" = m._rowid_ WHERE m."ZCHATSESSION" = ? ORDER BY 1, 2',
            (session,),
        )
        return Beside(table, pairs)

    def _conversation(self, session: Record, number: int) -> Conversation:
        members = self._listed(number)
        head: dict[str, JsonValue] = {
            "kind": "whatsapp-ios",
            "people": {
                str(member.number("Z_PK")): json_of(member.get("ZMEMBERJID"))
                for member in members[:MAX_PEOPLE]
            },
            "session": {
                name: json_of(session.get(name)) for name in _SHOWN if name in session.names
            },
        }
        people = self._people(session, number, members)
        return Conversation(key_of(number, session.get("ZCONTACTJID")), head, people)

    def _listed(self, session: int) -> list[Record]:
        found = self._members.only("Z_PK", "ZMEMBERJID").where("ZCHATSESSION", session)
        return list(islice(found, MAX_PEOPLE + 1))

    def _people(self, session: Record, number: int, members: list[Record]) -> frozenset[str] | None:
        """Return everyone of a conversation; None where the store does not say who that is."""
        found = self._known(session, members)
        several = (session.text("ZCONTACTJID") or "").endswith(_SEVERAL)
        if found is None or (several and not self._all_by(number, members)):
            return None
        return found

    def _known(self, session: Record, members: list[Record]) -> frozenset[str] | None:
        jid = session.text("ZCONTACTJID")
        if jid is None or len(members) > MAX_PEOPLE:
            return None
        if not jid.endswith(_SEVERAL):
            return frozenset({_partner(session, jid)})
        jids = [member.text("ZMEMBERJID") for member in members]
        if not jids or None in jids:
            return None
        return frozenset(whatsapp_person(member) for member in jids if member)

    def _all_by(self, session: int, members: list[Record]) -> bool:
        """Return whether each message is one's own, the system's, or that of one of these."""
        needed = ("ZISFROMME", "ZGROUPMEMBER", "ZMESSAGETYPE")
        if not set(needed) <= set(self._messages.names):
            return False
        known = {member.number("Z_PK") for member in members}
        senders = self._messages.only(*needed)
        return all(
            message.get("ZISFROMME")
            or message.get("ZMESSAGETYPE") in _SYSTEM
            or message.get("ZGROUPMEMBER") in known
            for message in filter(None, map(senders.at, self._numbers(session)))
        )

    def _find(self, key: str) -> int | None:
        number = number_of(key)
        session = self._sessions.at(number)
        if session is None or number is None or not _is_conversation(session):
            return None
        return number if key == key_of(number, session.get("ZCONTACTJID")) else None


def _is_conversation(session: Record) -> bool:
    """Return whether a session is one: no feed, and not a chat that the user deleted."""
    jid = session.text("ZCONTACTJID") or ""
    return not (jid == _STATUS or jid.endswith(_FEEDS) or session.get("ZREMOVED") == 1)


def _partner(session: Record, jid: str) -> str:
    """Return who the other one is: by number, also where the store has it beside an id."""
    other = session.text("ZCONTACTIDENTIFIER")
    if jid.endswith("@lid") and other is not None and whatsapp_person(other).startswith("tel:"):
        return whatsapp_person(other)
    return whatsapp_person(jid)
