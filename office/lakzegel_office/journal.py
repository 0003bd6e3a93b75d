# SPDX-License-Identifier: EUPL-1.2
"""What the office has decided and done: encrypted lines, each chained to the one before.

    {"at":"…Z","n":4,"previous":"<b64>","sealed":"<b64>"}

docs/spec/journal.md. The chain can be checked without a key; what a line says, with the office's.
A line is on disk before `append` returns. A line that a crash cut off was never acknowledged and
is taken away by the next `append`.
"""

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from lakzegel_core import cobblestone
from lakzegel_core.encoding import (
    b64,
    canonical_json,
    format_time,
    parse_canonical_json,
    parse_time,
    unb64,
)
from lakzegel_core.errors import LakzegelError
from lakzegel_office.durable import append_at, sync_folders
from lakzegel_office.errors import DoubtError
from lakzegel_office.regular import open_descriptor, open_regular

MAX_LINE: Final = 4 << 20  # bytes of a line on disk
_PURPOSE: Final = b"lakzegel.nl/journal/v1"
_FIELDS: Final = {"at", "n", "previous", "sealed"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: its number from 0, when it was written, and what it says."""

    number: int
    at: datetime
    says: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Head:
    """How far a chain goes: the number of lines, and the SHA-256 of the last; of nothing for 0."""

    count: int
    digest: bytes


EMPTY: Final = Head(0, hashlib.sha256(b"").digest())


def journal_key(index_key: bytes) -> bytes:
    """Return the key of the journals, 32 bytes, made of the vault's index key."""
    return HKDFExpand(SHA256(), cobblestone.KEY_SIZE, _PURPOSE).derive(index_key)


class Journal:
    """One journal; several processes may append to it, one at a time."""

    def __init__(
        self, path: Path, key: bytes, *, random: Callable[[int], bytes] = os.urandom
    ) -> None:
        """Keep the file's place, which need not be there yet, and the journals' key."""
        self._path = path
        self._key = key
        self._random = random
        self._proven = _Proven(0, EMPTY, 0)

    def append(self, says: Mapping[str, Any], now: datetime) -> Entry:
        """Add a line, on disk before this returns.

        Raises:
            DoubtError: the chain that is there is broken; nothing is added.
            LakzegelError: it cannot be written as canonical JSON.
        """
        return self.append_all([says], now)[0]

    def append_all(self, entries: Sequence[Mapping[str, Any]], now: datetime) -> list[Entry]:
        """Add lines in one go: after a crash none of them is there, or the first few.

        Raises:
            DoubtError: the chain that is there is broken; nothing is added.
            LakzegelError: one cannot be written as canonical JSON; nothing is added.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = open_descriptor(self._path, os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            before = self._prove(os.fstat(descriptor).st_ino)
            head, pieces = before.head, []
            for says in entries:
                line = self._line(head, says, now)
                head = Head(head.count + 1, hashlib.sha256(line).digest())
                pieces.append(line + b"\n")
            data = b"".join(pieces)
            append_at(descriptor, before.size, data)
        finally:
            os.close(descriptor)
        sync_folders([self._path])
        self._proven = _Proven(before.inode, head, before.size + len(data))
        first = before.head.count
        return [Entry(first + number, now, says) for number, says in enumerate(entries)]

    def read(self, first: int = 0) -> Iterator[Entry]:
        """Yield every line from number `first` on, its link and its seal proven.

        Raises:
            DoubtError: a line does not follow from the one before, or does not open.
        """
        for link in _chain(self._path, EMPTY, 0):
            if link.number >= first:
                yield self._opened(link)

    @property
    def size(self) -> int:
        """The bytes up to the end of what this process appended last; 0 before that."""
        return self._proven.size

    def head(self) -> Head:
        """Return how far the chain goes, every link proven; no key is used.

        Raises:
            DoubtError: a line does not follow from the one before.
        """
        return _end(self._path, _Proven(0, EMPTY, 0)).head

    def head_at(self, count: int) -> Head:
        """Return what the head was when there were so many lines; no key is used.

        Raises:
            DoubtError: there are fewer, or one before does not follow.
        """
        if count == 0:
            return EMPTY
        for link in _chain(self._path, EMPTY, 0):
            if link.head.count == count:
                return link.head
        raise DoubtError(f"{self._path}: fewer than {count} lines; some were cut off its end")

    def _prove(self, inode: int) -> "_Proven":
        """Return the end of the chain; what this process has proven is not read again."""
        known = self._proven
        size = self._path.stat().st_size
        if known.inode != inode or known.size > size:
            known = _Proven(inode, EMPTY, 0)
        return _end(self._path, known)

    def _opened(self, link: "_Link") -> Entry:
        context = self._context(link.number, link.at)
        try:
            sealed = unb64(link.sealed, what="journal sealed")
            plain = cobblestone.open_(self._key, context, sealed)
            says = parse_canonical_json(plain, what="journal", max_size=MAX_LINE)
            at = parse_time(link.at, what="journal at")
        except LakzegelError as error:
            raise DoubtError(f"{self._path}: line {link.number + 1}: {error}") from error
        if not isinstance(says, dict):
            raise DoubtError(f"{self._path}: line {link.number + 1}: not an object")
        return Entry(link.number, at, says)

    def _line(self, head: Head, says: Mapping[str, Any], now: datetime) -> bytes:
        at = format_time(now)
        salt = self._random(cobblestone.SALT_SIZE)
        context = self._context(head.count, at)
        sealed = cobblestone.seal(self._key, salt, context, canonical_json(dict(says)))
        line = canonical_json(
            {"at": at, "n": head.count, "previous": b64(head.digest), "sealed": b64(sealed)}
        )
        if len(line) >= MAX_LINE:
            raise DoubtError(f"{self._path}: a line of {len(line)} bytes; at most {MAX_LINE}")
        return line

    def _context(self, number: int, at: str) -> bytes:
        return f"{_PURPOSE.decode()}\n{self._path.stem}\n{number}\n{at}\n".encode()


@dataclass(frozen=True, slots=True)
class _Proven:
    """How much of a file was proven: its inode, the head there, the bytes."""

    inode: int
    head: Head
    size: int


@dataclass(frozen=True, slots=True)
class _Link:
    """One whole line: its number, what it says, the head and the bytes up to its end."""

    number: int
    at: str
    sealed: str
    head: Head
    size: int


def _end(path: Path, known: _Proven) -> _Proven:
    """Return how far the chain goes beyond what is known."""
    head, size = known.head, known.size
    for link in _chain(path, head, size):
        head, size = link.head, link.size
    return _Proven(known.inode, head, size)


def _chain(path: Path, head: Head, size: int) -> Iterator[_Link]:
    """Yield each whole line that follows the one that is known, its link proven."""
    for line in _lines(path, size):
        if not line.endswith(b"\n"):
            if len(line) <= MAX_LINE:
                return  # a crash cut it off; it was never acknowledged
            raise DoubtError(f"{path}: line {head.count + 1} is longer than {MAX_LINE} bytes")
        value = _value(path, head.count, line[:-1])
        if (value["n"], value["previous"]) != (head.count, b64(head.digest)):
            raise DoubtError(f"{path}: line {head.count + 1} does not follow from the one before")
        head = Head(head.count + 1, hashlib.sha256(line[:-1]).digest())
        size += len(line)
        yield _Link(head.count - 1, str(value["at"]), str(value["sealed"]), head, size)


def _value(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        value = parse_canonical_json(line, what="journal line", max_size=MAX_LINE)
    except LakzegelError as error:
        raise DoubtError(f"{path}: line {number + 1}: {error}") from error
    if not isinstance(value, dict) or set(value) != _FIELDS:
        raise DoubtError(f"{path}: line {number + 1}: not a journal's line")
    return value


def _lines(path: Path, offset: int) -> Iterator[bytes]:
    """Yield the lines from there on with their ends; the last one may lack it."""
    try:
        with open_regular(path) as file:
            file.seek(offset)
            while line := file.readline(MAX_LINE + 1):
                yield line
    except FileNotFoundError:
        return
