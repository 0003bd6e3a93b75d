# SPDX-License-Identifier: EUPL-1.2
"""Exports that lie in a source's folder: found, opened, and read line by line within limits.

Nothing of a file is kept but one piece and one line of it. What was looked through is noted by
path, size and time, and is not opened again while these stay. docs/spec/guards.md §7
"""

from __future__ import annotations

import json
import os
import struct
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lakzegel_agent.errors import ChangedError
from lakzegel_agent.exclusion import excluder
from lakzegel_agent.guards.base import (
    IN_USE,
    NOT_OURS,
    NOT_UNDERSTOOD,
    TOO_LARGE,
    TOO_MANY,
    UNREADABLE,
    PlaceError,
    Surroundings,
    Watched,
)
from lakzegel_agent.guards.places import opened
from lakzegel_agent.readers.base import OpaqueReader
from lakzegel_agent.readers.zipseams import Member
from lakzegel_agent.scan import EmptyFolder, FoundFile, scan
from lakzegel_agent.view import View

MAX_EXPORT: Final = 64 * 2**20  # bytes of one chat, docs/spec/guards.md §7
MAX_LINE: Final = 64 * 2**10  # bytes of a line, likewise
MAX_ENTRIES: Final = 200_000  # files and empty folders of one source
MAX_FILES: Final = 20_000  # exports and parts of exports of one source
SECONDS: Final = 5.0  # of a look, after which no other file is begun; the rest is for the next
FILE_SECONDS: Final = 10.0  # for one file; all guards together have a minute
TRIES: Final = 3  # looks in which a file may be too slow before it is left until it changes
SETTLED: Final = 3  # seconds after which a change is seen by a file's time, whatever the disk
TOO_SLOW: Final = "too-slow"
PIECE: Final = 2**18  # bytes
_PASSING: Final = frozenset({IN_USE, UNREADABLE, NOT_OURS})  # may be over without a change
_ENCRYPTED: Final = 0x0001  # flags of a zip's member, APPNOTE 4.4.4
_STORED: Final = 0
_DEFLATED: Final = 8
_LOCAL: Final = struct.Struct("<4s5H3I2H")  # a member's local header, 4.3.7


@dataclass(frozen=True, slots=True)
class Files:
    """The files of a source that may be exports, and what could not be told apart."""

    files: tuple[FoundFile, ...]
    failed: tuple[tuple[bytes, str], ...]  # a path below the root, and why nothing is known of it


def files_of(source: Watched, surroundings: Surroundings, wanted: Callable[[bytes], bool]) -> Files:
    """Return the files with wanted paths, sorted by them; agreed folders are not looked into."""
    root = os.fsencode(source.root)
    left_out = excluder(surroundings.excluded, root)
    files: list[FoundFile] = []
    failed: list[tuple[bytes, str]] = []
    entries = 0
    for found in scan(root, OpaqueReader(), only=source.only):
        entries += 1
        if entries > MAX_ENTRIES or len(files) + len(failed) > MAX_FILES:
            raise PlaceError(TOO_MANY)
        if isinstance(found, EmptyFolder) or left_out(found.path):
            continue
        if isinstance(found, FoundFile):
            if wanted(found.path):
                files.append(found)
        elif found.outcome == "failed":
            failed.append((found.path, UNREADABLE))
        elif wanted(found.path):  # a link, or no file at all
            failed.append((found.path, NOT_OURS))
    return Files(tuple(sorted(files)), tuple(sorted(failed)))


def shown(path: bytes) -> str:
    """Return a path as it can be stated, whatever its bytes are."""
    return path.decode("utf-8", "replace")


class Looks:
    """What a guard looks through in one look: nothing twice, and not for longer than ``SECONDS``.

    ``version`` is raised when the same file would be told otherwise.
    """

    def __init__(self, surroundings: Surroundings, version: int) -> None:
        self._notes = surroundings.notes
        self._version = version
        self._until: float | None = None  # none before the first file, which is begun always
        self._now = surroundings.now.timestamp()
        self._names: set[str] = set()

    def noted(
        self, source: Watched, file: FoundFile, look: Callable[[View], dict[str, Any]]
    ) -> dict[str, Any]:
        """Return what a look into a file comes to, from its note while it did not change.

        Raises:
            PlaceError: nothing can be told of it, or it has to wait for the next look.
        """
        name = f"{source.name}/{os.fsdecode(file.path)}"
        self._names.add(name)
        of = [self._version, file.size, file.mtime_ns]
        note = self._notes.get(name)
        kept = {} if note is None else json.loads(note)
        if kept.get("of") != of:
            kept = {"of": of, "slow": 0}
        if "found" not in kept and "why" not in kept:
            self._look(Path(os.fsdecode(os.fsencode(source.root) + b"/" + file.path)), look, kept)
            if not 0 <= self._now - file.mtime_ns / 10**9 < SETTLED:
                self._notes.put(name, json.dumps(kept).encode())
        if "found" not in kept:
            raise PlaceError(kept.get("why", TOO_SLOW))
        found: dict[str, Any] = kept["found"]
        return found

    def _look(
        self, path: Path, look: Callable[[View], dict[str, Any]], kept: dict[str, Any]
    ) -> None:
        """Put into what is kept of a file what was found, or why nothing is.

        Raises:
            PlaceError: for a reason that may be over without a change of the file.
        """
        now = time.monotonic()
        if self._until is None:
            self._until = now + SECONDS
        elif now > self._until:
            raise PlaceError(TOO_SLOW)
        try:
            kept["found"] = _looking(path, look, now + FILE_SECONDS)
        except PlaceError as error:
            if error.reason in _PASSING:
                raise
            kept["slow"] += error.reason == TOO_SLOW
            if error.reason != TOO_SLOW or kept["slow"] >= TRIES:
                kept["why"] = error.reason

    def end(self) -> None:
        """Let go of the notes of what is gone."""
        self._notes.only(self._names)


