# SPDX-License-Identifier: EUPL-1.2
"""What a check found, and which files it has accounted for."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Doubt:
    """A place below DATA, and what is wrong with it."""

    place: str
    what: str

    def __str__(self) -> str:
        return f"{self.place}: {self.what}"


@dataclass(slots=True)
class Survey:
    """The files below DATA, those that are accounted for, and the doubts so far."""

    data: Path
    files: set[str]
    live: bool  # another process serves this DATA
    claimed: set[str] = field(default_factory=set)
    doubts: list[Doubt] = field(default_factory=list)
    index: str = "index.sqlite"  # what doubts about the index are said of

    def doubt(self, place: str, what: str) -> None:
        """Name what is wrong."""
        self.doubts.append(Doubt(place, what))

    def claim(self, place: str) -> bool:
        """Account for a file that must be there; False, and a doubt, when it is not."""
        self.claimed.add(place)
        if place not in self.files:
            self.doubt(place, "missing")
            return False
        return True

    def read(self, place: str, limit: int | None = None) -> bytes | None:
        """The bytes of a file that must be there; None, and a doubt, when it cannot be read."""
        if not self.claim(place):
            return None
        try:
            with (self.data / place).open("rb") as file:
                return file.read(-1 if limit is None else limit + 1)
        except OSError as error:
            self.doubt(place, error.strerror or "cannot be read")
            return None
