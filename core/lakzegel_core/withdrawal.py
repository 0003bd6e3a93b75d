# SPDX-License-Identifier: EUPL-1.2
"""Leave to enrol is taken back, as far as it was not used.

    lakzegel.nl/withdrawal/v1
    log log.example/lakzegel
    admission <base64 id of an admission note>
    admission …
    reason stolen
    at 2026-11-24T02:07:45Z

docs/spec/admission.md §5.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from lakzegel_core import fields, note
from lakzegel_core.encoding import b64, format_time, parse_time
from lakzegel_core.errors import FormatError, LimitError
from lakzegel_core.keys import SigningKey, VerifierKey
from lakzegel_core.limits import DIGEST, MAX_WITHDRAWN

KIND: Final = "withdrawal"


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """The admissions that let nobody in any more, by id, in order."""

    origin: str
    admissions: tuple[bytes, ...]
    reason: str
    at: datetime

    def __post_init__(self) -> None:
        if any(len(one) != DIGEST for one in self.admissions):
            raise FormatError(KIND, "a digest of the wrong length")
        if not self.admissions or list(self.admissions) != sorted(set(self.admissions)):
            raise FormatError(KIND, "its admissions are not in order, each once")
        if len(self.admissions) > MAX_WITHDRAWN:
            raise LimitError(KIND, f"{len(self.admissions)} admissions, at most {MAX_WITHDRAWN}")

    def to_text(self) -> bytes:
        """The text that an enrolment key signs."""
        lines = [
            *(("admission", b64(one)) for one in self.admissions),
            ("reason", fields.slug(self.reason, what="withdrawal reason")),
            ("at", format_time(self.at)),
        ]
        return fields.encode(KIND, self.origin, lines)

    @classmethod
    def from_text(cls, text: bytes) -> Self:
        """The withdrawal of a note's text, unverified."""
        rows = fields.Lines(text, KIND)
        named = rows.take_all("admission")
        withdrawal = cls(
            origin=rows.origin,
            admissions=tuple(fields.digest(one, what="withdrawal admission") for one in named),
            reason=rows.take("reason"),
            at=parse_time(rows.take("at"), what="withdrawal at"),
        )
        rows.end()
        fields.require_same(KIND, withdrawal.to_text(), text)
        return withdrawal


def sign_withdrawal(withdrawal: Withdrawal, key: SigningKey) -> bytes:
    """The note, signed by an enrolment key."""
    return note.sign(withdrawal.to_text(), [key])


def open_withdrawal(data: bytes, key: VerifierKey) -> Withdrawal:
    """The withdrawal, when this enrolment key signed it."""
    return Withdrawal.from_text(note.open_exact(data, [key]).text)
