# SPDX-License-Identifier: EUPL-1.2
"""Conversations of chat stores, as devices write them: docs/spec/conversations.md §1.

    {"jid":"31600000001@s.whatsapp.net","kind":"whatsapp-android",…}   the head
    {"row":{"_id":1,"text_data":"Goedemorgen",…},"table":"message"}    a message begins
    {"row":{"message_row_id":1,…},"table":"message_media"}             and this belongs to it

Which row begins a message, and what rows say, is each store's own: `STORES`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from lakzegel_office.collection.model import Attachment, Party, UnitKind
from lakzegel_office.collection.pieces import Head, Piece, Raw

MAX_LINES: Final = 1_000_000  # of one stretch
MAX_ROWS: Final = 10_000  # that are looked at of one message
MAX_TEXT: Final = 1 << 20  # characters of one message


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table, its values as Python has them."""

    table: str
    values: Mapping[str, Any]

    def text(self, *columns: str) -> str:
        """Return the first of these that is a text with something in it."""
        for column in columns:
            value = self.values.get(column)
            if isinstance(value, str) and value:
                return value[:MAX_TEXT]
        return ""

    def number(self, *columns: str) -> int:
        """Return the first of these that is a whole number, or 0."""
        for column in columns:
            value = self.values.get(column)
            if isinstance(value, int) and not isinstance(value, bool):
                return value
        return 0

    def any(self, *columns: str) -> str:
        """Return the first of these that is there, as text."""
        for column in columns:
            value = self.values.get(column)
            if isinstance(value, str | int) and value != "":
                return str(value)
        return ""


@dataclass(frozen=True, slots=True)
class Said:
    """What a store says of one message."""

    key: str  # the service's own id of it; empty where there is none
    at: int | None
    who: str  # by a name of the head's people; "me" is the owner
    text: str
    system: bool = False
    media: tuple[tuple[str, str], ...] = ()  # where the file lies, its media type
    fields: Mapping[str, str] = field(default_factory=dict)
    sender: Party | None = None  # where the row itself says who


class Store(Protocol):
    """How one store's rows are to be understood."""

    app: str
    begins: frozenset[str]  # tables of which a row begins a message

    def head(self, value: Mapping[str, Any]) -> Head:
        """Return what the head line says."""

    def said(self, rows: Sequence[Row]) -> Said:
        """Return what a message's rows say, its own first."""


def parse_lines(data: bytes, store: Store | None) -> Piece:
    """Return the messages in a stretch of a conversation of this store."""
    if store is None:
        return Piece()
    heads: list[Head] = []
    units: list[Raw] = []
    loose: list[tuple[int, int, Row]] = []  # rows before a message: members, handles
    group: list[tuple[int, int, Row]] = []
    for start, length, value in _values(data):
        row = _row(value)
        if row is None:
            heads.append(store.head(value))
            units.append(_about(start, length, data, heads[-1]))
        elif row.table in store.begins:
            units += _message(store, group)
            group = [(start, length, row)]
        elif group:
            group.append((start, length, row))
        else:
            loose.append((start, length, row))
    units += _message(store, group)
    if loose:
        units += _members(data, loose)
    return Piece(tuple(sorted(units, key=lambda unit: unit.start)), tuple(heads))


def media_of(files: Sequence[tuple[str, str]]) -> tuple[Attachment, ...]:
    """Return files as attachments, numbered."""
    return tuple(
        Attachment(
            number, path.replace("\\", "/").rpartition("/")[2][:1024], kind.lower(), -1, None
        )
        for number, (path, kind) in enumerate(files)
    )


def _values(data: bytes) -> Iterator[tuple[int, int, Mapping[str, Any]]]:
    start = 0
    for _ in range(MAX_LINES):
        end = data.find(b"\n", start)
        end = len(data) if end < 0 else end + 1
        if start >= len(data):
            return
        try:
            value = json.loads(data[start:end])
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict):
            yield start, end - start, value
        start = end


def _row(value: Mapping[str, Any]) -> Row | None:
    table, row = value.get("table"), value.get("row")
    if "kind" in value or not isinstance(table, str) or not isinstance(row, dict):
        return None
    return Row(table, {name: plain(found) for name, found in row.items()})


def plain(value: object) -> object:
    """Return a value of a store's column (docs/spec/conversations.md §1)."""
    if not isinstance(value, dict):
        return value
    try:
        if "integer" in value:
            return int(str(value["integer"]))
        if "real" in value:
            return float(str(value["real"]))
    except ValueError:
        return None
    return value


def _message(store: Store, group: Sequence[tuple[int, int, Row]]) -> Iterator[Raw]:
    if not group:
        return
    said = store.said([row for _, _, row in group[:MAX_ROWS]])
    start = group[0][0]
    length = group[-1][0] + group[-1][1] - start
    names = tuple(path for path, _ in said.media)
    key = ("row", said.key, str(said.at), said.text, *names, *said.fields.get("state", "").split())
    yield Raw(
        UnitKind.SYSTEM if said.system else UnitKind.MESSAGE,
        start,
        length,
        key,
        at=said.at,
        sender=said.sender,
        who=said.who,
        text=said.text,
        attachments=media_of(said.media),
        media=names,
        fields={name: value for name, value in said.fields.items() if value},
    )


def _about(start: int, length: int, data: bytes, head: Head) -> Raw:
    """Return the head line as a unit: what the conversation says of itself."""
    people = ", ".join(sorted({party.name or party.address for party in head.parties} - {""}))
    text = f"{head.title}: {people}" if people else head.title
    line = data[start : start + length].decode("utf-8", "replace")
    return Raw(UnitKind.SYSTEM, start, length, ("head", line), text=text[:MAX_TEXT])


def _members(data: bytes, rows: Sequence[tuple[int, int, Row]]) -> Iterator[Raw]:
    start = rows[0][0]
    length = rows[-1][0] + rows[-1][1] - start
    lines = data[start : start + length].decode("utf-8", "replace")
    names = sorted({row.any("id", "ZMEMBERJID", "display_name") for _, _, row in rows} - {""})
    yield Raw(UnitKind.SYSTEM, start, length, ("rows", lines), text=", ".join(names)[:MAX_TEXT])
