# SPDX-License-Identifier: EUPL-1.2
"""The office states that it holds and could open everything below a size.

    lakzegel.nl/held/v1
    log log.example/lakzegel
    size 1042
    root CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
    at 2026-11-24T02:07:45Z

docs/spec/held.md §1.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from lakzegel_core import fields, note
from lakzegel_core.checkpoint import Checkpoint
from lakzegel_core.encoding import b64, format_time, parse_decimal, parse_time
from lakzegel_core.keys import SigningKey, VerifierKey

KIND: Final = "held"


@dataclass(frozen=True, slots=True)
class Held:
    """Every header below ``size`` is mirrored with batch and keyring and was opened."""

    origin: str
    size: int
    root: bytes
    at: datetime

    @property
    def checkpoint(self) -> Checkpoint:
        """The tree that is spoken of."""
        return Checkpoint(self.origin, self.size, self.root)

    def to_text(self) -> bytes:
        """The text that the office's held key signs."""
        lines = [("size", str(self.size)), ("root", b64(self.root)), ("at", format_time(self.at))]
        return fields.encode(KIND, self.origin, lines)

    @classmethod
    def from_text(cls, text: bytes) -> Self:
        """The statement of a note's text, unverified."""
        rows = fields.Lines(text, KIND)
        held = cls(
            origin=rows.origin,
            size=parse_decimal(rows.take("size"), what="held size"),
            root=fields.digest(rows.take("root"), what="held root"),
            at=parse_time(rows.take("at"), what="held at"),
        )
        rows.end()
        fields.require_same(KIND, held.to_text(), text)
        return held


def sign_held(held: Held, key: SigningKey) -> bytes:
    """The note, signed by the office's held key."""
    return note.sign(held.to_text(), [key])


def open_held(data: bytes, key: VerifierKey) -> Held:
    """The statement, when the office's held key signed it."""
    return Held.from_text(note.open_exact(data, [key]).text)
