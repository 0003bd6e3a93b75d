# SPDX-License-Identifier: EUPL-1.2
"""A new file, written in whole blocks past the page cache where the file system can do that.

A batch is written once and asked for seldom. The page cache would find a page for every 4 KiB of
it, copy them there and give them back, which costs more than to hash them.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
from collections import deque
from pathlib import Path
from typing import IO, Final, Self

from lakzegel_server import durable

BLOCK: Final = 2**20  # bytes handed over at once; a multiple of what any disk wants
DIRECT: Final = getattr(os, "O_DIRECT", 0)  # 0 where the system has no such thing
_spare: Final[deque[memoryview]] = deque(maxlen=4)  # blocks whose pages need not be found again


class BlockFile:
    """Gathers bytes in memory that a disk can take them from; for one thread at a time.

    Durable only after ``durable.settle``, like every other file.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._block = _take_block()
        self._held = 0
        self._direct = DIRECT != 0

    @classmethod
    def create(cls, path: Path) -> Self:
        """A file that nobody else has; FileExistsError when there is one."""
        return cls(durable.create(path))

    def write(self, data: memoryview) -> None:
        """Take every byte; the system has them all once ``finish`` has returned."""
        while data:
            taken = data[: BLOCK - self._held]
            self._block[self._held : self._held + len(taken)] = taken
            self._held += len(taken)
            data = data[len(taken) :]
            if self._held == BLOCK:
                self._hand_over(direct=self._direct)

    def finish(self) -> None:
        """Hand over what is held still, and close."""
        self._hand_over(direct=False)
        self.close()

    def close(self) -> None:
        """Close, and let go of what is held still."""
        if self._block:
            _spare.append(self._block)
        self._block = memoryview(b"")
        self._file.close()

    def _hand_over(self, *, direct: bool) -> None:
        rest, self._held = self._block[: self._held], 0
        if direct:
            rest = rest[self._past_the_cache(rest) :]
        if rest:
            fcntl.fcntl(self._file, fcntl.F_SETFL, 0)
            durable.write_all(self._file, rest)

    def _past_the_cache(self, block: memoryview) -> int:
        """How many bytes went there; when not all, no other block is tried.

        Raises:
            OSError: the disk is full, or broken.
        """
        written = 0
        try:
            fcntl.fcntl(self._file, fcntl.F_SETFL, DIRECT)
            written = self._file.write(block)
        except OSError as error:
            if error.errno != errno.EINVAL:  # what a file system says that cannot do it
                raise
        self._direct = written == len(block)
        return written


def _take_block() -> memoryview:
    """Memory that begins with a page, as disks want it.

    It is private: pages that processes could share cost the system a third more to find.
    """
    try:
        return _spare.pop()
    except IndexError:
        return memoryview(mmap.mmap(-1, BLOCK, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
