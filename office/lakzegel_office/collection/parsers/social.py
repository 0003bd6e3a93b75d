# SPDX-License-Identifier: EUPL-1.2
"""Archives of X, Facebook, Instagram, Mastodon and LinkedIn. docs/spec/collection.md §5.4.

A stretch is no JSON by itself; entries are found by their heads as bytes, and each is decoded
alone, as the device cut them (docs/spec/sources.md §5).
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from lakzegel_office.collection.model import Party, UnitKind
from lakzegel_office.collection.parsers import times
from lakzegel_office.collection.parsers.lines import media_of
from lakzegel_office.collection.parsers.mailheads import microseconds
from lakzegel_office.collection.parsers.mailparts import text_of_html
from lakzegel_office.collection.pieces import Head, Piece, Raw

MAX_TEXT: Final = 1 << 20  # characters of one message
MAX_ROW: Final = 1 << 20  # bytes of one row of a table
_TEXT: Final = rb'"(?:[^"\\]|\\.){0,1024}+"'
_NEXT: Final = rb"\s{0,64},\s{0,64}"
_COLON: Final = rb"\s{0,8}:\s{0,8}"
_X_CHAT: Final = re.compile(rb'\{\s{0,64}"dmConversation"' + _COLON + rb"\{")
_X_CHAT_ID: Final = re.compile(rb'"conversationId"' + _COLON + rb'"([0-9-]{1,64})"')
_X_MESSAGE: Final = re.compile(
    rb'\{\s{0,64}"(?P<name>messageCreate|joinConversation|participantsJoin|participantsLeave'
    rb'|conversationNameUpdate|reactionCreate)"' + _COLON + rb"(?=\{)"
)
_X_TWEET: Final = re.compile(rb'\{\s{0,64}"tweet"' + _COLON + rb"(?=\{)")
_META: Final = re.compile(
    rb'\{\s{0,64}"sender_name"' + _COLON + _TEXT + _NEXT + rb'"timestamp_ms"' + _COLON, re.DOTALL
)
_META_HEAD: Final = re.compile(rb'\s{0,64}\{\s{0,64}"participants"' + _COLON + rb"(?=\[)")
_POST: Final = re.compile(
    rb'\{\s{0,64}"id"' + _COLON + _TEXT + _NEXT + rb'"type"' + _COLON + rb'"(?:Create|Announce)"',
    re.DOTALL,
)
_DECODER: Final = json.JSONDecoder(strict=False)
_TWEETED: Final = "%a %b %d %H:%M:%S %z %Y"

Entry = tuple[Mapping[str, Any], int, int]  # an object, where it begins, its bytes


def parse_social(path: bytes, data: bytes) -> Piece:
    """Return the posts and messages in a stretch of an archive's file."""
    name = path.rpartition(b"/")[2].lower()
    if name.endswith(b".js"):
        return _direct(data) if name.startswith(b"direct-message") else _tweets(data)
    if name.endswith(b".csv"):
        return _linkedin(data)
    if name == b"outbox.json":
        return _outbox(data)
    if re.fullmatch(rb"message_[0-9]{1,9}\.json", name):
        return _meta(path, data)
    return Piece()


def _direct(data: bytes) -> Piece:
    """Return direct messages of X."""
    heads = []
    for found in _X_CHAT.finditer(data):
        key = _X_CHAT_ID.search(data, found.end(), found.end() + 4096)
        heads.append(Head(found.start(), "x", key[1].decode() if key else "", "direct messages"))
    units = []
    for value, start, length in _objects(data, _X_MESSAGE):
        ((name, said),) = value.items() if len(value) == 1 else (("", {}),)
        units.append(_direct_message(name, said if isinstance(said, dict) else {}, start, length))
    return Piece(tuple(units), tuple(heads))


def _direct_message(name: str, said: Mapping[str, Any], start: int, length: int) -> Raw:
    text = _string(said, "text", "name") or ("" if name == "messageCreate" else name)
    sender = _string(said, "senderId", "initiatingUserId")
    written = _string(said, "createdAt", "joinedAt")
    files = [(url, "") for url in said.get("mediaUrls") or () if isinstance(url, str)]
    return Raw(
        UnitKind.MESSAGE if name == "messageCreate" else UnitKind.SYSTEM,
        start,
        length,
        ("x", name, _string(said, "id"), written, text),
        at=times.of_iso(written),
        sender=Party(f"id:{sender}", "") if sender else None,
        text=text,
        attachments=media_of(files),
        media=tuple(path for path, _ in files),
    )


def _tweets(data: bytes) -> Piece:
    """Return what was published on X."""
    units = []
    for value, start, length in _objects(data, _X_TWEET):
        said = value.get("tweet")
        said = said if isinstance(said, dict) else {}
        text = _string(said, "full_text", "text")
        written = _string(said, "created_at")
        key = ("tweet", _string(said, "id_str", "id"), written, text)
        at = _tweeted(written)
        units.append(Raw(UnitKind.MESSAGE, start, length, key, at=at, who="me", text=text))
    return Piece(tuple(units), _published("x") if units else ())


def _outbox(data: bytes) -> Piece:
    """Return what was published on Mastodon."""
    units = []
    for value, start, length in _objects(data, _POST):
        said = value.get("object")
        html = _string(said, "content") if isinstance(said, dict) else ""
        text = text_of_html(html) if html else str(said)[:MAX_TEXT]
        written = _string(value, "published")
        units.append(
            Raw(
                UnitKind.MESSAGE,
                start,
                length,
                ("post", _string(value, "id"), written, text),
                at=times.of_iso(written),
                who="me",
                text=text,
                html=html,
            )
        )
    return Piece(tuple(units), _published("mastodon") if units else ())


