# SPDX-License-Identifier: EUPL-1.2
"""A keyring is replaced, by two distinct approvers.

    lakzegel.nl/keyring-change/v1
    log log.example/lakzegel
    device laptop-7
    epoch 0
    batch 311
    old <base64 SHA-256>
    new <base64 SHA-256>
    generation 1
    reason dispose
    recipients <base64 SHA-256 of the recipients, a line each>
    destroyed 4,17
    certificate <base64 SHA-256>
    at 2026-11-24T02:07:45Z

docs/spec/entries.md §4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from lakzegel_core import fields, note
from lakzegel_core.encoding import b64, format_time, parse_decimal, parse_time
from lakzegel_core.errors import FormatError
from lakzegel_core.finding import parse_indices, show_indices
from lakzegel_core.keys import SigningKey, VerifierKey

KIND: Final = "keyring-change"
APPROVERS: Final = 2
REASONS: Final = ("dispose", "rewrap")


@dataclass(frozen=True, slots=True)
class KeyringChange:
    """Old and new keyring of one batch, and which items' keys are gone."""

    origin: str
    device: str
    epoch: int
    batch: int
    old: bytes
    new: bytes
    generation: int
    reason: str
    recipients: bytes
    destroyed: tuple[int, ...]
    certificate: bytes | None
    at: datetime

    def __post_init__(self) -> None:
        if self.reason not in REASONS:
            raise FormatError("keyring-change reason", f"not {' or '.join(REASONS)}")
        if self.generation < 1:
            raise FormatError("keyring-change generation", "below 1")

    def to_text(self) -> bytes:
        """The text that two approvers sign."""
        lines = [
            ("device", fields.slug(self.device, what="keyring-change device")),
            ("epoch", str(self.epoch)),
            ("batch", str(self.batch)),
            ("old", b64(self.old)),
            ("new", b64(self.new)),
            ("generation", str(self.generation)),
            ("reason", self.reason),
            ("recipients", b64(self.recipients)),
            ("destroyed", show_indices(self.destroyed)),
            ("certificate", fields.show_digest(self.certificate)),
            ("at", format_time(self.at)),
        ]
        return fields.encode(KIND, self.origin, lines)

    @classmethod
    def from_text(cls, text: bytes) -> Self:
        """The change of a note's text, unverified."""
        rows = fields.Lines(text, KIND)
        change = cls(
            origin=rows.origin,
            device=rows.take("device"),
            epoch=parse_decimal(rows.take("epoch"), what="keyring-change epoch"),
            batch=parse_decimal(rows.take("batch"), what="keyring-change batch"),
            old=fields.digest(rows.take("old"), what="keyring-change old"),
            new=fields.digest(rows.take("new"), what="keyring-change new"),
            generation=parse_decimal(rows.take("generation"), what="keyring-change generation"),
            reason=rows.take("reason"),
            recipients=fields.digest(rows.take("recipients"), what="keyring-change recipients"),
            destroyed=parse_indices(rows.take("destroyed"), what="keyring-change destroyed"),
            certificate=fields.optional_digest(
                rows.take("certificate"), what="keyring-change certificate"
            ),
            at=parse_time(rows.take("at"), what="keyring-change at"),
        )
        rows.end()
        fields.require_same(KIND, change.to_text(), text)
        return change


def sign_keyring_change(change: KeyringChange, keys: Sequence[SigningKey]) -> bytes:
    """The note, signed by two approval keys in the delegation's order."""
    return note.sign(change.to_text(), keys)


def open_keyring_change(data: bytes, approvers: Sequence[VerifierKey]) -> KeyringChange:
    """The change, when exactly two distinct approvers signed it."""
    return KeyringChange.from_text(note.open_threshold(data, approvers, APPROVERS).text)
