# SPDX-License-Identifier: EUPL-1.2
"""A savepoint: the entries of a log that its custody still rests on, so that a replay can go on.

    lakzegel.nl/savepoint/v1
    log log.example/lakzegel
    size 1042
    root CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
    edge ...                       the full subtrees of the right edge, largest first, a line each
    findings 3
    entries 57

    57 times: index (8 bytes), length (2 bytes), the entry
    SHA-256 of all that

docs/spec/savepoint.md §1. Whoever holds one trusts the disk that it lies on as he trusts a log that
he replayed before; what it does not prove is said there, §5.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Self

from lakzegel_core import fields
from lakzegel_core.custody import Custody
from lakzegel_core.custody_kept import count, epochs_of
from lakzegel_core.encoding import b64, parse_decimal
from lakzegel_core.errors import (
    ChainError,
    DigestMismatchError,
    FormatError,
    LimitError,
    RootMismatchError,
)
from lakzegel_core.keys import VerifierKey
from lakzegel_core.limits import DIGEST, MAX_NOTE, MAX_SAVEPOINT_HEAD, MAX_TREE
from lakzegel_core.merkle import Frontier
from lakzegel_core.savepointreading import Reading

KIND: Final = "savepoint"
EntryAt = Callable[[int], bytes]
_PLACE: Final = 10  # bytes before each entry: its index and its length
_BLOCK: Final = 2**20  # bytes handed out at a time


def matter(custody: Custody) -> list[int]:
    """The indices of the entries that a custody still rests on, rising.

    However long its log is: as many as there were devices, epochs, admissions, what the office
    published, and keyrings that were changed.
    """
    heads = (e.head.index for e in epochs_of(custody.devices.values()) if e.head is not None)
    changes = (one.logged for one in custody.keyrings.values())
    return sorted([*custody.kept.indices(), *heads, *changes])


@dataclass(frozen=True, slots=True)
class Head:
    """The text before the entries."""

    origin: str
    size: int
    root: bytes
    edge: tuple[bytes, ...]
    findings: int
    entries: int

    def frontier(self) -> Frontier:
        """The tree's right edge, to append to."""
        return Frontier.from_hashes(self.size, self.edge)

    def to_text(self) -> bytes:
        """The one text of it, without the empty line."""
        lines = [("size", str(self.size)), ("root", b64(self.root))]
        lines += [("edge", b64(one)) for one in self.edge]
        lines += [("findings", str(self.findings)), ("entries", str(self.entries))]
        return fields.encode(KIND, self.origin, lines)

    @classmethod
    def from_text(cls, text: bytes) -> Self:
        """What a text says, whose edge gives its root.

        Raises:
            FormatError, LimitError, ConsistencyError, RootMismatchError.
        """
        rows = fields.Lines(text, KIND)
        head = cls(
            origin=rows.origin,
            size=parse_decimal(rows.take("size"), what="savepoint size"),
            root=fields.digest(rows.take("root"), what="savepoint root"),
            edge=tuple(fields.digest(e, what="savepoint edge") for e in rows.take_all("edge")),
            findings=parse_decimal(rows.take("findings"), what="savepoint findings"),
            entries=parse_decimal(rows.take("entries"), what="savepoint entries"),
        )
        rows.end()
        fields.require_same(KIND, head.to_text(), text)
        if head.size > MAX_TREE:
            raise LimitError("savepoint size", f"beyond {MAX_TREE}")
        if head.entries > head.size:
            raise LimitError("savepoint entries", "more than the log has")
        if head.frontier().root() != head.root:
            raise RootMismatchError("savepoint: its edge does not give its root")
        return head


