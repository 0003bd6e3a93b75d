# SPDX-License-Identifier: EUPL-1.2
"""What the ledger's rows hold once they are opened (docs/spec/ledger.md §3)."""

import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, NamedTuple, Self

Outcome = Literal["sealed", "excluded", "failed"]

SEGMENT: Final = struct.Struct(">IIIQ32s16s")  # epoch, batch, index, size, commitment, hash
_SIZE: Final = struct.Struct(">12xQ48x")  # of a segment
_HEAD: Final = struct.Struct(">IIqQH")  # version, mode, mtime in ns, size, bytes of the path
_HAS_BASE: Final = 0x8000  # of the last: a path has at most 4,096 bytes
_BASE: Final = struct.Struct(">III32sI")  # epoch, batch, index, commitment, stretches
_STRETCH: Final = struct.Struct(">II")  # the first of the base's segments or OWN, how many
OWN: Final = 2**32 - 1  # a stretch of segments that the base does not name


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

    @classmethod
    def of(cls, rows: Iterable[tuple[str, str, int]]) -> Self:
        """Return what rows of outcome, reason and versions come to."""
        totals = {"sealed": 0, "excluded": 0, "failed": 0}
        reasons: dict[str, int] = {}
        for outcome, reason, versions in rows:
            totals[outcome] += versions
            if reason and versions:
                reasons[reason] = reasons.get(reason, 0) + versions
        return cls(**totals, reasons=reasons)

    @property
    def found(self) -> int:
        """Every version that was met."""
        return self.sealed + self.excluded + self.failed


def sizes_of(segments: bytes) -> Iterator[int]:
    """Yield the size of each packed segment: a large file has some 20,000."""
    return (size for (size,) in _SIZE.iter_unpack(segments))


class Base(NamedTuple):
    """The capture that versions build on, and where a row's segments, in order, lie in it."""

    epoch: int
    batch: int
    item: int
    commitment: bytes
    stretches: tuple[tuple[int, int], ...]  # the first of its segments or OWN, how many


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
    base: Base | None = None

    def pack(self) -> bytes:
        """Return the bytes that a row remembers."""
        return pack_state(*self)

    @classmethod
    def unpack(cls, data: bytes) -> "FileState":
        """Return what a row remembers."""
        version, mode, mtime, size, length = _HEAD.unpack_from(data)
        start = _HEAD.size + (length & ~_HAS_BASE)
        path = data[_HEAD.size : start]
        base = None
        if length & _HAS_BASE:
            epoch, batch, item, commitment, number = _BASE.unpack_from(data, start)
            start += _BASE.size
            end = start + number * _STRETCH.size
            stretches = tuple(
                (first, many) for first, many in _STRETCH.iter_unpack(data[start:end])
            )
            base = Base(epoch, batch, item, commitment, stretches)
            start = end
        return cls(path, version - 1, mode, mtime, size, data[start:], base)


def pack_state(
    path: bytes,
    version: int,
    mode: int,
    mtime: int,
    size: int,
    segments: bytes,
    base: Base | None,
) -> bytes:
    """Return what a `FileState` of these packs to: one is written for every file of a pass."""
    length, built = len(path), b""
    if base is not None:
        length |= _HAS_BASE
        built = _BASE.pack(*base[:-1], len(base.stretches))
        built += b"".join(_STRETCH.pack(*stretch) for stretch in base.stretches)
    head = _HEAD.pack(version + 1, mode, mtime, size, length)
    return b"".join((head, path, built, segments))


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
