# SPDX-License-Identifier: EUPL-1.2
"""What a check found, and which files it has accounted for."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from lakzegel_server.fsck.places import Places
from lakzegel_server.stores.protocols import Reading


@dataclass(frozen=True, slots=True)
class Doubt:
    """A place below DATA, and what is wrong with it."""

    place: str
    what: str

    def __str__(self) -> str:
        return f"{self.place}: {self.what}"


@dataclass(slots=True)
class Survey:
    """The files below DATA and in its stores, those accounted for, and the doubts so far."""

    data: Path
    files: set[str]
    live: bool  # another process serves this DATA
    places: Places
    claimed: set[str] = field(default_factory=set)
    doubts: list[Doubt] = field(default_factory=list)
    index: str = "index.sqlite"  # what doubts about the index are said of
    orphans: list[Doubt] = field(default_factory=list)  # never sealed, and nothing to be done

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

    def open(self, place: str) -> Reading:
        """A file, to be read block by block.

        Raises:
            OSError: it cannot be.
        """
        return self.places.open(place)

    def exists(self, place: str) -> bool:
        """Whether it is there now."""
        return self.places.exists(place)

    def read(self, place: str, limit: int | None = None) -> bytes | None:
        """The bytes of a file that must be there; None, and a doubt, when it cannot be read."""
        if not self.claim(place):
            return None
        try:
            with self.open(place) as file:
                wanted = file.size + 1 if limit is None else limit + 1
                return b"".join(iter(lambda: file.read(wanted), b""))[:wanted]
        except OSError as error:
            self.doubt(place, error.strerror or "cannot be read")
            return None
