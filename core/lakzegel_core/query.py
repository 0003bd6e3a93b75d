# SPDX-License-Identifier: EUPL-1.2
"""How a device asks for its own state; it has no password.

    lakzegel.nl/query/v1
    log log.example/lakzegel
    device laptop-7
    epoch 0
    nonce 3q2+7wAAAAAAAAAAAAAAAA==
    at 2026-11-24T02:07:45Z

docs/spec/http.md §4.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from lakzegel_core import fields, note
from lakzegel_core.encoding import b64, format_time, parse_decimal, parse_time, unb64
from lakzegel_core.keys import SigningKey, VerifierKey

KIND: Final = "query"
NONCE_SIZE: Final = 16


@dataclass(frozen=True, slots=True)
class Query:
    """A question by a device, signed by its header key or by a token."""

    origin: str
    device: str
    epoch: int
    nonce: bytes
    at: datetime

    def to_text(self) -> bytes:
        """The text that is signed."""
        lines = [
            ("device", fields.slug(self.device, what="query device")),
            ("epoch", str(self.epoch)),
            ("nonce", b64(self.nonce)),
            ("at", format_time(self.at)),
        ]
        return fields.encode(KIND, self.origin, lines)

    @classmethod
    def from_text(cls, text: bytes) -> Self:
        """The query of a note's text, unverified."""
        rows = fields.Lines(text, KIND)
        query = cls(
            origin=rows.origin,
            device=rows.take("device"),
            epoch=parse_decimal(rows.take("epoch"), what="query epoch"),
            nonce=unb64(rows.take("nonce"), what="query nonce", size=NONCE_SIZE),
            at=parse_time(rows.take("at"), what="query at"),
        )
        rows.end()
        fields.require_same(KIND, query.to_text(), text)
        return query


def sign_query(query: Query, key: SigningKey) -> bytes:
    """The note, signed by the device's header key or by a token."""
    return note.sign(query.to_text(), [key])


def peek_query(data: bytes) -> Query:
    """The unverified query; only to find the device's key."""
    return Query.from_text(note.parse(data).text)


def open_query(data: bytes, key: VerifierKey) -> Query:
    """The query, when this key signed it."""
    return Query.from_text(note.open_exact(data, [key]).text)
