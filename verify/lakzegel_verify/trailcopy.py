# SPDX-License-Identifier: EUPL-1.2
"""An auditor's own copy of a receiver's audit trail (docs/spec/monitor.md §4).

What is kept is what the log's signatures prove: the entry of each segment, in the log and following
the one before, and the bytes whose hash that entry has. So the copy proves what people did at the
receiver when the receiver is no more, and can be put back there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from lakzegel_core.checkpoint import Checkpoint, LogKeys, SignedCheckpoint, open_checkpoint
from lakzegel_core.encoding import format_time
from lakzegel_core.errors import ChainError, LakzegelError
from lakzegel_core.limits import MAX_CHECKPOINT, MAX_NOTE
from lakzegel_core.merkle import leaf_hash, verify_inclusion
from lakzegel_core.tiles import WIDTH, HashReader, decode_entries, entries_path
from lakzegel_core.trail import Trail, open_trail, peek_trail
from lakzegel_verify.durable import write_file
from lakzegel_verify.fetching import NotThereError
from lakzegel_verify.following import MAX_TILE, AlarmError, Get, read_tile

MAX_SEGMENT: Final = 2**23  # bytes
MAX_LIST: Final = 2**26  # bytes: of some 200,000 segments
MAX_BUNDLE: Final = WIDTH * (2 + MAX_NOTE)


@dataclass(slots=True)
class Copied:
    """What a copy holds after a look."""

    tree: Checkpoint
    segments: int = 0
    records: int = 0
    until: str | None = None  # of the newest record; None where there is no segment
    fresh: int = 0  # segments that came in
    lost: list[int] = field(default_factory=list)  # which neither has
    returnable: list[int] = field(default_factory=list)  # lost there, and kept here


@dataclass(frozen=True, slots=True)
class _Row:
    """A segment as the receiver lists it; nobody has trusted it yet."""

    number: int
    entry: str
    index: int | None  # None: not in the log yet
    lost: bool


@dataclass(frozen=True, slots=True)
class _Kept:
    """A segment's entry, proven."""

    note: bytes
    trail: Trail


