# SPDX-License-Identifier: EUPL-1.2
"""A device is trusted no more beyond a batch.

    lakzegel.nl/revocation/v1
    log log.example/lakzegel
    device laptop-7
    epoch 0
    batch 311
    reason stolen
    at 2026-11-24T02:07:45Z

docs/spec/admission.md §4.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from lakzegel_core import fields, note
from lakzegel_core.encoding import format_time, parse_decimal, parse_time
from lakzegel_core.keys import SigningKey, VerifierKey

KIND: Final = "revocation"


@dataclass(frozen=True, slots=True)
class Revocation:
    """The last batch that is still trusted; ``batch`` None when none of the epoch is."""

    origin: str
    device: str
    epoch: int
    batch: int | None
    reason: str
    at: datetime

    @property
    def last(self) -> tuple[int, int]:
        """Epoch and number of the last trusted batch; number -1 for none."""
        return self.epoch, -1 if self.batch is None else self.batch

    def to_text(self) -> bytes:
        """The text that an enrolment key signs."""
        lines = [
            ("device", fields.slug(self.device, what="revocation device")),
            ("epoch", str(self.epoch)),
            ("batch", fields.NONE if self.batch is None else str(self.batch)),
            ("reason", fields.slug(self.reason, what="revocation reason")),
            ("at", format_time(self.at)),
        ]
        return fields.encode(KIND, self.origin, lines)

    @classmethod
    def from_text(cls, text: bytes) -> Self:
        """The revocation of a note's text, unverified."""
        rows = fields.Lines(text, KIND)
        device = rows.take("device")
        epoch = parse_decimal(rows.take("epoch"), what="revocation epoch")
        batch = rows.take("batch")
        revocation = cls(
            origin=rows.origin,
            device=device,
            epoch=epoch,
            batch=None if batch == fields.NONE else parse_decimal(batch, what="revocation batch"),
            reason=rows.take("reason"),
            at=parse_time(rows.take("at"), what="revocation at"),
        )
        rows.end()
        fields.require_same(KIND, revocation.to_text(), text)
        return revocation


def sign_revocation(revocation: Revocation, key: SigningKey) -> bytes:
    """The note, signed by an enrolment key."""
    return note.sign(revocation.to_text(), [key])


def open_revocation(data: bytes, key: VerifierKey) -> Revocation:
    """The revocation, when this enrolment key signed it."""
    return Revocation.from_text(note.open_exact(data, [key]).text)
