# SPDX-License-Identifier: EUPL-1.2
"""What one run of a command leaves for the next, so that it need not begin with the first entry.

    state/pulled, state/verified                 how far that command came
    state/savepoints/<command>-<size>-<sha256>   what the custody rests on there (savepoint.md)

Each may be thrown away: then everything is replayed. docs/spec/mirror.md §7.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from os import urandom
from pathlib import Path
from typing import Any, Final, Protocol

from lakzegel_core import cobblestone
from lakzegel_core.encoding import b64, unb64
from lakzegel_core.errors import LakzegelError
from lakzegel_core.savepoint import Savepoint, restore
from lakzegel_office import durable
from lakzegel_office.config import Config
from lakzegel_office.errors import DoubtError
from lakzegel_office.home import Home
from lakzegel_office.mirror import Mirror, read_limited
from lakzegel_office.places import Places
from lakzegel_office.regular import open_regular
from lakzegel_office.replay import Replay, SignedAt
from lakzegel_office.replaykept import resume, said_of
from lakzegel_office.roots import Roots

PULLED: Final = "pulled"
VERIFIED: Final = "verified"
EVERY: Final = 4096  # entries, at least, between two savepoints of a process
SHARE: Final = 4  # and this part of what the last one had, so that writing it does not count
MAX_SAID: Final = 1 << 30  # bytes of what is kept beside a savepoint
_FORMAT: Final = 1
_FOLDER: Final = "savepoints"
_BLOCK: Final = 1 << 20  # bytes that are read at a time
_DAMAGED: Final = (LakzegelError, DoubtError, OSError, ValueError, KeyError, TypeError)


def pulled_context(config: Config) -> bytes:
    """Return what a pull's memory is sealed for."""
    return f"pulled {config.origin}".encode()


class Cover(Protocol):
    """How a file says that it is what was written."""

    def close(self, data: bytes) -> bytes:
        """Return the file of some bytes."""

    def open(self, data: bytes) -> bytes:
        """Return the bytes of a file.

        Raises:
            LakzegelError, ValueError: it is not what was written.
        """


@dataclass(frozen=True, slots=True)
class Sealed:
    """Under the office's index key: who has it not cannot say that a batch was opened."""

    key: bytes
    context: bytes

    def close(self, data: bytes) -> bytes:
        """Return the file of some bytes."""
        return cobblestone.seal(self.key, urandom(cobblestone.SALT_SIZE), self.context, data)

    def open(self, data: bytes) -> bytes:
        """Return the bytes of a file."""
        return cobblestone.open_(self.key, self.context, data)


class Summed:
    """With its SHA-256 before it: for what is written without any key."""

    def close(self, data: bytes) -> bytes:
        """Return the file of some bytes."""
        return hashlib.sha256(data).hexdigest().encode() + b"\n" + data

    def open(self, data: bytes) -> bytes:
        """Return the bytes of a file."""
        said, _, rest = data.partition(b"\n")
        if said != hashlib.sha256(rest).hexdigest().encode():
            raise ValueError("not what was written")
        return rest


@dataclass(frozen=True, slots=True)
class Remembered:
    """How far a command came: the tree, and what it said beside that."""

    size: int
    root: bytes
    entries: int  # of the savepoint
    says: Mapping[str, Any]


class Memory:
    """The memory of one command in one home."""

    def __init__(self, home: Home, config: Config, name: str, cover: Cover) -> None:
        """Keep where it lies and how it is covered."""
        self._path = home.state / name
        self._savepoints = home.state / _FOLDER
        self._config = config
        self._mirror = Mirror(home.mirror)
        self._cover = cover

    def read(self) -> Remembered | None:
        """Return what was remembered; None where that is nothing, damaged, or of another log."""
        try:
            value = json.loads(self._cover.open(read_limited(self._path, MAX_SAID)))
            if (value["format"], value["origin"]) != (_FORMAT, self._config.origin):
                return None
            root = unb64(value["root"], what="memory root", size=32)
            return Remembered(int(value["size"]), root, int(value["entries"]), value)
        except _DAMAGED:
            return None

    def resume(self, remembered: Remembered, signed_at: SignedAt, places: Places) -> Replay | None:
        """Return the log as it was replayed then; None where that cannot be had any more.

        Every entry that the savepoint has is proven to be in the mirrored log, and its signatures
        are checked again.
        """
        try:
            roots = Roots(self._mirror)
            roots.begin_at(remembered.size, remembered.root)
            custody = restore(
                _blocks(self._savepoints / str(remembered.says["savepoint"])),
                origin=self._config.origin,
                pinned=self._config.policy_keys,
                threshold=self._config.threshold,
                seen=roots.require_entry,
            ).custody
            if custody.size != remembered.size:
                return None
            replay = Replay(custody, self._mirror, signed_at, places)
            resume(replay, remembered.size, remembered.root, remembered.says["replay"])
        except _DAMAGED:
            return None
        return replay

    def write(self, replay: Replay, more: Mapping[str, Any]) -> int:
        """Remember the log as it is replayed now; return how many entries that took, or 0.

        A log with an entry that custody refuses has no savepoint: it is replayed each time.
        """
        try:
            saved = Savepoint.of(replay.custody, replay.roots.frontier, replay.entries.at)
            name, entries = self._write_savepoint(saved), saved.head.entries
        except LakzegelError:
            return 0
        value = {
            **more,
            "format": _FORMAT,
            "origin": self._config.origin,
            "size": replay.size,
            "root": b64(replay.root(replay.size)),
            "entries": entries,
            "savepoint": name,
            "replay": said_of(replay),
        }
        text = json.dumps(value, separators=(",", ":"), sort_keys=True).encode()
        durable.write_file(self._path, self._cover.close(text))
        self._tidy(name)
        return entries

    def amend(self, remembered: Remembered, more: Mapping[str, Any]) -> None:
        """Remember the same tree as before, and something else beside it."""
        text = json.dumps({**remembered.says, **more}, separators=(",", ":"), sort_keys=True)
        durable.write_file(self._path, self._cover.close(text.encode()))

    def forget(self) -> None:
        """Have the next run of the command begin with the first entry."""
        self._path.unlink(missing_ok=True)
        if self._path.parent.is_dir():
            durable.sync_folders([self._path])

    def _write_savepoint(self, saved: Savepoint) -> str:
        part = self._savepoints / f"{self._path.name}{durable.TEMPORARY}"
        durable.make_folder(self._savepoints)
        hashed = hashlib.sha256()
        with part.open("wb") as file:
            for block in saved.blocks():
                hashed.update(block)
                file.write(block)
        name = f"{self._path.name}-{saved.head.size}-{hashed.hexdigest()}"
        durable.settle(part, self._savepoints / name)
        return name

    def _tidy(self, name: str) -> None:
        """Remove this command's savepoints that its memory does not name any more."""
        for path in self._savepoints.glob(f"{self._path.name}-*"):
            if path.name != name:
                path.unlink()


def _blocks(path: Path) -> Iterator[bytes]:
    with open_regular(path) as file:
        while block := file.read(_BLOCK):
            yield block
