# SPDX-License-Identifier: EUPL-1.2
"""What the office found wrong with a sealed batch.

    lakzegel.nl/finding/v1
    log log.example/lakzegel
    device laptop-7
    epoch 0
    batch 311
    header <base64 id of the batch>
    code commitment-mismatch
    items 4,17
    annex -
    at 2026-11-24T02:07:45Z

docs/spec/held.md §2.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from lakzegel_core import fields, note
from lakzegel_core.encoding import b64, format_time, parse_decimal, parse_time
from lakzegel_core.errors import FormatError
from lakzegel_core.keys import SigningKey, VerifierKey

KIND: Final = "finding"


def show_indices(items: tuple[int, ...]) -> str:
    """``4,17``, or ``-`` for none."""
    return ",".join(str(i) for i in items) or fields.NONE


def parse_indices(text: str, *, what: str) -> tuple[int, ...]:
    """The indices, strictly increasing.

    Raises:
        FormatError: any other spelling.
    """
    if text == fields.NONE:
        return ()
    items = tuple(parse_decimal(part, what=what) for part in text.split(","))
    if list(items) != sorted(set(items)):
        raise FormatError(what, "not strictly increasing")
    return items


@dataclass(frozen=True, slots=True)
class Finding:
    """A batch, and the items of it, that do not fit; the log says so for ever."""

    origin: str
    device: str
    epoch: int
    batch: int
    header: bytes
    code: str
    items: tuple[int, ...]
    annex: bytes | None
    at: datetime

    def to_text(self) -> bytes:
        """The text that the office's held key signs."""
        lines = [
            ("device", fields.slug(self.device, what="finding device")),
            ("epoch", str(self.epoch)),
            ("batch", str(self.batch)),
            ("header", b64(self.header)),
            ("code", fields.slug(self.code, what="finding code")),
            ("items", show_indices(self.items)),
            ("annex", fields.show_digest(self.annex)),
            ("at", format_time(self.at)),
        ]
        return fields.encode(KIND, self.origin, lines)

    @classmethod
    def from_text(cls, text: bytes) -> Self:
        """The finding of a note's text, unverified."""
        rows = fields.Lines(text, KIND)
        finding = cls(
            origin=rows.origin,
            device=rows.take("device"),
            epoch=parse_decimal(rows.take("epoch"), what="finding epoch"),
            batch=parse_decimal(rows.take("batch"), what="finding batch"),
            header=fields.digest(rows.take("header"), what="finding header"),
            code=rows.take("code"),
            items=parse_indices(rows.take("items"), what="finding items"),
            annex=fields.optional_digest(rows.take("annex"), what="finding annex"),
            at=parse_time(rows.take("at"), what="finding at"),
        )
        rows.end()
        fields.require_same(KIND, finding.to_text(), text)
        return finding


def sign_finding(finding: Finding, key: SigningKey) -> bytes:
    """The note, signed by the office's held key."""
    return note.sign(finding.to_text(), [key])


def open_finding(data: bytes, key: VerifierKey) -> Finding:
    """The finding, when the office's held key signed it."""
    return Finding.from_text(note.open_exact(data, [key]).text)
