# SPDX-License-Identifier: EUPL-1.2
"""`list`, `show`, `open`: the items of the mirror, one by one."""

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lakzegel_core.encoding import b64, format_time
from lakzegel_core.errors import LakzegelError
from lakzegel_office import audit, durable
from lakzegel_office.capture import read_capture, read_path
from lakzegel_office.catalog import Catalog
from lakzegel_office.collection.opening import open_collection
from lakzegel_office.commands.common import Commands, Office, answer, command, say, unlock
from lakzegel_office.commands.evidence import catalog_of, trail_of
from lakzegel_office.commands.naming import add_item, item_of, unit_of
from lakzegel_office.commands.search import list_conversations
from lakzegel_office.errors import UsageError
from lakzegel_office.history import captures_of, pieces_of
from lakzegel_office.index import IndexedItem
from lakzegel_office.names import ItemId

KINDS = ("segment", "capture", "observation")
ANY = "any"  # no label is called so (docs/spec/item.md §2)


def add(commands: Commands) -> None:
    """Add the three commands."""
    parser = command(commands, "list", list_items, "list what the mirror holds")
    parser.add_argument("--device", metavar="D")
    parser.add_argument("--source", metavar="S")
    parser.add_argument("--kind", choices=KINDS)
    parser.add_argument(
        "--label", metavar="L", help="only what the device gave this label; any: whatever label"
    )
    parser.add_argument(
        "--conversations", action="store_true", help="mail threads, chats and files, newest first"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser = command(commands, "show", show_item, "show what one item says of itself")
    add_item(parser)
    parser = command(commands, "open", open_item, "write the bytes of one item or unit")
    add_item(parser)
    parser.add_argument("--reason", required=True, metavar="TEXT", help="recorded with your name")
    parser.add_argument("--out", type=Path, metavar="FILE", help="a new file; else standard output")


def list_items(arguments: argparse.Namespace) -> int:
    """Print one line an item, or a conversation."""
    if arguments.conversations:
        return list_conversations(arguments)
    catalog = catalog_of(unlock(arguments))
    for item, line in catalog.items(arguments.device):
        if arguments.source is not None and line.source != arguments.source:
            continue
        if arguments.kind is not None and line.kind != arguments.kind:
            continue
        if arguments.label is not None and not _has(line, arguments.label):
            continue
        if arguments.json:
            sys.stdout.buffer.write(_json_line(item, line))
        else:
            labels = "".join(f"\t{_printable(label)}" for label in line.labels)
            print(f"{item}\t{line.kind}\t{line.source}\t{line.size}\t{_title(line)}{labels}")
    return 0


def show_item(arguments: argparse.Namespace) -> int:
    """Print core, context, place and history of one item."""
    office = unlock(arguments)
    item = item_of(office, arguments.item)
    catalog = catalog_of(office)
    record = catalog.find(item)
    line = next((row for row in catalog.batch_items(record) if row.index == item.index), None)
    if line is None:
        catalog.item(item)  # names why it could not be opened
        raise UsageError(f"{item}: not in the index; delete state/index and try again")
    answer(
        {
            "item": str(item),
            "place": {
                "origin": record.header.origin,
                "log_index": record.index,
                "batch": record.batch_id,
                "closed": format_time(record.header.closed),
                "seen": record.header.seen.size,
            },
            "commitment": line.commitment,
            "core": line.core,
            "context": line.context,
            "labels": line.labels,
            "payload": line.payload,
            "history": [str(capture) for capture in captures_of(catalog, item, line)],
        }
    )
    return 0


def open_item(arguments: argparse.Namespace) -> int:
    """Write an item's raw bytes, or a unit's; of a capture, the file's."""
    office, reason = unlock(arguments), audit.why(arguments.reason)
    unit = unit_of(arguments.item)
    pieces = _item(office, arguments.item, reason) if unit is None else _unit(office, unit, reason)
    if arguments.out is None:
        for piece in pieces:
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return 0
    try:
        durable.write_new_pieces(arguments.out, pieces)
    except FileExistsError:
        raise UsageError(f"{arguments.out}: exists; give a new file") from None
    say(f"{arguments.item} written to {arguments.out}")
    return 0


def _item(office: Office, item: ItemId, reason: str) -> Iterator[bytes]:
    catalog = catalog_of(office)
    catalog.find(item)
    trail_of(office).record("open", {"item": str(item)}, reason=reason, now=datetime.now(UTC))
    return _bytes_of(catalog, item)


def _unit(office: Office, unit: str, reason: str) -> Iterator[bytes]:
    collection, _ = open_collection(office)
    with closing(collection):
        collection.unit(unit)
        trail_of(office).record("open", {"unit": unit}, reason=reason, now=datetime.now(UTC))
        return iter((collection.raw(unit),))


def _bytes_of(catalog: Catalog, item: ItemId) -> Iterator[bytes]:
    """Yield an item's payload, or the segments that a capture is made of."""
    opened = catalog.item(item)
    if opened.core["kind"] != "capture":
        yield opened.payload
        return
    yield from pieces_of(catalog, item, read_capture(_payload(opened.payload)))


def _payload(data: bytes) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(data)  # canonical: the batch was opened by pull
    return value


def _title(line: IndexedItem) -> str:
    """Return the path, or what an observation is about, on one printable line."""
    if line.kind == "observation":
        return _printable(str((line.payload or {}).get("type", "")))
    try:
        text = read_path(line.context).decode("utf-8", "backslashreplace")
    except LakzegelError:
        return "?"
    return _printable(text)


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _has(line: IndexedItem, label: str) -> bool:
    return bool(line.labels) if label == ANY else label in line.labels


def _json_line(item: ItemId, line: IndexedItem) -> bytes:
    row = {
        "item": str(item),
        "kind": line.kind,
        "source": line.source,
        "size": line.size,
        "context": line.context,
        "labels": line.labels,
    }
    if line.payload is not None:
        row["payload"] = line.payload
    if line.kind != "observation":
        row["path64"] = b64(read_path(line.context))
    return json.dumps(row, sort_keys=True).encode() + b"\n"
