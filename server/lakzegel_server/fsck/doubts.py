# SPDX-License-Identifier: EUPL-1.2
"""What a check found, and which files it has accounted for."""

from __future__ import annotations

from collections.abc import Callable
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


class Files(set[str]):
    """The files that were listed; those of folders that are not are looked for one by one."""

    def __init__(self, is_file: Callable[[str], bool], *unlisted: str) -> None:
        super().__init__()
        self._is_file = is_file
        self._unlisted = unlisted

    def is_listed(self, place: str) -> bool:
        """Whether it was met when the folders were listed."""
        return super().__contains__(place)

    def __contains__(self, place: object) -> bool:
        if super().__contains__(place):
            return True
        return str(place).startswith(self._unlisted) and self._is_file(str(place))


@dataclass(slots=True)
class Survey:
    """The files below DATA and in its stores, those accounted for, and the doubts so far."""

    data: Path
    files: Files
    live: bool  # another process serves this DATA
    places: Places
    claimed: set[str] = field(default_factory=set)
    doubts: list[Doubt] = field(default_factory=list)
    index: str = "index.sqlite"  # what doubts about the index are said of
    folders: set[str] = field(default_factory=set)
    looked: int = 0  # files that were looked for and are there, in folders that were not listed
    orphans: list[Doubt] = field(default_factory=list)  # never sealed, and nothing to be done

    def doubt(self, place: str, what: str) -> None:
        """Name what is wrong."""
        self.doubts.append(Doubt(place, what))

    def claim(self, place: str) -> bool:
        """Account for a file that must be there; False, and a doubt, when it is not."""
        if place not in self.files:
            self.claimed.add(place)
            self.doubt(place, "missing")
            return False
        if self.files.is_listed(place):
            self.claimed.add(place)
        else:
            self.looked += 1  # there may be millions: not one name of them is kept
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
