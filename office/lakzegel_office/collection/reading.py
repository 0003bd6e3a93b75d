# SPDX-License-Identifier: EUPL-1.2
"""One batch, opened and looked into, in a process of its own."""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lakzegel_core.age import Identity
from lakzegel_core.encoding import b64
from lakzegel_core.errors import LakzegelError
from lakzegel_core.item import Item
from lakzegel_office.batchfile import open_batch
from lakzegel_office.capture import read_path
from lakzegel_office.collection.parsing import parse, parses
from lakzegel_office.collection.pieces import Piece, Raw
from lakzegel_office.extracts import Extract, read_extract
from lakzegel_office.index import IndexedItem, IndexStore
from lakzegel_office.keys.keychain import Keychain
from lakzegel_office.opening import Opener, OpenTask


@dataclass(frozen=True, slots=True)
class BatchRead:
    """What a batch's items say of themselves, and what is in those of its segments that parse."""

    batch_id: str
    lines: tuple[IndexedItem, ...]
    pieces: dict[int, Piece]


class BatchReader:
    """Reads batches with the office's identities."""

    def __init__(self, identities: Sequence[Identity], store: IndexStore) -> None:
        """Keep the keys and the index of items."""
        self._identities = identities
        self._keychain = Keychain(identities)
        self._store = store

    def read(self, task: OpenTask) -> BatchRead:
        """Return what is in a batch; one that cannot be opened has nothing."""
        lines = self._lines(task)
        wanted = {line.index: line for line in lines if _is_looked_into(line)}
        pieces: dict[int, Piece] = {}
        try:
            with open_batch(task.batch, task.keyring, self._keychain) as batch:
                for index, item in batch.items(wanted):
                    if isinstance(item, Item):
                        pieces[index] = _piece(wanted[index], item.payload)
        except LakzegelError:
            pieces.clear()  # no key of ours opens its keyring any more
        known = [line for line in lines if line.index not in wanted or line.index in pieces]
        for index, path in task.extracts:
            extract = read_extract(path, self._identities)
            payload = extract.payload()
            line = _line(index, extract, payload)
            known.append(line)
            pieces[index] = _of_extract(_piece(line, payload), extract)
        known.sort(key=lambda line: line.index)
        return BatchRead(task.batch_id, tuple(known), pieces)

    def _lines(self, task: OpenTask) -> list[IndexedItem]:
        lines = self._store.read(task.batch_id)
        if lines is None:
            Opener(self._identities, self._store).open(task)
            lines = self._store.read(task.batch_id)
        return list(lines or ())


def _of_extract(piece: Piece, extract: Extract) -> Piece:
    """Return a piece whose units have none of the blanks that stand for what went beside them."""
    kept = sorted(extract.pieces)
    starts, ends = [start for start, _ in kept], [end for _, end in kept]

    def clipped(unit: Raw) -> Raw:
        end = unit.start + unit.length
        first, last = bisect_right(ends, unit.start), bisect_left(starts, end) - 1
        if first > last:
            return unit
        start = max(unit.start, starts[first])
        return replace(unit, start=start, length=min(end, ends[last]) - start)

    return replace(piece, units=tuple(map(clipped, piece.units)), gone=extract.gone)


def _line(index: int, extract: Extract, payload: bytes) -> IndexedItem:
    """Return the line of what an extract is read as: the segment, with blanks for what is gone."""
    digest = b64(hashlib.sha256(payload).digest())
    core = {"kind": "segment", "source": extract.source, "size": len(payload), "sha256": digest}
    return IndexedItem(index, extract.commitment, core, extract.context, None)


def reader_of(line: IndexedItem) -> str:
    """Return which reader cut the file."""
    return str(line.context.get("reader", ""))


def _is_looked_into(line: IndexedItem) -> bool:
    if line.kind != "segment":
        return False
    try:
        return parses(reader_of(line), read_path(line.context))
    except LakzegelError:
        return False


def _piece(line: IndexedItem, payload: bytes) -> Piece:
    try:
        return parse(reader_of(line), read_path(line.context), payload)
    except LakzegelError:
        return Piece()


_worker: list[BatchReader] = []  # the one reader of this process, set by `start_worker`


def start_worker(identities: Sequence[str], state: Path, index_key: bytes) -> None:
    """Give this process its keys."""
    store = IndexStore(state, index_key)
    _worker[:] = [BatchReader([Identity.from_text(text) for text in identities], store)]


def work(task: OpenTask) -> BatchRead:
    """Read one batch in a process that `start_worker` prepared."""
    return _worker[0].read(task)
