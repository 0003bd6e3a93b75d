# SPDX-License-Identifier: EUPL-1.2
"""How far each journal goes, kept by somebody else, so that nothing can be cut from its end.

    lakzegel.nl/heads/v1
    log log.example/lakzegel
    at 2026-11-24T02:07:45Z
    audit 412 <base64 SHA-256 of line 411>
    keys 3 <base64>

docs/spec/journal.md §3.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Self

from lakzegel_core.encoding import b64, format_time, parse_decimal, parse_time, unb64
from lakzegel_core.errors import LakzegelError
from lakzegel_core.fields import slug
from lakzegel_office.errors import DoubtError, UsageError
from lakzegel_office.home import Home
from lakzegel_office.journal import Head, Journal

KIND: Final = "lakzegel.nl/heads/v1"
MAX_HEADS: Final = 65_536  # bytes
_NO_KEY: Final = bytes(32)  # a chain is proven without one


@dataclass(frozen=True, slots=True)
class Heads:
    """The heads of one office's journals at one moment."""

    origin: str
    at: datetime
    heads: Mapping[str, Head]

    @classmethod
    def of(cls, home: Home, origin: str, now: datetime) -> Self:
        """Return how far every journal goes now, each chain proven.

        Raises:
            DoubtError: a chain is broken.
        """
        paths = sorted(home.records.glob("*.jsonl"))
        return cls(origin, now, {p.stem: Journal(p, _NO_KEY).head() for p in paths})

    def to_text(self) -> str:
        """Return the file's text."""
        rows = [f"{name} {head.count} {b64(head.digest)}" for name, head in self.heads.items()]
        return "\n".join([KIND, f"log {self.origin}", f"at {format_time(self.at)}", *rows, ""])

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return the heads that a file has.

        Raises:
            UsageError: it cannot be read, or is no such file.
        """
        try:
            with path.open("rb") as file:
                text = file.read(MAX_HEADS).decode("ascii")
            kind, log, at, *rows = text.split("\n")
            heads = dict(map(_row, rows[:-1]))
            found = cls(log.removeprefix("log "), parse_time(at[3:], what="heads at"), heads)
        except (OSError, ValueError, LakzegelError) as error:
            raise UsageError(f"{path}: not a file of heads: {error}") from error
        if kind != KIND or found.to_text() != text:
            raise UsageError(f"{path}: not a file of heads, {KIND}")
        return found

    def check(self, home: Home, origin: str) -> None:
        """Return when every journal still begins with what it was then.

        Raises:
            DoubtError: one was cut, changed, or is gone.
            UsageError: they are another office's, or of no journal: nothing would be checked.
        """
        if self.origin != origin:
            raise UsageError(f"heads: of the log {self.origin}; this office's is {origin}")
        if not self.heads:
            raise UsageError("heads: name no journal, so nothing would be checked")
        for name, head in self.heads.items():
            path = home.records / f"{name}.jsonl"
            if Journal(path, _NO_KEY).head_at(head.count) != head:
                at = format_time(self.at)
                raise DoubtError(f"{path}: its first {head.count} lines are not those of {at}")


def _row(line: str) -> tuple[str, Head]:
    name, count, digest = line.split(" ")
    number = parse_decimal(count, what="heads")
    return slug(name, what="heads"), Head(number, unb64(digest, what="heads", size=32))
