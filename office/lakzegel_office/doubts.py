# SPDX-License-Identifier: EUPL-1.2
"""What does not fit, and where: the unit that `verify` prints."""

from dataclasses import dataclass
from typing import Any, Final

LONGEST: Final = (
    1000  # characters of a line; an entry of a log is as long as whoever wrote it liked
)


def printable(text: str) -> str:
    """Return a text as a terminal may show it, whoever had a word in it: one line, no commands."""
    shown = "".join(c if c.isprintable() else "?" for c in text)
    return shown if len(shown) <= LONGEST else f"{shown[:LONGEST]}…"


@dataclass(frozen=True, slots=True)
class Doubt:
    """One thing that does not fit: in which file, of which batch and item."""

    file: str
    what: str
    code: str = "doubt"
    batch: str | None = None
    item: int | None = None
    excepted: bool = False  # a finding in the log says so too

    def __str__(self) -> str:
        """Return the line for people."""
        place = [self.file]
        if self.batch is not None:
            place.append(f"batch {self.batch}")
        if self.item is not None:
            place.append(f"item {self.item}")
        mark = " [finding]" if self.excepted else ""
        return printable(f"DOUBT{mark} {', '.join(place)}: {self.what}")

    def to_json(self) -> dict[str, Any]:
        """Return the same for a program."""
        return {
            "file": self.file,
            "batch": self.batch,
            "item": self.item,
            "code": self.code,
            "what": self.what,
            "finding": self.excepted,
        }
