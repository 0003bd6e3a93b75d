# SPDX-License-Identifier: EUPL-1.2
"""The inventory as files: every unit that was found, and what became of it.

docs/spec/transfer.md §1: `inventaris.csv` for people and `inventaris.json` for programs say the
same; the counts are those of the packing slip and of a completeness statement.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from lakzegel_office.transfer.choosing import Inventory
from lakzegel_office.transfer.mdto import moment
from lakzegel_office.transfer.model import Row, Written

KIND: Final = "lakzegel.nl/inventory/v1"
COLUMNS: Final = (
    "unit",
    "kind",
    "app",
    "conversation",
    "custody",
    "at",
    "outcome",
    "reason",
    "class",
    "holds",
    "files",
)
_FORMULA: Final = frozenset("=+-@\t\r")


def as_csv(inventory: Inventory) -> Iterator[bytes]:
    """Yield the rows as CSV (RFC 4180, UTF-8); no cell begins as a formula does."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for row in inventory.rows.values():
        writer.writerow([_cell(value) for value in _values(row)])
        if text.tell() > 1 << 16:
            yield _taken(text)
    yield _taken(text)


def as_json(
    inventory: Inventory, files: Iterable[Written], about: Mapping[str, Any]
) -> Iterator[bytes]:
    """Yield the same as JSON, with the files and their digests and seals."""
    head = {
        "kind": KIND,
        **about,
        "counts": inventory.counts(),
        "reasons": inventory.reasons(),
    }
    yield json.dumps(head, ensure_ascii=False, sort_keys=True)[:-1].encode()
    yield b', "files": ['
    yield from _rows(_file(file) for file in files)
    yield b'],\n"units": ['
    yield from _rows(_unit(row) for row in inventory.rows.values())
    yield b"]}\n"


def _rows(rows: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    comma = b"\n"
    for row in rows:
        yield comma + json.dumps(row, ensure_ascii=False, sort_keys=True).encode("utf-8", "replace")
        comma = b",\n"


def _unit(row: Row) -> dict[str, Any]:
    values: dict[str, Any] = dict(zip(COLUMNS, _values(row), strict=True))
    return {**values, "at": _time(row.at) or None, "holds": list(row.holds), "files": row.files}


def _file(file: Written) -> dict[str, Any]:
    return {
        "path": file.path,
        "title": file.title,
        "role": str(file.role),
        "size": file.size,
        "sha256": file.sha256,
        "how": file.how,
        "seals": [[str(seal.item), seal.start, seal.size] for seal in file.seals],
    }


def _values(row: Row) -> tuple[str, ...]:
    return (
        row.unit,
        row.kind,
        row.app,
        row.conversation,
        row.custody,
        _time(row.at),
        str(row.outcome),
        row.reason,
        row.category,
        " ".join(row.holds),
        " ".join(row.files),
    )


def _time(at: datetime | None) -> str:
    return moment(at) if at is not None else ""


def _cell(value: str) -> str:
    return f"'{value}" if value[:1] in _FORMULA and value else value


def _taken(text: io.StringIO) -> bytes:
    data = text.getvalue().encode("utf-8", "replace")
    text.seek(0)
    text.truncate()
    return data
