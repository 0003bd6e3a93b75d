# SPDX-License-Identifier: EUPL-1.2
"""What rows of WhatsApp's stores say, on Android and iPhone. docs/spec/collection.md §5.3."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from lakzegel_office.collection.parsers import times
from lakzegel_office.collection.parsers.linepeople import ME, OWNER, mapping_of, whatsapp_party
from lakzegel_office.collection.parsers.lines import Row, Said, plain
from lakzegel_office.collection.pieces import Head

_TEXTS: Final = 64  # texts of rows that belong to a message
_SYSTEM: Final = 7  # `message_type`
_REVOKED: Final = 15
_QUOTES: Final = frozenset({"message_quoted", "messages_quotes", "message_quoted_media"})
_IOS_SYSTEM: Final = frozenset({6, 10})
_IOS_REVOKED: Final = 14


class WhatsAppAndroid:
    """`msgstore.db`, of now and before."""

    app = "whatsapp"
    begins = frozenset({"message", "messages", "call_log"})

    def head(self, value: Mapping[str, Any]) -> Head:
        """Return the chat by its jid, and its people by row."""
        row = Row("", {k: plain(v) for k, v in mapping_of(value.get("row")).items()})
        jid = str(value.get("jid", ""))
        people = {
            str(number): whatsapp_party(str(name))
            for number, name in mapping_of(value.get("people")).items()
            if isinstance(name, str)
        }
        title = row.text("subject", "display_name")
        parties = tuple(people.values()) or (whatsapp_party(jid),)
        other = {"other": whatsapp_party(jid)} if not jid.endswith("@g.us") else {}
        return Head(0, self.app, jid, title, parties, {**people, **other, ME: OWNER})

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
        mine = own.number("from_me", "key_from_me")
        wrote = "" if mine else own.text("remote_resource")
        who = own.any("sender_jid_row_id")
        return Said(
            key=f"{own.text('key_id')}/{own.number('from_me', 'key_from_me')}",
            at=times.of_milliseconds(own.values.get("timestamp")),
            who=ME if mine else who if who not in {"", "0"} else "other",
            sender=whatsapp_party(wrote, role="") if wrote else None,
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
        row = Row("", {k: plain(v) for k, v in mapping_of(value.get("session")).items()})
        jid = row.text("ZCONTACTJID")
        people = {
            str(number): whatsapp_party(str(name))
            for number, name in mapping_of(value.get("people")).items()
            if isinstance(name, str)
        }
        title = row.text("ZPARTNERNAME")
        one = whatsapp_party(jid, title if not people else "")
        parties = tuple(people.values()) or (one,)
        return Head(0, self.app, jid, title, parties, {**people, "other": one, ME: OWNER})

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