def _meta(path: bytes, data: bytes) -> Piece:
    """Return a conversation of Facebook or Instagram; its key is the folder that it lies in."""
    folders = path.decode("utf-8", "replace").split("/")[:-1]
    app = "instagram" if any("instagram" in name.lower() for name in folders) else "facebook"
    key = folders[-1] if folders else ""
    head = _META_HEAD.match(data.removeprefix(b"\xef\xbb\xbf"))
    heads = [Head(0, app, key, key.rpartition("_")[0] or key)] if key else []
    if head is not None:
        rows, _ = _decoded(data.removeprefix(b"\xef\xbb\xbf")[head.end() :])
        people = rows if isinstance(rows, list) else []
        names = [_mended(_string(row, "name")) for row in people if isinstance(row, dict)]
        parties = tuple(Party("", name, "member") for name in names if name)
        heads = [Head(0, app, key, ", ".join(names)[:512], parties)]
    units = [_meta_message(*entry) for entry in _objects(data, _META)]
    return Piece(tuple(units), tuple(heads) if units or head else ())


def _meta_message(said: Mapping[str, Any], start: int, length: int) -> Raw:
    text = _mended(_string(said, "content"))
    files = [
        (_string(row, "uri"), "")
        for name in ("photos", "videos", "audio_files", "files", "gifs")
        for row in (said.get(name) or () if isinstance(said.get(name), list) else ())
        if isinstance(row, dict) and _string(row, "uri")
    ]
    moment = said.get("timestamp_ms")
    names = tuple(path for path, _ in files)
    return Raw(
        UnitKind.MESSAGE,
        start,
        length,
        ("meta", str(moment), text, *names),
        at=times.of_milliseconds(moment),
        sender=Party("", _mended(_string(said, "sender_name"))[:512]),
        text=text,
        attachments=media_of(files),
        media=names,
    )


def _linkedin(data: bytes) -> Piece:
    """Return rows of LinkedIn's table of messages; columns are known from the first, or usual."""
    units: list[Raw] = []
    heads: list[Head] = []
    columns: tuple[str, ...] = _COLUMNS
    for row, start, length in _rows(data):
        if row and row[0].lstrip("\ufeff") == _COLUMNS[0]:
            columns = tuple(row)
            continue
        said = dict(zip(columns, row, strict=False))
        if not re.match(r"\d{4}-\d{2}-\d{2}", said.get("DATE", "")):
            continue
        key = said.get(_COLUMNS[0], "")
        if not heads or heads[-1].key != key:
            title = said.get("CONVERSATION TITLE", "") or said.get("FROM", "")
            heads.append(Head(start, "linkedin", key, title[:512]))
        units.append(_linkedin_message(said, start, length))
    return Piece(tuple(units), tuple(heads))


_COLUMNS: Final = (
    *("CONVERSATION ID", "CONVERSATION TITLE", "FROM", "SENDER PROFILE URL", "TO"),
    *("RECIPIENT PROFILE URLS", "DATE", "SUBJECT", "CONTENT", "FOLDER"),
)


def _linkedin_message(said: Mapping[str, str], start: int, length: int) -> Raw:
    text = text_of_html(said.get("CONTENT", ""))
    url = said.get("SENDER PROFILE URL", "")
    return Raw(
        UnitKind.MESSAGE,
        start,
        length,
        ("linkedin", said["DATE"], said.get("SUBJECT", ""), text),
        at=times.of_iso(said["DATE"]),
        sender=Party(f"id:{url}" if url else "", said.get("FROM", "")[:512]),
        subject=said.get("SUBJECT", "")[:4096],
        text=text,
    )


def _rows(data: bytes) -> Iterator[tuple[list[str], int, int]]:
    """Yield rows; one ends with a line end behind an even number of quotes."""
    begin = at = quotes = 0
    while at < len(data):
        end = data.find(b"\n", at)
        end = len(data) if end < 0 else end + 1
        quotes += data.count(b'"', at, end)
        at = end
        if quotes % 2 == 0 or at - begin > MAX_ROW or at == len(data):
            text = data[begin:at].decode("utf-8", "replace")
            row = next(csv.reader(io.StringIO(text, newline="")), [])
            yield row, begin, at - begin
            begin, quotes = at, 0


def _published(app: str) -> tuple[Head, ...]:
    owner = Party("", "", "owner")
    return (Head(0, app, "published", "published", (owner,), {"me": owner}),)


def _objects(data: bytes, head: re.Pattern[bytes]) -> Iterator[Entry]:
    """Yield the objects that begin with a head; none within another."""
    end = 0
    found = [match.start() for match in head.finditer(data)]
    ends: Sequence[int] = [*found[1:], len(data)]  # one too many where nothing begins
    for start, limit in zip(found, ends, strict=False):
        if start < end:
            continue
        value, length = _decoded(data[start:limit])
        if isinstance(value, dict):
            end = start + length
            yield value, start, length


def _decoded(data: bytes) -> tuple[Any, int]:
    text = data.decode("utf-8", "surrogateescape")
    try:
        value, end = _DECODER.raw_decode(text)
    except (ValueError, RecursionError):
        return {}, len(data)
    return value, len(text[:end].encode("utf-8", "surrogateescape"))


def _mended(text: str) -> str:
    """Return a text of Facebook's, which writes each byte of UTF-8 as a character."""
    try:
        return text.encode("latin-1").decode("utf-8")
    except (UnicodeEncodeError, UnicodeDecodeError):
        return text


def _string(value: Mapping[str, Any], *names: str) -> str:
    for name in names:
        found = value.get(name)
        if isinstance(found, str) and found:
            return found[:MAX_TEXT]
    return ""


def _tweeted(text: str) -> int | None:
    try:
        return microseconds(datetime.strptime(text, _TWEETED).astimezone(UTC))
    except ValueError:
        return None
