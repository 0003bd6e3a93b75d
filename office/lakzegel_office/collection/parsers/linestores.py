# SPDX-License-Identifier: EUPL-1.2
"""What rows of Messages and Signal say, and whose lines are whose. docs/spec/collection.md §5.3."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from lakzegel_office.collection.model import Party
from lakzegel_office.collection.parsers import times
from lakzegel_office.collection.parsers.linepeople import ME, OWNER, mapping_of, party_of
from lakzegel_office.collection.parsers.lines import Row, Said, Store, plain
from lakzegel_office.collection.parsers.lineswhatsapp import WhatsAppAndroid, WhatsAppIos
from lakzegel_office.collection.parsers.typedstream import text_of_stream
from lakzegel_office.collection.pieces import Head


class Messages:
    """`chat.db` and `sms.db`."""

    app = "imessage"
    begins = frozenset({"message"})

    def head(self, value: Mapping[str, Any]) -> Head:
        """Return the chat by its guid, and its handles by row."""
        row = Row("", {k: plain(v) for k, v in mapping_of(value.get("chat")).items()})
        people = {
            str(number): party_of(str(name))
            for number, name in mapping_of(value.get("people")).items()
            if isinstance(name, str)
        }
        title = row.text("display_name", "chat_identifier")
        parties = tuple(people.values())
        return Head(0, self.app, row.text("guid"), title, parties, {**people, ME: OWNER})

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
        row = Row("", {k: plain(v) for k, v in mapping_of(value.get("conversation")).items()})
        people = {
            str(service): _signal_person(str(service), mapping_of(found))
            for service, found in mapping_of(value.get("people")).items()
        }
        other = party_of(
            row.text("e164") or row.text("serviceId", "uuid"),
            row.text("name", "profileFullName", "profileName"),
        )
        title = row.text("name", "profileFullName", "profileName", "e164")
        private = row.text("type") == "private"
        parties = (other,) if private else tuple(people.values())
        key = row.text("groupId") or row.text("serviceId", "uuid", "e164", "id")
        mine = {ME: OWNER}
        if private:
            mine |= {"other": other, row.text("serviceId", "uuid"): other}
        return Head(0, self.app, key, title, parties, {**people, **mine})

    def said(self, rows: Sequence[Row]) -> Said:
        """Return a message with its attachments, quote and reactions."""
        own, beside = rows[0], rows[1:]
        more = _json(own.text("json"))
        kind = own.text("type") or str(more.get("type", ""))
        sender = own.any("sourceServiceId", "sourceUuid") or "other"
        quoted = mapping_of(more.get("quote"))
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
                "reactions": " ".join(_emoji(more, beside)),
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


def _signal_person(service: str, found: Mapping[str, Any]) -> Party:
    name = str(found.get("name") or found.get("profileFullName") or "")
    return party_of(str(found.get("e164") or service), name)


def _emoji(more: Mapping[str, Any], beside: Sequence[Row]) -> Iterator[str]:
    yield from (row.text("emoji") for row in beside if row.table == "reactions")
    yield from (str(mapping_of(row).get("emoji", "")) for row in _list(more.get("reactions")))


def _signal_media(more: Mapping[str, Any], beside: Sequence[Row]) -> Iterator[tuple[str, str]]:
    rows = [row for row in beside if row.table == "message_attachments" and row.text("path")]
    for row in rows:
        yield row.text("path"), row.text("contentType")
    for found in _list(more.get("attachments")) if not rows else ():
        path = mapping_of(found).get("path")
        if isinstance(path, str):
            yield path, str(mapping_of(found).get("contentType", ""))


def _blob(value: object) -> bytes:
    text = value.get("base64") if isinstance(value, dict) else None
    try:
        return base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except (binascii.Error, ValueError):
        return b""


def _json(text: str) -> Mapping[str, Any]:
    try:
        return mapping_of(json.loads(text)) if text else {}
    except (ValueError, RecursionError):
        return {}


def _list(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else ()
