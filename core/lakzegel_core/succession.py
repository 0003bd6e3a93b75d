# SPDX-License-Identifier: EUPL-1.2
"""That this log goes on where another one ended for good.

    lakzegel.nl/succession/v1
    log log.example/lakzegel-2
    from log.example/lakzegel
    size 1042
    root <base64 root of the other log at that size>
    reason key-lost
    at 2026-11-24T02:07:45Z

docs/spec/succession.md §1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from lakzegel_core import fields, note
from lakzegel_core.checkpoint import Checkpoint
from lakzegel_core.encoding import b64, format_time, parse_decimal, parse_time
from lakzegel_core.errors import FormatError
from lakzegel_core.keys import SigningKey, VerifierKey, check_name

KIND: Final = "succession"


@dataclass(frozen=True, slots=True)
class Succession:
    """The tree with which another log ended, and why."""

    origin: str
    former: Checkpoint
    reason: str
    at: datetime

    def __post_init__(self) -> None:
        check_name(self.former.origin)
        if self.former.origin == self.origin:
            raise FormatError(KIND, "a log does not continue itself")

    def to_text(self) -> bytes:
        """The text that the policy keys sign."""
        lines = [
            ("from", self.former.origin),
            ("size", str(self.former.size)),
            ("root", b64(self.former.root)),
            ("reason", fields.slug(self.reason, what="succession reason")),
            ("at", format_time(self.at)),
        ]
        return fields.encode(KIND, self.origin, lines)

    @classmethod
    def from_text(cls, text: bytes) -> Self:
        """The succession of a note's text, unverified."""
        rows = fields.Lines(text, KIND)
        former = Checkpoint(
            rows.take("from"),
            parse_decimal(rows.take("size"), what="succession size"),
            fields.digest(rows.take("root"), what="succession root"),
        )
        succession = cls(
            origin=rows.origin,
            former=former,
            reason=rows.take("reason"),
            at=parse_time(rows.take("at"), what="succession at"),
        )
        rows.end()
        fields.require_same(KIND, succession.to_text(), text)
        return succession


def sign_succession(succession: Succession, keys: Sequence[SigningKey]) -> bytes:
    """The note, signed by policy keys in the order of the delegation."""
    return note.sign(succession.to_text(), keys)


def open_succession(data: bytes, keys: Sequence[VerifierKey], threshold: int) -> Succession:
    """The succession, when ``threshold`` of the policy keys in force signed it."""
    return Succession.from_text(note.open_threshold(data, keys, threshold).text)