class _Until(View):
    """A view that is looked into until a moment of the clock."""

    def __init__(self, descriptor: int, size: int, until: float) -> None:
        super().__init__(descriptor, size)
        self._until = until

    def read(self, start: int, end: int) -> bytes:
        """Return the bytes from ``start`` to ``end``, both held within the view.

        Raises:
            ChangedError: the file is shorter than it was, or cannot be read any more.
            PlaceError: the time is over.
        """
        if time.monotonic() > self._until:
            raise PlaceError(TOO_SLOW)
        return super().read(start, end)


def _looking(path: Path, look: Callable[[View], dict[str, Any]], until: float) -> dict[str, Any]:
    """Return what a look into a file comes to.

    Raises:
        PlaceError: it cannot be opened, changes meanwhile, or takes too long.
    """
    try:
        with opened(path) as (descriptor, before):
            found = look(_Until(descriptor, before.st_size, until))
            after = os.fstat(descriptor)
    except (FileNotFoundError, ChangedError):  # it was there a moment ago
        raise PlaceError(IN_USE) from None
    if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        raise PlaceError(IN_USE)
    return found


def pieces(view: View) -> Iterator[bytes]:
    """Yield a file in pieces."""
    for window in view.windows():
        yield window.data


class Lines:
    """The lines of a text, without their newlines; of one beyond ``MAX_LINE`` its beginning.

    ``cut``: whether the line that was given last is such a beginning. ``ended``: whether the text,
    as far as it was given, ends with a newline.
    """

    def __init__(self, source: Iterable[bytes]) -> None:
        self._source = source
        self.cut = False
        self.ended = False

    def __iter__(self) -> Iterator[bytes]:
        """Yield them; linear in the text, since no more than one line is joined to a piece."""
        rest, skipping = b"", False
        for piece in filter(None, self._source):
            *whole, rest = (rest + piece).split(b"\n")
            self.ended = piece.endswith(b"\n")
            for line in whole:
                if not skipping:
                    self.cut = len(line) > MAX_LINE
                    yield line[:MAX_LINE]
                skipping = False
            if len(rest) > MAX_LINE and not skipping:
                self.cut = skipping = True
                yield rest[:MAX_LINE]
            if skipping:
                rest = b""
        if rest:
            self.cut = False
            yield rest


def unpacked(view: View, member: Member, most: int) -> Iterator[bytes]:
    """Yield what a member of a zip holds, proven by its checksum once all of it was yielded.

    Raises:
        PlaceError: encrypted, packed in another way, larger than ``most``, or not what its
            directory says.
        ChangedError: the file became shorter.
    """
    if member.flags & _ENCRYPTED or member.method not in {_STORED, _DEFLATED}:
        raise PlaceError(NOT_UNDERSTOOD)
    if member.size > most:
        raise PlaceError(TOO_LARGE)
    local = view.read(member.at, member.at + _LOCAL.size)
    if len(local) < _LOCAL.size or not local.startswith(b"PK\x03\x04"):
        raise PlaceError(NOT_UNDERSTOOD)
    fields = _LOCAL.unpack(local)
    start = member.at + _LOCAL.size + fields[9] + fields[10]
    packed = _packed(view, start, start + member.packed)
    crc = size = 0
    for piece in packed if member.method == _STORED else _inflated(packed):
        size += len(piece)
        if size > member.size:
            raise PlaceError(NOT_UNDERSTOOD)
        view.read(0, 1)  # a look's time ends where a file is read: much may come of a few bytes
        crc = zlib.crc32(piece, crc)
        yield piece
    if (crc, size) != (member.crc, member.size):
        raise PlaceError(NOT_UNDERSTOOD)


def _packed(view: View, start: int, end: int) -> Iterator[bytes]:
    for at in range(start, min(end, view.size), PIECE):
        yield view.read(at, min(at + PIECE, end))


def _inflated(packed: Iterable[bytes]) -> Iterator[bytes]:
    """Yield what was deflated, in pieces, however much a few bytes hold.

    Raises:
        PlaceError: it is no such stream.
    """
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        for piece in packed:
            rest = piece
            while rest and not inflate.eof:
                yield inflate.decompress(rest, PIECE)
                rest = inflate.unconsumed_tail
        while not inflate.eof and (last := inflate.decompress(b"", PIECE)):
            yield last
    except zlib.error:
        raise PlaceError(NOT_UNDERSTOOD) from None
