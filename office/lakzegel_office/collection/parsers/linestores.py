# SPDX-License-Identifier: EUPL-1.2
"""What rows of the chat stores say: WhatsApp, Messages, Signal. docs/spec/collection.md §5.3."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from lakzegel_office.collection.model import Party
from lakzegel_office.collection.parsers import times
from lakzegel_office.collection.parsers.lines import Row, Said, Store, plain
from lakzegel_office.collection.parsers.typedstream import text_of_stream
from lakzegel_office.collection.pieces import Head

ME: Final = "me"
OWNER: Final = Party("", "", "owner")
_NUMBER: Final = re.compile(r"(\d{6,15})(?::\d+)?@s\.whatsapp\.net\Z")
_PHONE: Final = re.compile(r"(?:\+|00)([\d ().-]{6,30})\Z")
_TEXTS: Final = 64  # texts of rows that belong to a message


def whatsapp_party(jid: str, name: str = "", role: str = "member") -> Party:
    """Return a person of WhatsApp."""
    found = _NUMBER.match(jid)
    return Party(f"tel:+{found[1]}" if found else f"id:{jid}" if jid else "", name, role)


def party_of(address: str, name: str = "", role: str = "member") -> Party:
    """Return a person by a number, an address or what a service calls him."""
    phone = _PHONE.match(address)
    if phone:
        return Party("tel:+" + re.sub(r"\D", "", phone[1]), name, role)
    if "@" in address:
        return Party(f"mailto:{address.lower()}", name, role)
    return Party(f"id:{address}" if address else "", name, role)


class WhatsAppAndroid:
    """`msgstore.db`, of now and before."""

    app = "whatsapp"
    begins = frozenset({"message", "messages", "call_log"})

    def head(self, value: Mapping[str, Any]) -> Head:
        """Return the chat by its jid, and its people by row."""
        row = Row("", {k: plain(v) for k, v in _mapping(value.get("row")).items()})
        jid = str(value.get("jid", ""))
        people = {
            str(number): whatsapp_party(str(name))
            for number, name in _mapping(value.get("people")).items()
            if isinstance(name, str)
        }
        title = row.text("subject", "display_name")
        parties = tuple(people.values()) or (whatsapp_party(jid),)
        other = {"other": whatsapp_party(jid)} if not jid.endswith("@g.us") else {}
        return Head(0, self.app, jid, title, parties, {**people, **other, ME: OWNER})

    def people(self, rows: Sequence[Row]) -> Mapping[str, Party]:
        """Return nobody: the head has them."""
        del rows
        return {}

    def said(self, rows: Sequence[Row]) -> Said:
        """Return a message with its media, quote, edits and reactions."""
        own, beside = rows[0], rows[1:]
        if own.table == "call_log":
            return _call(own)
        tables = {row.table for row in beside}
        kind = own.number("message_type", "media_wa_type")
        text = own.text("text_data", "data", "media_caption")
        extra = [row.text("text_data", "link_title", "vcard", "option_name", "place_name")
                 for row in beside[:_TEXTS] if row.table not in _QUOTES]  # fmt: skip
        system = kind == _SYSTEM or "message_system" in tables
        who = own.any("sender_jid_row_id", "remote_resource")
        return Said(
            key=f"{own.text('key_id')}/{own.number('from_me', 'key_from_me')}",
            at=times.of_milliseconds(own.values.get("timestamp")),
            who=ME if own.number("from_me", "key_from_me") else who if who != "0" else "other",
            text="\n".join(filter(None, (text, *extra))) or ("" if not system else _system(beside)),
            system=system,
            media=tuple(_android_media(own, beside)),
            fields={
                "quotes": _first(beside, _QUOTES, "text_data", "data"),
                "edited": "yes" if "message_edit_info" in tables else "",
                "state": "deleted" if kind == _REVOKED or "message_revoked" in tables else "",
                "reactions": _reactions(beside),
                "forwarded": "yes" if "message_forwarded" in tables else "",
            },
        )


class WhatsAppIos:
    """`ChatStorage.sqlite`."""

    app = "whatsapp"
    begins = frozenset({"ZWAMESSAGE"})

    def head(self, value: Mapping[str, Any]) -> Head:
        """Return the session by its jid, and its members by row."""
        row = Row("", {k: plain(v) for k, v in _mapping(value.get("session")).items()})
        jid = row.text("ZCONTACTJID")
        people = {
            str(number): whatsapp_party(str(name))
            for number, name in _mapping(value.get("people")).items()
            if isinstance(name, str)
        }
        title = row.text("ZPARTNERNAME")
        one = whatsapp_party(jid, title if not people else "")
        parties = tuple(people.values()) or (one,)
        return Head(0, self.app, jid, title, parties, {**people, "other": one, ME: OWNER})

    def people(self, rows: Sequence[Row]) -> Mapping[str, Party]:
        """Return the members with the names that the store has of them."""
        found = {}
        for row in rows:
            if row.table == "ZWAGROUPMEMBER":
                name = row.text("ZCONTACTNAME", "ZFIRSTNAME")
                found[row.any("Z_PK")] = whatsapp_party(row.text("ZMEMBERJID"), name)
        return found

    def said(self, rows: Sequence[Row]) -> Said:
        """Return a message with its media."""
        own, beside = rows[0], rows[1:]
        kind = own.number("ZMESSAGETYPE")
        who = own.any("ZGROUPMEMBER")
        media = [
            (row.text("ZMEDIALOCALPATH"), row.text("ZVCARDSTRING"))
            for row in beside
            if row.table == "ZWAMEDIAITEM" and row.text("ZMEDIALOCALPATH")
        ]
        titles = [row.text("ZTITLE") for row in beside if row.table == "ZWAMEDIAITEM"]
        return Said(
            key=f"{own.text('ZSTANZAID')}/{own.number('ZISFROMME')}",
            at=times.of_apple(own.values.get("ZMESSAGEDATE")),
            who=ME if own.number("ZISFROMME") else who or "other",
            text="\n".join(filter(None, (own.text("ZTEXT"), *titles))),
            system=kind in _IOS_SYSTEM,
            media=tuple((path, kind if "/" in kind else "") for path, kind in media),
            fields={"state": "deleted" if kind == _IOS_REVOKED else ""},
        )


class Messages:
    """`chat.db` and `sms.db`."""

    app = "imessage"
    begins = frozenset({"message"})

    def head(self, value: Mapping[str, Any]) -> Head:
        """Return the chat by its guid, and its handles by row."""
        row = Row("", {k: plain(v) for k, v in _mapping(value.get("chat")).items()})
        people = {
            str(number): party_of(str(name))
            for number, name in _mapping(value.get("people")).items()
            if isinstance(name, str)
        }
        title = row.text("display_name", "chat_identifier")
        parties = tuple(people.values())
        return Head(0, self.app, row.text("guid"), title, parties, {**people, ME: OWNER})

    def people(self, rows: Sequence[Row]) -> Mapping[str, Party]:
        """Return the handles."""
        handles = (row for row in rows if row.table == "handle")
        return {row.any("ROWID"): party_of(row.text("id")) for row in handles}

    def said(self, rows: Sequence[Row]) -> Said:
        """Return a message; where there is no plain text, that of its attributed body."""
        own = rows[0]
        text = own.text("text") or text_of_stream(_blob(own.values.get("attributedBody")))
        media = [
            (row.text("filename", "transfer_name"), row.text("mime_type"))
            for row in rows
            if row.table == "attachment" and row.text("filename", "transfer_name")
        ]
        reaction = own.number("associated_message_type")
        return Said(
            key=own.text("guid"),
            at=times.of_apple(own.values.get("date")),
            who=ME if own.number("is_from_me") else own.any("handle_id"),
            text="\n".join(filter(None, (own.text("subject"), text.replace("\ufffc", "").strip()))),
            system=bool(own.number("item_type", "group_action_type")),
            media=tuple(media),
            fields={
                "answers": own.text("thread_originator_guid"),
                "reaction-to": own.text("associated_message_guid") if reaction else "",
                "edited": "yes" if own.number("date_edited") else "",
                "state": "retracted" if own.number("date_retracted") else "",
            },
        )


class Signal:
    """Signal Desktop."""

    app = "signal"
    begins = frozenset({"messages"})

    def head(self, value: Mapping[str, Any]) -> Head:
        """Return the conversation by its group or person, and its people by service id."""
        row = Row("", {k: plain(v) for k, v in _mapping(value.get("conversation")).items()})
        people = {
            str(service): _signal_person(str(service), _mapping(found))
            for service, found in _mapping(value.get("people")).items()
        }
        other = party_of(
            row.text("e164") or row.text("serviceId", "uuid"),
            row.text("name", "profileFullName", "profileName"),
        )
        title = row.text("name", "profileFullName", "profileName", "e164")
        private = row.text("type") == "private"
        parties = (other,) if private else tuple(people.values())
        key = row.text("groupId") or row.text("serviceId", "uuid", "e164", "id")
        mine = {ME: OWNER, **({"other": other} if private else {})}
        return Head(0, self.app, key, title, parties, {**people, **mine})

    def people(self, rows: Sequence[Row]) -> Mapping[str, Party]:
        """Return nobody: the head has them."""
        del rows
        return {}

    def said(self, rows: Sequence[Row]) -> Said:
        """Return a message with its attachments, quote and reactions."""
        own, beside = rows[0], rows[1:]
        more = _json(own.text("json"))
        kind = own.text("type") or str(more.get("type", ""))
        sender = own.any("sourceServiceId", "sourceUuid") or "other"
        quoted = _mapping(more.get("quote"))
        sent = own.values.get("sent_at")
        text = own.text("body") or str(more.get("body") or "")
        return Said(
            key=f"{sent}/{own.any('sourceServiceId', 'sourceUuid')}",
            at=times.of_milliseconds(sent),
            who=ME if kind == "outgoing" else sender,
            text=text or ("" if kind in {"incoming", "outgoing"} else kind),
            system=kind not in {"incoming", "outgoing", ""},
            media=tuple(_signal_media(more, beside)),
            fields={
                "quotes": str(quoted.get("text") or ""),
                "edited": "yes" if more.get("editHistory") else "",
                "state": "deleted" if more.get("deletedForEveryone") else "",
                "reactions": " ".join(
                    str(_mapping(found).get("emoji", "")) for found in _list(more.get("reactions"))
                ),
            },
        )


STORES: Final[Mapping[str, Store]] = {
    "whatsapp-android": WhatsAppAndroid(),
    "android-backup": WhatsAppAndroid(),
    "whatsapp-ios": WhatsAppIos(),
    "imessage": Messages(),
    "signal-desktop": Signal(),
}

_BY_ROW: Final = (  # the first line without a head: whose table it is, and a column of that alone
    (re.compile(rb'"table":"ZWA[A-Z]+"'), "whatsapp-ios"),
    (re.compile(rb'"conversationId":'), "signal-desktop"),
    (re.compile(rb'"table":"(?:handle|chat_handle_join)"'), "imessage"),
    (re.compile(rb'"guid":'), "imessage"),
    (re.compile(rb'"table":"(?:messages?|call_log)"'), "whatsapp-android"),
)
_KIND: Final = re.compile(rb'"kind":"(?P<kind>[a-z-]{1,32})"')


def store_of(data: bytes) -> Store | None:
    """Return whose lines these are: by the head, or by the first row."""
    end = data.find(b"\n")
    line = data[: end if end >= 0 else len(data)]
    if not line.startswith(b'{"row":'):
        kinds = _KIND.findall(line)
        found = [kind.decode() for kind in kinds if kind.decode() in STORES]
        return STORES[found[-1]] if found else None
    return next((STORES[kind] for pattern, kind in _BY_ROW if pattern.search(line)), None)


_SYSTEM: Final = 7  # `message_type`
_REVOKED: Final = 15
_QUOTES: Final = frozenset({"message_quoted", "messages_quotes", "message_quoted_media"})
_IOS_SYSTEM: Final = frozenset({6, 10})
_IOS_REVOKED: Final = 14


def _call(row: Row) -> Said:
    seconds = row.number("duration")
    what = "video" if row.number("video_call") else "voice"
    return Said(
        key=f"call/{row.any('call_id', '_id')}",
        at=times.of_milliseconds(row.values.get("timestamp")),
        who=ME if row.number("from_me") else "other",
        text=f"{what} call, {seconds} s",
        system=True,
    )


def _system(rows: Sequence[Row]) -> str:
    for row in rows:
        if row.table == "message_system":
            return f"system {row.number('action_type')}"
    return "system"


def _android_media(own: Row, beside: Sequence[Row]) -> Iterator[tuple[str, str]]:
    for row in beside:
        if row.table == "message_media" and row.text("file_path", "media_name"):
            yield row.text("file_path", "media_name"), row.text("mime_type")
    if own.text("media_name"):
        yield own.text("media_name"), own.text("media_mime_type")


def _first(rows: Sequence[Row], tables: frozenset[str], *columns: str) -> str:
    return next((t for row in rows if row.table in tables and (t := row.text(*columns))), "")


def _reactions(rows: Sequence[Row]) -> str:
    return " ".join(row.text("reaction") for row in rows if row.table == "message_add_on_reaction")


def _signal_person(service: str, found: Mapping[str, Any]) -> Party:
    name = str(found.get("name") or found.get("profileFullName") or "")
    return party_of(str(found.get("e164") or service), name)


def _signal_media(more: Mapping[str, Any], beside: Sequence[Row]) -> Iterator[tuple[str, str]]:
    rows = [row for row in beside if row.table == "message_attachments" and row.text("path")]
    for row in rows:
        yield row.text("path"), row.text("contentType")
    for found in _list(more.get("attachments")) if not rows else ():
        path = _mapping(found).get("path")
        if isinstance(path, str):
            yield path, str(_mapping(found).get("contentType", ""))


def _blob(value: object) -> bytes:
    text = value.get("base64") if isinstance(value, dict) else None
    try:
        return base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except (binascii.Error, ValueError):
        return b""


def _json(text: str) -> Mapping[str, Any]:
    try:
        return _mapping(json.loads(text)) if text else {}
    except (ValueError, RecursionError):
        return {}


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else ()
