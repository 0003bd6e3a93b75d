# SPDX-License-Identifier: EUPL-1.2
"""Legal holds and terms of office, as the log tells them.

    lakzegel.nl/hold/v1                  lakzegel.nl/term/v1
    log log.example/lakzegel             log log.example/lakzegel
    id woo-2027-014                      custody 2026-2030
    state on                             state opened
    annex <base64 SHA-256>               annex -
    at 2026-11-24T02:07:45Z              certificate -
                                         at 2026-11-24T02:07:45Z

docs/spec/entries.md §3.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from lakzegel_core import fields, note
from lakzegel_core.encoding import format_time, parse_time
from lakzegel_core.errors import FormatError
from lakzegel_core.keys import SigningKey, VerifierKey

HOLD: Final = "hold"
TERM: Final = "term"
_LABEL: Final = {HOLD: "id", TERM: "custody"}
_STATES: Final = {HOLD: ("on", "off"), TERM: ("opened", "closed")}


@dataclass(frozen=True, slots=True)
class Mark:
    """A hold or a term: what it is about (a pseudonym), its state, its encrypted annex.

    ``certificate``: of a term that is closed, the digest of its certificate's note.
    """

    kind: str
    origin: str
    name: str
    state: str
    annex: bytes | None
    at: datetime
    certificate: bytes | None = None

    def __post_init__(self) -> None:
        if self.state not in _STATES[self.kind]:
            raise FormatError(f"{self.kind} state", f"not {' or '.join(_STATES[self.kind])}")
        if (self.certificate is not None) != (self.kind == TERM and self.state == "closed"):
            raise FormatError(f"{self.kind} certificate", "only what is closed has one, and must")

    def to_text(self) -> bytes:
        """The text that an approval key signs."""
        lines = [
            (_LABEL[self.kind], fields.slug(self.name, what=f"{self.kind} name")),
            ("state", self.state),
            ("annex", fields.show_digest(self.annex)),
        ]
        if self.kind == TERM:
            lines.append(("certificate", fields.show_digest(self.certificate)))
        lines.append(("at", format_time(self.at)))
        return fields.encode(self.kind, self.origin, lines)

    @classmethod
    def from_text(cls, text: bytes, kind: str) -> Self:
        """The hold or term of a note's text, unverified."""
        rows = fields.Lines(text, kind)
        name, state = rows.take(_LABEL[kind]), rows.take("state")
        annex = fields.optional_digest(rows.take("annex"), what=f"{kind} annex")
        certificate = None
        if kind == TERM:
            said = rows.take("certificate")
            certificate = fields.optional_digest(said, what="term certificate")
        at = parse_time(rows.take("at"), what=f"{kind} at")
        mark = cls(kind, rows.origin, name, state, annex, at, certificate)
        rows.end()
        fields.require_same(kind, mark.to_text(), text)
        return mark


def sign_mark(mark: Mark, key: SigningKey) -> bytes:
    """The note, signed by an approval key."""
    return note.sign(mark.to_text(), [key])


def open_mark(data: bytes, kind: str, key: VerifierKey) -> Mark:
    """The hold or term, when this approval key signed it."""
    return Mark.from_text(note.open_exact(data, [key]).text, kind)
