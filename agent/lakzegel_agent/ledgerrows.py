# SPDX-License-Identifier: EUPL-1.2
"""What the ledger's rows hold once they are opened (docs/spec/ledger.md §3)."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, NamedTuple

Outcome = Literal["sealed", "excluded", "failed"]

SEGMENT: Final = struct.Struct(">IIIQ32s16s")  # epoch, batch, index, size, commitment, hash
_HEAD: Final = struct.Struct(">IIqQH")  # version, mode, mtime in ns, size, bytes of the path


@dataclass(frozen=True, slots=True)
class EpochTip:
    """Where the chain of the current epoch goes on."""

    epoch: int
    next_batch: int
    previous: bytes
    enrolment_id: bytes
    newest_id: bytes | None


@dataclass(frozen=True, slots=True)
class Seen:
    """The last checkpoint that was verified: its size, root and signed bytes."""

    size: int
    root: bytes
    checkpoint: bytes


@dataclass(frozen=True, slots=True)
class BatchRow:
    """One closed batch; ``size`` is what an upload of it measures."""

    epoch: int
    batch: int
    id: bytes
    size: int
    index: int | None
    state: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """The newest verified receipt: when, and which entry of a log of which size."""

    at: datetime
    index: int
    size: int
    batch_id: bytes


@dataclass(frozen=True, slots=True)
class Counts:
    """Versions of files by what became of them; ``reasons`` says why, for what was not sealed."""

    sealed: int = 0
    excluded: int = 0
    failed: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)

    @property
    def found(self) -> int:
        """Every version that was met."""
        return self.sealed + self.excluded + self.failed


class FileState(NamedTuple):
    """A file's newest captured version; ``segments`` is packed, ``SEGMENT.size`` bytes each.

    ``version`` is -1 while no version was captured.
    """

    path: bytes
    version: int = -1
    mode: int = 0
    mtime: int = 0
    size: int = 0
    segments: bytes = b""

    def pack(self) -> bytes:
        """Return the bytes that a row remembers."""
        head = _HEAD.pack(self.version + 1, self.mode, self.mtime, self.size, len(self.path))
        return head + self.path + self.segments

    @classmethod
    def unpack(cls, data: bytes) -> "FileState":
        """Return what a row remembers."""
        version, mode, mtime, size, length = _HEAD.unpack_from(data)
        start = _HEAD.size + length
        path = data[_HEAD.size : start]
        return cls(path, version - 1, mode, mtime, size, data[start:])


class KnownFile(NamedTuple):
    """What the ledger knows of a file without opening its row."""

    id: int
    mark: bytes
    outcome: Outcome
    reason: str | None
    gone: bool
    captured: bool


class CapturedFile(NamedTuple):
    """A version that a batch captures: the file's row as it will be."""

    name: bytes
    source: int
    mark: bytes
    secret: bytes


class FileMark(NamedTuple):
    """What a pass noticed of a file that was not captured."""

    name: bytes
    source: int
    outcome: Literal["excluded", "failed"]
    reason: str
    path: bytes
    keep: bool = True  # False: the file is gone already, only the count remains
