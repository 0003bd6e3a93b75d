# SPDX-License-Identifier: EUPL-1.2
"""Leave for devices to enrol, which the receiver cannot give.

    lakzegel.nl/admission/v1
    log log.example/lakzegel
    token log.example/lakzegel/token/5f2c9a01+...
    device laptop-7                  either, or both: that device, in that group
    group bewindspersonen
    count 12
    expires 2027-01-31T00:00:00Z
    custody 2026-2030

docs/spec/admission.md §2.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from lakzegel_core import fields, note
from lakzegel_core.encoding import format_time, parse_decimal, parse_time
from lakzegel_core.errors import FormatError
from lakzegel_core.keys import Algorithm, SigningKey, VerifierKey

KIND: Final = "admission"


@dataclass(frozen=True, slots=True)
class Admission:
    """A token's public key and whom it lets in: one device, or ``count`` devices of a group."""

    origin: str
    token: VerifierKey
    device: str | None
    group: str | None
    count: int
    expires: datetime
    custody: str

    def __post_init__(self) -> None:
        named = [one for one in (self.device, self.group) if one is not None]
        if not named:
            raise FormatError("admission", "names neither a device nor a group")
        for one in named:
            fields.slug(one, what="admission device or group")
        fields.slug(self.custody, what="admission custody")
        if self.token.algorithm is not Algorithm.ED25519:
            raise FormatError("admission token", "not an Ed25519 key (type 0x01)")
        if self.count < 1:
            raise FormatError("admission count", "below 1")

    def to_text(self) -> bytes:
        """The text that the enrolment key signs."""
        whom = (("device", self.device), ("group", self.group))
        lines = [
            ("token", self.token.to_text()),
            *((label, value) for label, value in whom if value is not None),
            ("count", str(self.count)),
            ("expires", format_time(self.expires)),
            ("custody", self.custody),
        ]
        return fields.encode(KIND, self.origin, lines)

    @classmethod
    def from_text(cls, text: bytes) -> Self:
        """The admission of a note's text, unverified."""
        rows = fields.Lines(text, KIND)
        token = VerifierKey.from_text(rows.take("token"))
        device = rows.take("device") if rows.next_is("device") else None
        group = rows.take("group") if rows.next_is("group") else None
        admission = cls(
            origin=rows.origin,
            token=token,
            device=device,
            group=group,
            count=parse_decimal(rows.take("count"), what="admission count"),
            expires=parse_time(rows.take("expires"), what="admission expires"),
            custody=rows.take("custody"),
        )
        rows.end()
        fields.require_same(KIND, admission.to_text(), text)
        return admission


def sign_admission(admission: Admission, key: SigningKey) -> bytes:
    """The note, signed by an enrolment key."""
    return note.sign(admission.to_text(), [key])


def open_admission(data: bytes, key: VerifierKey) -> Admission:
    """The admission, when this enrolment key signed it."""
    return Admission.from_text(note.open_exact(data, [key]).text)
