# SPDX-License-Identifier: EUPL-1.2
"""All stores of one receiver, opened once where a command begins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from lakzegel_server.stores.files import FileDocuments, FileStore, KeyringFiles
from lakzegel_server.stores.filetiles import TileFiles
from lakzegel_server.stores.names import KEYRINGS
from lakzegel_server.stores.protocols import Documents, Keeping, Keyrings, Moves, Objects, Tiles

INCOMING = "incoming"


@dataclass(frozen=True, slots=True)
class Stores:
    """Where the bytes of one receiver are; ``files`` when all of them lie below its DATA."""

    objects: Objects
    keyrings: Keyrings
    documents: Documents
    tiles: Tiles
    files: FileStore | None = None

    @property
    def objects_apart(self) -> bool:
        """Whether objects are elsewhere than below DATA."""
        return not isinstance(self.objects, FileStore)

    @property
    def keyrings_apart(self) -> bool:
        """Whether keyrings are."""
        return not isinstance(self.keyrings, FileStore)

    def apart(self) -> dict[str, Keeping]:
        """The stores of objects and keyrings that are elsewhere, by what they keep."""
        found = dict[str, Keeping]()
        if self.objects_apart:
            found["objects"] = self.objects
        if self.keyrings_apart:
            found["keyrings"] = self.keyrings
        return found

    @property
    def documents_apart(self) -> bool:
        """Whether documents are."""
        return not isinstance(self.documents, FileDocuments)

    @property
    def tiles_are_files(self) -> bool:
        """Whether every tile, also one that is not full, is a file of its own."""
        return isinstance(self.tiles, TileFiles)

    @classmethod
    def below(cls, data: Path) -> Self:
        """Everything as files below DATA."""
        work = data / INCOMING
        files = FileStore(data, work)
        return cls(
            objects=files,
            keyrings=KeyringFiles(data, work),
            documents=FileDocuments(data, work),
            tiles=TileFiles(data / "log", work),
            files=files,
        )

    def settle(self, moves: Moves, before: Callable[[], None] = lambda: None) -> None:
        """Return when written files are durable under their names, keyrings as others.

        ``before`` has returned before any of them has its name.
        """
        if self.files is not None:  # one sync a folder, whatever goes there
            self.files.settle(moves, before)
            return
        before()
        self.keyrings.settle(_of(moves, keyrings=True))
        self.objects.settle(_of(moves, keyrings=False))


def _of(moves: Moves, *, keyrings: bool) -> Sequence[tuple[Path, str]]:
    return [move for move in moves if move[1].startswith(KEYRINGS) is keyrings]
