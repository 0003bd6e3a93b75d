# SPDX-License-Identifier: EUPL-1.2
"""A stretch of the receiver's audit trail, as the log tells of it: how much, when, and its hash.

    lakzegel.nl/trail/v1
    log log.example/lakzegel
    number 12
    previous <base64 id of trail entry 11>
    count 412
    records <base64 SHA-256 of the segment, which begins with a salt>
    from 2026-11-24T02:07:45Z
    to 2026-11-24T14:12:01Z
    key <verifier key of the next one's signer>

docs/spec/entries.md §5. No record is in it, so nobody is named.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from lakzegel_core import fields, note
from lakzegel_core.encoding import b64, format_time, parse_decimal, parse_time
from lakzegel_core.errors import FormatError
from lakzegel_core.keys import Algorithm, SigningKey, VerifierKey

KIND: Final = "trail"


def trail_key_name(origin: str) -> str:
    """The name that every key of a log's trail has."""
    return f"{origin}/trail"


@dataclass(frozen=True, slots=True)
class Trail:
    """One segment: its place among the others, its hash, and who signs the next."""

    origin: str
    number: int
    previous: bytes | None
    count: int
    records: bytes
    since: datetime
    until: datetime
    key: VerifierKey

    def __post_init__(self) -> None:
        if (self.number == 0) != (self.previous is None):
            raise FormatError("trail previous", "there is one for every number but 0")
        if self.count < 1:
            raise FormatError("trail count", "a segment holds at least one record")
        if self.since > self.until:
            raise FormatError("trail from", "is later than its end")
        if self.key.name != trail_key_name(self.origin):
            raise FormatError("trail key", f"is not called {trail_key_name(self.origin)}")
        if self.key.algorithm is not Algorithm.ED25519:
            raise FormatError("trail key", "is no Ed25519 key for notes")

    def to_text(self) -> bytes:
        """The text that the trail's key signs."""
        lines = [
            ("number", str(self.number)),
            ("previous", fields.show_digest(self.previous)),
            ("count", str(self.count)),
            ("records", b64(self.records)),
            ("from", format_time(self.since)),
            ("to", format_time(self.until)),
            ("key", self.key.to_text()),
        ]
        return fields.encode(KIND, self.origin, lines)

    @classmethod
    def from_text(cls, text: bytes) -> Self:
        """The entry of a note's text, unverified."""
        rows = fields.Lines(text, KIND)
        trail = cls(
            origin=rows.origin,
            number=parse_decimal(rows.take("number"), what="trail number"),
            previous=fields.optional_digest(rows.take("previous"), what="trail previous"),
            count=parse_decimal(rows.take("count"), what="trail count"),
            records=fields.digest(rows.take("records"), what="trail records"),
            since=parse_time(rows.take("from"), what="trail from"),
            until=parse_time(rows.take("to"), what="trail to"),
            key=VerifierKey.from_text(rows.take("key")),
        )
        rows.end()
        fields.require_same(KIND, trail.to_text(), text)
        return trail


def peek_trail(data: bytes) -> Trail:
    """What a note states, unverified: which key the first one names."""
    return Trail.from_text(note.parse(data).text)


def sign_trail(trail: Trail, key: SigningKey) -> bytes:
    """The note, signed by the key that the entry before named."""
    return note.sign(trail.to_text(), [key])


def open_trail(data: bytes, key: VerifierKey) -> Trail:
    """The entry, when this key signed it."""
    return Trail.from_text(note.open_exact(data, [key]).text)
