# SPDX-License-Identifier: EUPL-1.2
"""What a store promises; ``tests/server/stores`` holds every implementation to it.

A name is that of the file below DATA in which the embedded receiver keeps the same bytes. Every
method may block, and may be called from several threads. What cannot be done now is an OSError, of
a disk as of a store; whatever returned is durable.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

Moves = Sequence[tuple[Path, str]]


class Reading(Protocol):
    """An object that is being read, from its first byte on; close it."""

    @property
    def size(self) -> int:
        """How many bytes it has in all."""
        ...

    def read(self, size: int, /) -> bytes:
        """The next bytes: so many, fewer only where the end comes first; none at the end.

        Raises:
            OSError: it cannot be read any more, or became shorter.
        """
        ...

    def close(self) -> None:
        """Let it go."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class Keeping(Protocol):
    """What a store of objects and one of keyrings have in common."""

    def test(self) -> None:
        """Return when the store answers, which a folder always does.

        Raises:
            OSError: it does not.
        """
        ...

    def put(self, name: str, data: bytes) -> None:
        """Return when the name gives exactly these bytes, durably; nothing else was ever there.

        Raises:
            ClashError: it gives other bytes, and goes on to.
        """
        ...

    def supersede(self, name: str, data: bytes) -> None:
        """Return when the name gives exactly these bytes, whatever it gave before.

        For what is damaged, or what no entry ever named. Where objects are locked, the earlier
        bytes stay beside, as an earlier version.
        """
        ...

    def settle(self, moves: Moves) -> None:
        """Return when written files are there under these names, in this order, and durable.

        The names are digests of what is in them, and somebody has verified that. So what lies
        there already is the same, or damaged and superseded. The files are gone afterwards;
        where a store apart fails, they are all there still.

        Raises:
            ClashError: a keyring of other bytes lies there, and goes on to.
        """
        ...

    def open(self, name: str) -> Reading:
        """The object, to be read block by block.

        Raises:
            FileNotFoundError: nothing has this name.
        """
        ...

    def read(self, name: str, limit: int) -> bytes:
        """The bytes of a small object; of a larger one, one byte more than the limit.

        Raises:
            FileNotFoundError: nothing has this name.
        """
        ...

    def size(self, name: str) -> int | None:
        """How many bytes have this name; None when nothing has."""
        ...

    def names(self, prefix: str) -> Iterator[str]:
        """Every name that begins so, in no order; ``prefix`` ends with a slash."""
        ...

    def changed(self, name: str) -> float | None:
        """When it was put there, in POSIX seconds of the store's clock; None when it is not."""
        ...

    def remove(self, name: str) -> bool:
        """Whether nothing has this name now, durably; False where the store keeps it locked."""
        ...


class Objects(Keeping, Protocol):
    """Batches, annexes, segments of the trail, timestamps: put once, and then the same for ever."""

    @property
    def locked(self) -> bool:
        """Whether the store itself keeps what was put from being removed."""
        ...


class Keyrings(Keeping, Protocol):
    """Keyrings, in a store that forgets: what was removed or replaced is nowhere any more."""

    def waiting(self) -> Iterator[str]:
        """The names of those that wait for their entry."""
        ...

    def version(self, name: str) -> str | None:
        """What is another when the name gives other bytes; None when nothing has it.

        Ask for it before you decide that something is to be replaced: whoever replaced it since
        may have known more, and is found out.
        """
        ...

    def replace(self, name: str, data: bytes, version: str | None) -> None:
        """Return when the name gives these bytes, and gave those of this version before.

        In a folder that several receivers share, one that replaces it in the very moment between
        the look and the rename is not seen.

        Raises:
            RacedError: it gives others; they stay.
        """
        ...

    def promote(self, waiting: str, name: str, version: str | None) -> None:
        """Return when ``name`` gives what ``waiting`` gave, and what it gave before is gone.

        A crash leaves both names, and to call this again finishes it.

        Raises:
            FileNotFoundError: nothing waits under that name.
            RacedError: the name gives another version; it stays.
            SpoiltError: what waits is not of the digest in its name; nothing was replaced.
            KeptError: the store has kept what it was to forget.
        """
        ...


class Documents(Protocol):
    """Small files that are replaced whole: the checkpoint, the held statement, and the like."""

    def read(self, name: str, limit: int) -> bytes:
        """The document; of a larger one, one byte more than the limit.

        Raises:
            FileNotFoundError: there is none.
        """
        ...

    def replace(self, name: str, data: bytes) -> None:
        """Return when it is this, durably: after a crash the old one or the new one."""
        ...

    def advance(self, name: str, data: bytes) -> bool:
        """Whether this checkpoint is the one that is read now; not where a larger one is.

        At any time it is the old one or the new one, after a power cut perhaps an older one:
        until ``settle`` it need not be durable.
        """
        ...

    def settle(self, name: str) -> None:
        """Return when what is there is durable; FileNotFoundError where nothing is."""
        ...

    def exists(self, name: str) -> bool:
        """Whether there is such a document."""
        ...

    def remove(self, name: str) -> None:
        """Take it away where it is there."""
        ...

    def names(self, prefix: str) -> Iterator[str]:
        """Every name that begins so; ``prefix`` ends with a slash."""
        ...


class Tiles(Protocol):
    """The tiles of one log; a tile of any width that was ever written can be read for ever."""

    def read(self, path: str) -> bytes:
        """The bytes of a tile, from a wider one where it grew into that.

        Raises:
            FileNotFoundError: it was never written, or is lost.
            FormatError: the path is none, or a wider tile is damaged.
        """
        ...

    def open(self, path: str) -> Reading:
        """A full tile, to be read block by block.

        Raises:
            FileNotFoundError: it is not there.
        """
        ...

    def size(self, path: str) -> int | None:
        """How many bytes a full tile has; None when it is not there."""
        ...

    def write(self, tiles: Mapping[str, bytes]) -> None:
        """Take tiles in; they can be read, and a crash may take them until ``sync``."""
        ...

    def settled(self, size: int) -> int:
        """Below which entry ``sync`` makes everything durable, in a log of this size."""
        ...

    def sync(self, start: int, size: int) -> None:
        """Return when the tiles of entries from ``start`` to ``settled(size)`` are durable."""
        ...
