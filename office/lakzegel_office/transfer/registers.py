# SPDX-License-Identifier: EUPL-1.2
"""What is kept of transfers: `records/transfers.jsonl`, docs/spec/transfer.md §9.

Exports, the receipts that e-depots gave for them, declarations, and redacted copies that were made
elsewhere. A redacted copy is tied to its original by the commitments of the sealed items, which
confirm no guess of what stood there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from lakzegel_core.encoding import b64
from lakzegel_office.errors import UsageError
from lakzegel_office.journal import Entry, Journal

NAME: Final = "transfers.jsonl"
MAX_RECEIPT: Final = 2 << 20  # bytes; it is kept within the journal's line
_CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Registers:
    """The journal of transfers of one office."""

    journal: Journal

    def exported(self, name: str, said: Mapping[str, Any], now: datetime) -> Entry:
        """Keep that a delivery was made."""
        return self.journal.append({"type": "export", "name": name, **said}, now)

    def failed(self, export: Entry, now: datetime) -> Entry:
        """Keep that a delivery that was to be made never got its name."""
        row = {"type": "failed", "name": export.says["name"], "export": export.number}
        return self.journal.append(row, now)

    def receipt(self, name: str, file: Path, now: datetime) -> Entry:
        """Keep what an e-depot answered, byte for byte.

        Raises:
            UsageError: no such export, or the file cannot be kept.
        """
        export = self.export(name)
        try:
            with file.open("rb") as opened:
                data = opened.read(MAX_RECEIPT + 1)
        except OSError as error:
            raise UsageError(f"{file}: cannot be read: {error.strerror}") from error
        if not 0 < len(data) <= MAX_RECEIPT:
            raise UsageError(f"{file}: a receipt has 1 to {MAX_RECEIPT} bytes")
        return self.journal.append(
            {
                "type": "receipt",
                "name": name,
                "export": export.number,
                "file": file.name,
                "sha256": hashlib.sha256(data).hexdigest(),
                "data": b64(data),
            },
            now,
        )

    def redacted(
        self, unit: str, seals: Sequence[Mapping[str, Any]], file: Path, now: datetime
    ) -> Entry:
        """Keep that a file is the redacted copy of a unit.

        Raises:
            UsageError: the file cannot be read.
        """
        try:
            digest, size = _digest(file)
        except OSError as error:
            raise UsageError(f"{file}: cannot be read: {error.strerror}") from error
        row = {"type": "redacted", "unit": unit, "seals": list(seals), "size": size}
        return self.journal.append({**row, "sha256": digest}, now)

    def declared(self, name: str, files: Mapping[str, str], now: datetime) -> Entry:
        """Keep that a declaration was written, by the digests of its files."""
        row = {"type": "declaration", "name": name, "files": dict(files)}
        return self.journal.append(row, now)

    def export(self, name: str) -> Entry:
        """Return the newest export of that name that was made.

        Raises:
            UsageError: there is none.
        """
        made: dict[int, Entry] = {}
        for entry in self.journal.read():
            if entry.says["type"] == "export" and entry.says["name"] == name:
                made[entry.number] = entry
            elif entry.says["type"] == "failed":
                made.pop(entry.says["export"], None)
        found = made[max(made)] if made else None
        if found is None:
            raise UsageError(f"{name}: no export is called so; see: export registers")
        return found

    def of(self, export: Entry) -> Iterator[Entry]:
        """Yield the receipts that were given for an export."""
        for entry in self.journal.read(export.number):
            if entry.says["type"] == "receipt" and entry.says["export"] == export.number:
                yield entry


def _digest(file: Path) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    with file.open("rb") as opened:
        while piece := opened.read(_CHUNK):
            digest.update(piece)
            size += len(piece)
    return digest.hexdigest(), size
