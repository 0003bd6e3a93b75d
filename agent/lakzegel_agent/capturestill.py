# SPDX-License-Identifier: EUPL-1.2
"""Stretches of a scan in which nothing happened: one look-up for some 250 files.

    stretch = the files of a scan up to one whose inode ends it
    record  = name of rules, states and paths (16) || name of their rows' marks (16)
              || count (2) || number of each row (4 each)

A stretch that is found again as it was, and whose rows carry the marks that they carried then, is
captured: a row that is gone, given up, or captured anew carries another mark or none. So a record
is never wrong, only useless, and nothing has to take it back. docs/spec/ledger.md §4.
"""

import os
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from lakzegel_agent.ledgercipher import Cipher
from lakzegel_agent.scan import Found, FoundFile

MOST: Final = 500  # files of a stretch; a statement takes 999 numbers in SQLite's oldest versions
_SPREAD: Final = 0x9E3779B1  # 2^32 over the golden ratio: neighbours' products differ in all bits
_END: Final = 0xFF << 24  # one inode of 256 has none of these bits, wherever in the scan it comes
_STATE: Final = struct.Struct(">QqqQI")  # size, mtime, ctime, inode, bytes of the path
_HEAD: Final = struct.Struct(">16s16sH")
_READERS: Final = b"1"  # to be raised when a reader names or excludes a file another way
_ROW: Final = 4  # bytes of a row's number
_MOST_ROWS: Final = 2**32 - 1

Marks = Callable[[Sequence[int]], list[bytes]]
"""The marks of these rows in their order, without those that are gone."""


def still_name(label: str) -> str:
    """Return under what name the ledger keeps a source's records."""
    return f"still/{label}"


def rules(kind: str, root: bytes, excluded: Sequence[str]) -> bytes:
    """Return what else decides on a source's files; with another one no record is found."""
    parts = [_READERS, kind.encode(), root, *(os.fsencode(folder) for folder in excluded)]
    return b"".join(len(part).to_bytes(4, "big") + part for part in (*parts, b""))


def stretches(found: Iterable[Found]) -> Iterator[list[Found]]:
    """Yield what was found in pieces that one more file, or one less, shifts only nearby."""
    some: list[Found] = []
    for one in found:
        some.append(one)
        ends = isinstance(one, FoundFile) and not one.inode * _SPREAD & _END
        if ends or len(some) == MOST:
            yield some
            some = []
    if some:
        yield some


class Still:
    """The stretches of one source: those of the pass before, and those of this one."""

    def __init__(self, packed: bytes, cipher: Cipher, rules: bytes, marks: Marks) -> None:
        self.before = packed
        self._cipher = cipher
        self._rules = rules  # by what the source's files are named and excluded
        self._marks = marks
        self._known = dict(_records(packed))
        self._met: list[bytes] = []

    def rows(self, files: Sequence[FoundFile]) -> Sequence[int]:
        """Return the rows of these files where all are as they were captured; else none."""
        if not self._known or not files:
            return ()
        digest = self._digest(files)
        record = self._known.get(digest)
        if record is None:
            return ()
        rows = _rows(record)
        if self._record(digest, rows, self._marks(rows)) != record:
            return ()
        self._met.append(record)
        return rows

    def keep(self, files: Sequence[FoundFile], rows: Mapping[int, bytes]) -> None:
        """Remember that these rows with their marks, one a file, are of unchanged files."""
        if rows and max(rows) <= _MOST_ROWS:
            order = sorted(rows)
            marks = [rows[row] for row in order]
            self._met.append(self._record(self._digest(files), order, marks))

    def packed(self) -> bytes:
        """Return what the next pass is to know."""
        return b"".join(self._met)

    def _digest(self, files: Sequence[FoundFile]) -> bytes:
        pack = _STATE.pack
        told = [pack(f.size, f.mtime_ns, f.ctime_ns, f.inode, len(f.path)) + f.path for f in files]
        return self._cipher.name(b"stretch", self._rules, *told)

    def _record(self, digest: bytes, rows: Sequence[int], marks: Sequence[bytes]) -> bytes:
        together = self._cipher.name(b"marks", *marks)
        return _HEAD.pack(digest, together, len(rows)) + struct.pack(f">{len(rows)}I", *rows)


def _records(packed: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield each record behind its digest."""
    start = 0
    while start < len(packed):
        digest, _, count = _HEAD.unpack_from(packed, start)
        end = start + _HEAD.size + count * _ROW
        yield digest, packed[start:end]
        start = end


def _rows(record: bytes) -> tuple[int, ...]:
    _, _, count = _HEAD.unpack_from(record)
    return struct.unpack_from(f">{count}I", record, _HEAD.size)
