# SPDX-License-Identifier: EUPL-1.2
"""Closed batches on disk until they may go.

    <epoch>-<batch>.head      header note || manifest
    <epoch>-<batch>.body      sealed items, in order
    <epoch>-<batch>.keyring   the age file
    <epoch>-<batch>.<token>.body.part, .keyring.part      being made; nothing knows them
    ../given-up/<epoch>-<batch>-<digest>.head, .body, .keyring    closed, and never to be sent

A batch is made as parts, synced, renamed, and only then does the ledger know it. So after a crash
the spool may hold what the ledger does not know, never the other way round; ``tidy`` removes it.
"""

import contextlib
import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, Self

from lakzegel_agent import durable
from lakzegel_agent.blockfile import read_pieces
from lakzegel_agent.platforms import system

WRITTEN: Final = ("body", "keyring")  # by a sealing process
KINDS: Final = ("head", "body", "keyring")
Place = tuple[int, int]  # epoch and number of a batch
_NAME: Final = re.compile(r"([0-9]+)-([0-9]+)\.(head|body|keyring)")


class Spool:
    """The spool's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.aside = folder.with_name("given-up")

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Return the spool in ``folder``, made when it is not there."""
        durable.make_folder(folder)
        return cls(folder)

    def path(self, epoch: int, batch: int, kind: str) -> Path:
        """Return where one part of a closed batch lies."""
        return self.folder / f"{epoch}-{batch}.{kind}"

    def part(self, epoch: int, batch: int, token: str, kind: str) -> Path:
        """Return where one part of a batch is made; ``token`` is of this attempt alone."""
        return self.folder / f"{epoch}-{batch}.{token}.{kind}{durable.TEMPORARY}"

    def place(self, epoch: int, batch: int, token: str, head: bytes) -> None:
        """Bring a batch to its place, durably: body and keyring first, then what names them.

        A sealing process wrote the two and went on with its next batch; the disk is waited for
        here, while it works.
        """
        for kind in WRITTEN:
            durable.sync_file(self.part(epoch, batch, token, kind))
        durable.write_part(self.part(epoch, batch, token, "head"), head)
        for kind in KINDS:
            system.replace(self.part(epoch, batch, token, kind), self.path(epoch, batch, kind))
        durable.sync_folder(self.folder)

    def discard(self, epoch: int, batch: int, token: str) -> None:
        """Remove what an attempt left."""
        for kind in KINDS:
            with contextlib.suppress(FileNotFoundError):
                system.remove(self.part(epoch, batch, token, kind))

    def upload(self, epoch: int, batch: int) -> "Upload":
        """Return what a receiver is sent of a batch."""
        return Upload([self.path(epoch, batch, kind) for kind in KINDS])

    def beginning(self, epoch: int, batch: int, most: int) -> bytes:
        """Return what a receiver is sent first of a batch, its header among it."""
        with self.path(epoch, batch, KINDS[0]).open("rb", buffering=0) as head:
            return head.read(most)

    def remove(self, epoch: int, batch: int) -> None:
        """Remove a batch; the head first, so that what is left is no batch."""
        for kind in KINDS:
            with contextlib.suppress(FileNotFoundError):
                system.remove(self.path(epoch, batch, kind))

    def places(self) -> set[Place]:
        """Return epoch and number of every closed batch here, whether anything knows it or not."""
        matches = [_NAME.fullmatch(path.name) for path in self.folder.glob("*.head")]
        return {(int(match[1]), int(match[2])) for match in matches if match is not None}

    def set_aside(self, epoch: int, batch: int) -> None:
        """Move a batch to where nothing sends or removes it; the head last, for it names all."""
        head = self.path(epoch, batch, "head").read_bytes()
        name = f"{epoch}-{batch}-{hashlib.sha256(head).hexdigest()[:16]}"  # replaces no other's
        durable.make_folder(self.aside)
        for kind in reversed(KINDS):
            with contextlib.suppress(FileNotFoundError):
                system.replace(self.path(epoch, batch, kind), self.aside / f"{name}.{kind}")
        durable.sync_folder(self.aside)
        durable.sync_folder(self.folder)

    def aside_count(self) -> int:
        """Return how many batches were set aside and are still kept."""
        return sum(1 for _ in self.aside.glob("*.head"))

    def used(self) -> int:
        """Return how many bytes the spool's files measure."""
        total = 0
        with os.scandir(self.folder) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    total += entry.stat(follow_symlinks=False).st_size
        return total

    def sweep(self) -> None:
        """Remove parts that nobody is making: of a process that outlived a killed agent."""
        for path in self.folder.glob(f"*{durable.TEMPORARY}"):
            path.unlink(missing_ok=True)

    def tidy(self, known: Iterable[tuple[int, int]]) -> None:
        """Remove every file that belongs to no known batch; for the start, before any batch."""
        keep = set(known)
        with os.scandir(self.folder) as entries:
            names = [entry.name for entry in entries if entry.is_file(follow_symlinks=False)]
        for name in names:
            match = _NAME.fullmatch(name)
            if match is None or (int(match[1]), int(match[2])) not in keep:
                (self.folder / name).unlink(missing_ok=True)


class Upload:
    """Batch file and keyring file as one body, as often as it is asked for; nothing is copied.

    So a piece is good until the next one is asked for.

    Raises while iterating:
        OSError: the spool lacks a file or cannot be read.
    """

    def __init__(self, parts: list[Path]) -> None:
        self._parts = parts
        self._size = sum(path.stat().st_size for path in parts)

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[memoryview]:
        return read_pieces(self._parts)
