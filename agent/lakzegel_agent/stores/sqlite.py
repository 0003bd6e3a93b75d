# SPDX-License-Identifier: EUPL-1.2
"""A SQLite database as it is, at one moment of its own, where a policy wants it raw.

    what a reader of SQLite sees = the file's pages, each newer one in the log in its place

A read transaction is held meanwhile: without a log no writer may touch the file, and with one the
pages that a reader sees are neither overwritten nor moved. So nothing is copied, and no plain
text is written to any disk. docs/spec/conversations.md §4
"""

import os
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import ClassVar, Final

from lakzegel_agent.errors import StoreError
from lakzegel_agent.platforms import system
from lakzegel_agent.readers.base import BLOCK
from lakzegel_agent.stores.base import Conversation, OpenStore, Row, Store
from lakzegel_agent.stores.database import LOGS, is_database, opened, translated

OPAQUE: Final = "opaque"  # not a database of SQLite's: any file
MAX_LOG: Final = 2**30  # bytes
_NAME: Final = re.compile(rb"\.(?:db|db3|sqlite|sqlite3|sqlitedb|storedata)\Z", re.IGNORECASE)
_LOG_HEAD: Final = struct.Struct(">IIIIIIII")
_FRAME: Final = struct.Struct(">IIIIII")  # page, pages after a commit, two salts, two sums
_INDEX: Final = struct.Struct("=12sBBHII8s8s8s")  # begun at 12, last frame at 16, salts at 32
_MAGIC: Final = {0x377F0682: "<", 0x377F0683: ">"}  # by the byte order of the sums
_SUM: Final = 2**32 - 1


class Sqlite:
    """Any database of SQLite's, found by its name and its first bytes."""

    kind: ClassVar[str] = "sqlite"

    def is_store(self, path: bytes) -> bool:
        """Return whether the name is one that databases have."""
        return bool(_NAME.search(path))

    def is_part(self, path: bytes) -> bool:
        """Return whether this is the log of one: what it holds is in the snapshot."""
        return any(path.endswith(end) and self.is_store(path[: -len(end)]) for end in LOGS)

    @contextmanager
    def open(self, root: bytes, path: bytes) -> Iterator[OpenStore]:
        """Open a database at one moment of its own.

        Raises:
            StoreError: ``opaque`` where it is none, ``locked``, ``damaged``.
        """
        whole = root + b"/" + path
        with translated():
            if not is_database(whole):
                raise StoreError(OPAQUE)
            # ours goes last: closing it would drop SQLite's locks on the same file
            file = system.open_to_read(whole)
            try:
                with _beside(whole, b"-shm") as index, opened(whole) as database:
                    database.execute("SELECT count(*) FROM sqlite_master").fetchone()
                    with _beside(whole, b"-wal") as log:
                        yield Snapshot(file, log, index)
            finally:
                os.close(file)