@dataclass(frozen=True, slots=True)
class Savepoint:
    """What a custody of some size still rests on; the entries are asked for when it is written."""

    head: Head
    indices: Sequence[int]
    entry_at: EntryAt

    @classmethod
    def of(cls, custody: Custody, edge: Frontier, entry_at: EntryAt) -> Self:
        """The savepoint of a custody as it is now; it may go on while this is written.

        ``edge`` is the right edge of the very tree that the custody was replayed from. ``entry_at``
        gives an entry's bytes, and is asked in rising order, once for each.

        Raises:
            ChainError: the custody was not replayed whole, or is not of this tree.
        """
        _require_whole(custody, edge.size)
        indices = matter(custody)
        head = Head(
            origin=custody.origin,
            size=edge.size,
            root=edge.root(),
            edge=edge.to_hashes(),
            findings=custody.kept.findings,
            entries=len(indices),
        )
        return cls(head, indices, entry_at)

    def blocks(self) -> Iterator[bytes]:
        """Its bytes, some at a time: of a hundred thousand devices there are hundreds of MB."""
        hashed = hashlib.sha256()
        block = bytearray(self.head.to_text() + b"\n")
        for index in self.indices:
            entry = self.entry_at(index)
            if len(entry) > MAX_NOTE:
                raise LimitError("log entry", f"{len(entry)} bytes, at most {MAX_NOTE}")
            block += index.to_bytes(8, "big") + len(entry).to_bytes(2, "big") + entry
            if len(block) >= _BLOCK:
                hashed.update(block)
                yield bytes(block)
                block.clear()
        hashed.update(block)
        yield bytes(block) + hashed.digest()

    def to_bytes(self) -> bytes:
        """All of it at once."""
        return b"".join(self.blocks())


@dataclass(frozen=True, slots=True)
class Restored:
    """Where a replay goes on from: the custody, and the tree that it belongs to."""

    custody: Custody
    edge: Frontier


def restore(
    blocks: Iterable[bytes],
    *,
    origin: str,
    pinned: Sequence[VerifierKey] | None,
    threshold: int | None,
    seen: Callable[[int, bytes], None] = lambda _index, _entry: None,
) -> Restored:
    """The custody that a savepoint was made of, every entry checked again (savepoint.md §3).

    ``blocks`` are its bytes, cut anywhere. ``seen`` is told each index and entry before it is
    checked, and raises where the log has another one there.

    Raises:
        LakzegelError: the type says what is wrong.
    """
    reading = Reading(blocks)
    head = Head.from_text(reading.until(b"\n\n", MAX_SAVEPOINT_HEAD)[:-1])  # 1.
    if head.origin != origin:
        raise FormatError(KIND, f"is for log {head.origin}, not {origin}")
    entries = _entries(reading, head, seen)  # 2.
    custody = Custody.resume(origin, entries, head.size, pinned=pinned, threshold=threshold)  # 3.
    custody.kept.findings = head.findings
    _require_end(reading)  # 4.
    _require_whole(custody, head.size)  # 5.
    if len(matter(custody)) != head.entries:  # 6.
        raise ChainError("savepoint: holds an entry that another one superseded")
    return Restored(custody, head.frontier())


def peek(blocks: Iterable[bytes]) -> Head:
    """What a savepoint states to be, nothing of it checked but that its edge gives its root."""
    return Head.from_text(Reading(blocks).until(b"\n\n", MAX_SAVEPOINT_HEAD)[:-1])


def entries_of(blocks: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Index and bytes of each entry, rising; for making the next savepoint of this one.

    Raises:
        FormatError: it is cut off, or out of order.
    """
    reading = Reading(blocks)
    head = Head.from_text(reading.until(b"\n\n", MAX_SAVEPOINT_HEAD)[:-1])
    return _entries(reading, head, lambda _index, _entry: None)


def _entries(
    reading: Reading, head: Head, seen: Callable[[int, bytes], None]
) -> Iterator[tuple[int, bytes]]:
    last = -1
    for _ in range(head.entries):
        place = reading.take(_PLACE)
        index = int.from_bytes(place[:8], "big")
        if not last < index < head.size:
            raise FormatError(KIND, f"entry {index} after {last}, of {head.size}")
        last = index
        entry = reading.take(int.from_bytes(place[8:], "big"))
        seen(index, entry)
        yield index, entry


def _require_end(reading: Reading) -> None:
    digest = reading.digest()
    if reading.take(DIGEST) != digest:
        raise DigestMismatchError("savepoint: its SHA-256 is not that of its bytes")
    reading.end()


def _require_whole(custody: Custody, size: int) -> None:
    """Return when nothing that matters can be missing (docs/spec/savepoint.md §4)."""
    counted = count(
        custody.kept, custody.devices.values(), custody.keyrings.values(), custody.trail
    )
    if not counted == custody.size == size:
        raise ChainError(
            f"savepoint: its entries speak of a log of {counted} entries, and it is of {size}"
        )