class TrailCopy:
    """Brings one folder up to what a receiver has."""

    def __init__(self, get: Get, keys: LogKeys, folder: Path) -> None:
        """Keep where from and where to; ``get`` asks with an auditor's token."""
        self._get = get
        self._keys = keys
        self._folder = folder

    def run(self) -> Copied:
        """What there is now.

        Raises:
            AlarmError: what is served or kept contradicts the log, or what was kept before.
            UnreachableError: the receiver cannot be asked now.
            OSError: the folder cannot be used.
        """
        data = self._get("log/checkpoint", MAX_CHECKPOINT)
        try:
            signed = open_checkpoint(data, self._keys)
            tree = signed.checkpoint
            reader = HashReader(tree.size, self._tile, root=tree.root)
        except LakzegelError as error:
            text = f"the checkpoint does not verify: {error}"
            raise AlarmError("unproven", text, [data]) from error
        return self._bring(signed, reader)

    def _bring(self, signed: SignedCheckpoint, reader: HashReader) -> Copied:
        copied, before = Copied(signed.checkpoint), None
        rows = self._rows(signed)
        if self._note(len(rows)).exists():
            text = f"the receiver lists {len(rows)} segments, and {self._folder} has more"
            raise AlarmError("rollback", text, [signed.data, self._note(len(rows)).read_bytes()])
        for row in rows:
            if row.index is None or row.index >= signed.checkpoint.size:
                break  # it was sealed after this checkpoint: at the next look
            before = self._segment(row, row.index, before, signed, reader, copied)
        if before is not None:
            copied.until = format_time(before.trail.until)
        return copied

    def _segment(
        self,
        row: _Row,
        index: int,
        before: _Kept | None,
        signed: SignedCheckpoint,
        reader: HashReader,
        copied: Copied,
    ) -> _Kept:
        note = self._note(row.number)
        is_known = note.exists()
        data = note.read_bytes() if is_known else self._entry(index, signed)
        kept = _Kept(data, self._opened(row, data, before, signed))
        if not is_known:
            self._require_in_log(index, data, signed, reader)
        self._records(row, kept.trail, signed, copied)
        if not is_known:  # after its records: a note without them means that they are lost
            write_file(note, data)
        copied.segments += 1
        copied.records += kept.trail.count
        return kept

    def _opened(
        self, row: _Row, data: bytes, before: _Kept | None, signed: SignedCheckpoint
    ) -> Trail:
        """The entry, when it is the one that is listed, and follows the one before."""
        if hashlib.sha256(data).hexdigest() != row.entry:
            text = f"segment {row.number} has another entry than the one that was kept"
            raise AlarmError("fork", text, [signed.data, data])
        try:
            trail = peek_trail(data)
            key = before.trail.key if before is not None else trail.key
            trail = open_trail(data, key)
            previous = hashlib.sha256(before.note).digest() if before is not None else None
            if (trail.origin, trail.number, trail.previous) != (
                signed.checkpoint.origin,
                row.number,
                previous,
            ):
                raise ChainError(f"segment {row.number}: does not follow the one before")
        except LakzegelError as error:
            text = f"the entry of segment {row.number} does not hold: {error}"
            raise AlarmError("unproven", text, [signed.data, data]) from error
        return trail

    def _records(self, row: _Row, trail: Trail, signed: SignedCheckpoint, copied: Copied) -> None:
        """Have a segment's bytes here, or know that they are lost."""
        path = self._folder / f"{row.number}.jsonl"
        if path.exists():
            if hashlib.sha256(_limited(path)).digest() != trail.records:
                text = f"{path}: was changed; remove it and it is fetched again"
                raise AlarmError("unproven", text, [signed.data])
            if row.lost:
                copied.returnable.append(row.number)
            return
        data = None if row.lost else self._fetched(row.number)
        if data is None:
            copied.lost.append(row.number)
        elif hashlib.sha256(data).digest() != trail.records:
            text = f"segment {row.number} is served with other bytes than the log tells of"
            raise AlarmError("unproven", text, [signed.data])
        else:
            write_file(path, data)
            copied.fresh += 1

    # what is asked

    def _rows(self, signed: SignedCheckpoint) -> list[_Row]:
        data = self._get("v1/trail", MAX_LIST)
        try:
            return list(_parsed(data))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            text = f"the receiver's list of segments is none: {error}"
            raise AlarmError("unproven", text, [signed.data]) from error

    def _fetched(self, number: int) -> bytes | None:
        try:
            return self._get(f"v1/trail/{number}", MAX_SEGMENT)
        except NotThereError:
            return None

    def _entry(self, index: int, signed: SignedCheckpoint) -> bytes:
        bundle, place = divmod(index, WIDTH)
        width = min(WIDTH, signed.checkpoint.size - bundle * WIDTH)
        path = entries_path(bundle, width)
        try:
            data = read_tile(self._log, path, MAX_BUNDLE)
            return decode_entries(data, width=width)[place]
        except LakzegelError as error:
            text = f"{path} does not verify: {error}"
            raise AlarmError("unproven", text, [signed.data]) from error

    def _require_in_log(
        self, index: int, data: bytes, signed: SignedCheckpoint, reader: HashReader
    ) -> None:
        tree = signed.checkpoint
        try:
            proof = reader.inclusion(index)
            leaf = leaf_hash(data)
            verify_inclusion(index=index, size=tree.size, leaf=leaf, proof=proof, root=tree.root)
        except LakzegelError as error:
            text = f"entry {index} is not proven to be in the log: {error}"
            raise AlarmError("unproven", text, [signed.data, data]) from error

    def _tile(self, path: str) -> bytes:
        return read_tile(self._log, path, MAX_TILE)

    def _log(self, path: str, limit: int) -> bytes:
        return self._get(f"log/{path}", limit)

    def _note(self, number: int) -> Path:
        return self._folder / f"{number}.note"


def _parsed(data: bytes) -> Iterator[_Row]:
    for number, row in enumerate(json.loads(data)["segments"]):
        yield _row(number, row)


def _row(number: int, row: dict[str, Any]) -> _Row:
    index, entry, lost = row["index"], row["entry"], row["lost"]
    is_place = index is None or (type(index) is int and index >= 0)
    if row["number"] != number or not is_place or type(lost) is not bool or type(entry) is not str:
        raise ValueError(f"its row {number} is no row")
    return _Row(number, entry, index, lost)


def _limited(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_SEGMENT + 1)