class Snapshot:
    """The pages of one database as a reader of SQLite sees them."""

    def __init__(self, file: int, log: int | None, index: int | None) -> None:
        self._file = file
        self._log = log
        self._index = index
        self._size = os.fstat(file).st_size
        self._page = _page_size(system.pread(file, 2, 16))
        self._newer: dict[int, int] = {}  # number of a page: where in the log it lies
        self._begun = b""
        if log is not None:
            self._read_log(log)

    def conversations(self) -> Iterator[Conversation]:
        """Yield the one file that it is."""
        yield Conversation("", {}, None)

    def rows(self, key: str) -> Iterator[Row]:
        """Yield nothing: it is captured in blocks."""
        del key
        return iter(())

    def media(self, key: str) -> Iterator[bytes]:
        """Yield nothing: beside it every file is in scope."""
        del key
        return iter(())

    def blocks(self) -> Iterator[bytes]:
        """Yield whole pages, 256 KiB at a time.

        Raises:
            StoreError: ``locked``: the log was begun anew meanwhile.
        """
        for start in range(0, self._size, BLOCK):
            yield self._block(start, min(BLOCK, self._size - start))
        if self._log is not None and system.pread(self._log, len(self._begun), 0) != self._begun:
            raise StoreError("locked")

    def _block(self, start: int, length: int) -> bytes:
        block = bytearray(system.pread(self._file, length, start).ljust(length, b"\0"))
        first = start // self._page
        for place in range(0, length, self._page):
            newer = self._newer.get(first + place // self._page + 1)
            if newer is not None and self._log is not None:
                block[place : place + self._page] = system.pread(self._log, self._page, newer)
        return bytes(block)

    def _read_log(self, log: int) -> None:
        """Find the newest committed page of each number: up to the last commit that sums prove."""
        begun = system.pread(log, _LOG_HEAD.size, 0)
        if len(begun) < _LOG_HEAD.size:
            return
        if os.fstat(log).st_size > MAX_LOG:
            raise StoreError("too-large")
        magic, _, page, _, _, _, first, second = _LOG_HEAD.unpack(begun)
        order = _MAGIC.get(magic)
        sums = _summed(begun[:24], (0, 0), order or "<")
        if order is None or page != self._page or sums != (first, second):
            return  # a log of nothing: it was never begun, or is over
        self._begun = begun
        frames = range(_LOG_HEAD.size, os.fstat(log).st_size - page, _FRAME.size + page)
        committed = self._committed(begun)
        if committed is None:
            self._take(self._proven(log, frames, bytes(begun[16:24]), sums, order))
            return
        self._take(self._stated(log, frames[:committed]))

    def _committed(self, begun: bytes) -> int | None:
        """Return how many frames are committed as SQLite's own index of this log says."""
        if self._index is None:
            return None
        told = system.pread(self._index, 2 * _INDEX.size, 0)
        if len(told) < 2 * _INDEX.size or told[: _INDEX.size] != told[_INDEX.size :]:
            return None
        _, is_begun, _, _, last, _, _, salts, _ = _INDEX.unpack_from(told)
        return last if is_begun and salts == begun[16:24] else None

    def _take(self, frames: Iterator[tuple[int, int, int]]) -> None:
        """Note the pages of whole commits."""
        pending: dict[int, int] = {}
        for number, pages, place in frames:
            pending[number] = place
            if pages:
                self._newer |= pending
                self._size = pages * self._page
                pending = {}

    def _stated(self, log: int, frames: range) -> Iterator[tuple[int, int, int]]:
        for place in frames:
            number, pages, *_ = _FRAME.unpack(system.pread(log, _FRAME.size, place))
            yield number, pages, place + _FRAME.size

    def _proven(
        self, log: int, frames: range, salts: bytes, sums: tuple[int, int], order: str
    ) -> Iterator[tuple[int, int, int]]:
        """Yield frames up to the first whose sums are not those of a writer's."""
        for place in frames:
            frame = system.pread(log, _FRAME.size + self._page, place)
            number, pages, _, _, *told = _FRAME.unpack_from(frame)
            sums = _summed(frame[:8] + frame[_FRAME.size :], sums, order)
            if frame[8:16] != salts or sums != tuple(told):
                return
            yield number, pages, place + _FRAME.size


def _page_size(two: bytes) -> int:
    size = int.from_bytes(two, "big")
    size = 65_536 if size == 1 else size
    if not 512 <= size <= 65_536 or size & (size - 1):  # noqa: PLR2004  # SQLite's own limits
        raise StoreError("damaged")
    return size


def _summed(data: bytes, sums: tuple[int, int], order: str) -> tuple[int, int]:
    """Return the log's running sums over these bytes, SQLite's own weak checksum."""
    first, second = sums
    for one, two in struct.iter_unpack(f"{order}II", data):
        first = (first + one + second) & _SUM
        second = (second + two + first) & _SUM
    return first, second


@contextmanager
def _beside(path: bytes, end: bytes) -> Iterator[int | None]:
    """Open what lies beside a database; None where there is nothing in it.

    The index is closed after SQLite has closed it: else that would drop SQLite's locks.
    """
    log = None
    with suppress(FileNotFoundError):
        log = system.open_to_read(path + end)
    try:
        yield log if log is not None and os.fstat(log).st_size else None
    finally:
        if log is not None:
            os.close(log)


STORE: Final[Store] = Sqlite()
