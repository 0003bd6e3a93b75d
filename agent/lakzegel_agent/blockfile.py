# SPDX-License-Identifier: EUPL-1.2
"""Files of the spool, written and read in whole blocks past the page cache where that can be.

A batch is written once and sent once. The page cache would find a page for every 4 KiB of it, copy
it there, and have that much less for the programs that the device is for. docs/adr/0014
"""

import errno
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from lakzegel_agent import durable
from lakzegel_agent.platforms import system

BLOCK: Final = 2**20  # bytes handed over at once; a multiple of what any disk wants
PIECE: Final = 2**18  # bytes of what was read that are given out at once


def block() -> memoryview:
    """Return memory for one user at a time: it begins with a page, as disks want it.

    It is private: pages that processes could share cost the system a third more to find. And
    they are found all at once where the system can do that, for less than half.
    """
    return memoryview(system.memory(BLOCK))


class BlockWriter:
    """Gathers bytes in a block for an open file; durable only once that is synced.

    Raises, wherever it writes:
        OSError: the disk is full, or broken.
    """

    def __init__(self, descriptor: int, block: memoryview) -> None:
        self._descriptor = descriptor
        self._block = block
        self._held = 0
        self._direct = True

    def write(self, data: bytes) -> None:
        """Take every byte; the system has them all once ``finish`` has returned."""
        held = self._held
        end = held + len(data)
        if end < BLOCK:
            self._block[held:end] = data
            self._held = end
        else:
            self._spread(memoryview(data))

    def finish(self) -> None:
        """Hand over what is held still; the file stays its opener's to close."""
        self._hand_over(direct=False)

    def _spread(self, data: memoryview) -> None:
        while data:
            taken = data[: BLOCK - self._held]
            self._block[self._held : self._held + len(taken)] = taken
            self._held += len(taken)
            data = data[len(taken) :]
            if self._held == BLOCK:
                self._hand_over(direct=self._direct)

    def _hand_over(self, *, direct: bool) -> None:
        rest, self._held = self._block[: self._held], 0
        if direct:
            rest = rest[self._past_the_cache(rest) :]
        if rest:
            system.past_the_cache(self._descriptor, on=False)
            durable.write_all(self._descriptor, rest)

    def _past_the_cache(self, rest: memoryview) -> int:
        """Return how many bytes went there; when not all, no other block is tried."""
        written = 0
        if system.past_the_cache(self._descriptor, on=True):
            try:
                written = os.write(self._descriptor, rest)
            except OSError as error:
                if error.errno != errno.EINVAL:  # what a file system says that cannot do it
                    raise
        self._direct = written == len(rest)
        return written


def read_pieces(paths: Iterable[Path]) -> Iterator[memoryview]:
    """Yield what some files hold, in order; a piece is good until the next one is asked for.

    Raises:
        OSError: one is not there, or cannot be read.
    """
    memory = block()
    for path in paths:
        descriptor = system.open_to_read(path)
        try:
            yield from _read_file(descriptor, memory)
        finally:
            os.close(descriptor)


def _read_file(descriptor: int, memory: memoryview) -> Iterator[memoryview]:
    direct = system.past_the_cache(descriptor, on=True)
    while True:
        size, direct = _read(descriptor, memory, direct=direct)
        if not size:
            return
        for start in range(0, size, PIECE):
            yield memory[start : min(start + PIECE, size)]


def _read(descriptor: int, block: memoryview, *, direct: bool) -> tuple[int, bool]:
    """Return the bytes read, and whether the next ones may be read directly: not after an end."""
    if direct:
        try:
            size = system.read_into(descriptor, block)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            size = 0
        if size == BLOCK:
            return size, True
        system.past_the_cache(descriptor, on=False)
        if size:
            return size, False
    return system.read_into(descriptor, block), False
