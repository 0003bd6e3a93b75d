# SPDX-License-Identifier: EUPL-1.2
r"""Telegram Desktop's `result.json`, day by day.

The file may be broken JSON (control characters are written as ``\xNN``) and its days are stretches
that are no JSON by themselves. So heads of messages and chats are found as bytes, and each message
is decoded alone. docs/spec/collection.md §5.2
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from lakzegel_office.collection.model import Party, UnitKind
from lakzegel_office.collection.parsers import times
from lakzegel_office.collection.parsers.lines import media_of
from lakzegel_office.collection.pieces import Head, Piece, Raw

APP: Final = "telegram"
MAX_TEXT: Final = 1 << 20  # characters of one message
_HEAD: Final = re.compile(
    rb"""
    \{ \s{0,64} (?:
        "id": \s{0,8} (?P<id>-?[0-9]{1,20}), \s{0,64}
        "type": \s{0,8} "(?P<message>[a-z_]{1,32})", \s{0,64}
        "date": \s{0,8} "(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{0,8})
    |
        (?: "name": \s{0,8} (?: null | "(?P<name>(?: [^"\\] | \\. ){0,2048})" ), \s{0,64} )?
        "type": \s{0,8} "(?P<kind>[a-z_]{1,32})", \s{0,64}
        "id": \s{0,8} (?P<chat>-?[0-9]{1,20}), \s{0,64} "messages": \s{0,8} \[
    )
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE: Final = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|(.))", re.DOTALL)
_LEFT_OUT: Final = "(File "  # begins what the program writes for a file that it did not take
_FILES: Final = ("file", "photo", "thumbnail")
_DECODER: Final = json.JSONDecoder(strict=False)


def parse_result(path: bytes, data: bytes) -> Piece:
    """Return the chats and messages in a stretch."""
    if not path.lower().endswith(b".json"):
        return Piece()
    found = list(_HEAD.finditer(data))
    ends = [head.start() for head in found[1:]] + [len(data)]
    heads: list[Head] = []
    units: list[Raw] = []
    for head, end in zip(found, ends, strict=False):  # no head, an end
        if head["chat"] is not None:
            heads.append(_chat(head))
        else:
            units.append(_message(data, head, end))
    return Piece(tuple(units), tuple(heads))


def _chat(head: re.Match[bytes]) -> Head:
    title = _string(head["name"] or b"")
    member = Party("", title, "member") if title else None
    return Head(head.start(), APP, head["chat"].decode(), title, (member,) if member else ())


def _message(data: bytes, head: re.Match[bytes], end: int) -> Raw:
    value, length = _decoded(data[head.start() : end])
    text = _text(value.get("text"))[:MAX_TEXT]
    service = head["message"] == b"service"
    if service:
        text = " ".join(filter(None, (str(value.get("action", "")), _details(value), text)))
    files = tuple(_media(value))
    names = tuple(name for name, _ in files)
    date = head["date"].decode()
    return Raw(
        UnitKind.SYSTEM if service else UnitKind.MESSAGE,
        head.start(),
        length or end - head.start(),
        ("message", head["id"].decode(), date, text, *names),
        at=_moment(value, date),
        at_text="" if value.get("date_unixtime") else date,
        sender=_sender(value),
        text=text,
        attachments=media_of(files),
        media=names,
        fields={name: told for name, told in _fields(value) if told},
    )


def _decoded(data: bytes) -> tuple[Mapping[str, Any], int]:
    """Return a message's object, and how many bytes it has; nothing where it does not parse."""
    text = data.decode("utf-8", "surrogateescape")
    repaired = _ESCAPE.sub(_escape, text)
    try:
        value, end = _DECODER.raw_decode(repaired)
    except (ValueError, RecursionError):
        return {}, 0
    if not isinstance(value, dict):
        return {}, 0
    if repaired == text:
        return value, len(text[:end].encode("utf-8", "surrogateescape"))
    return value, 0  # with what is behind it: a comma


def _escape(found: re.Match[str]) -> str:
    return found[0] if found[1] is None else f"\\u00{found[1]}"


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    parts = value if isinstance(value, list) else []
    return "".join(
        part if isinstance(part, str) else str(part.get("text", ""))
        for part in parts
        if isinstance(part, str | dict)
    )


def _details(value: Mapping[str, Any]) -> str:
    shown = ("title", "period", "duration_seconds", "discard_reason")
    told = [f"{name}={value[name]}" for name in shown if value.get(name) not in (None, "")]
    return " ".join(told)


def _moment(value: Mapping[str, Any], date: str) -> int | None:
    seconds = value.get("date_unixtime")
    if isinstance(seconds, str) and seconds.isascii() and seconds.isdigit():
        return times.of_seconds(int(seconds[:12]))
    return times.of_iso(date)


def _sender(value: Mapping[str, Any]) -> Party | None:
    id_, name = value.get("from_id", value.get("actor_id")), value.get("from", value.get("actor"))
    if not id_ and not name:
        return None
    return Party(f"id:{id_}" if id_ else "", str(name or "")[:512])


def _media(value: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    kind = str(value.get("mime_type", ""))
    for name in _FILES:
        path = value.get(name)
        if isinstance(path, str) and path and not path.startswith(_LEFT_OUT):
            yield path, kind if name == "file" else ""


def _fields(value: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "answers", str(value.get("reply_to_message_id", ""))
    yield "forwarded", str(value.get("forwarded_from") or "")
    yield "edited", str(value.get("edited", ""))
    yield "reactions", " ".join(_emoji(value.get("reactions")))
    yield (
        "media",
        "left out"
        if any(str(value.get(name, "")).startswith(_LEFT_OUT) for name in _FILES)
        else "",
    )


def _emoji(value: object) -> Sequence[str]:
    rows = value if isinstance(value, list) else []
    return [str(row.get("emoji", "")) for row in rows if isinstance(row, dict)]


def _string(raw: bytes) -> str:
    try:
        text = json.loads(b'"' + raw + b'"', strict=False)
    except ValueError:
        text = raw.decode("utf-8", "replace")
    return str(text)[:512]
