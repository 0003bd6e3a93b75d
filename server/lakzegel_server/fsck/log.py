# SPDX-License-Identifier: EUPL-1.2
"""The log: entries against tiles, tiles against the checkpoint, entries against the custody."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from lakzegel_core.batch import Header
from lakzegel_core.checkpoint import Checkpoint, LogKeys
from lakzegel_core.custody import Custody
from lakzegel_core.errors import LakzegelError
from lakzegel_core.limits import DIGEST
from lakzegel_core.merkle import Frontier, leaf_hash, root_of
from lakzegel_core.tiles import (
    ENTRIES,
    HEIGHT,
    MAX_LEVEL,
    WIDTH,
    TileId,
    decode_entries,
    encode_entries,
    entries_path,
    split_tile,
    tile_path,
)
from lakzegel_core.trail import Trail
from lakzegel_server.fsck.doubts import Survey
from lakzegel_server.fsck.narrower import check_narrower, level_of
from lakzegel_server.fsck.pastroots import PastRoots
from lakzegel_server.fsck.rows import Rows
from lakzegel_server.fsck.shown import check_lines, compare_shown, open_shown
from lakzegel_server.logstore import LogStore


class Roots(Protocol):
    """The roots that the log had at every size so far."""

    def get(self, size: int, /) -> bytes | None:
        """The root; None where the log never had this size."""
        ...


@dataclass(slots=True)
class Replayed:
    """What the log's entries prove, as far as they could be replayed."""

    custody: Custody
    roots: Roots
    batches: int = 0
    trails: list[tuple[bytes, Trail]] = field(default_factory=list)  # id
    whole: bool = True
    edge: Frontier | None = None  # of the tree, where every entry is known


class LogCheck:
    """Checks one log."""

    def __init__(self, found: Survey, keys: LogKeys, rows: Rows | None, store: LogStore) -> None:
        self._found = found
        self._keys = keys
        self._rows = rows
        self._store = store
        self._bottom: tuple[TileId, bytes | None] | None = None  # the newest that was read
        self._above: list[list[bytes]] = [[] for _ in range(MAX_LEVEL + 1)]
        self._past = PastRoots(self._stored_leaves)
        self._edge: Frontier | None = Frontier()  # of all entries; None once one is not known

    def run(self, checkpoint_data: bytes | None) -> Replayed:
        """Everything that the log proves; what does not hold is a doubt."""
        shown = open_shown(self._found, self._keys, checkpoint_data)
        size = self._rows.tree.size if self._rows else shown.size if shown else 0
        custody = Custody.start(self._keys.origin, pinned=None, threshold=None)
        replayed = Replayed(custody, self._past)
        self._entries(size, replayed)
        check_narrower(self._found, self._rows, size)
        self._compare_edge(shown)
        replayed.edge = self._edge
        if checkpoint_data is not None and shown is not None:
            check_lines(
                self._found,
                self._keys,
                checkpoint_data,
                shown,
                replayed.custody,
                whole=replayed.whole,
            )
        return replayed

    def _entries(self, size: int, replayed: Replayed) -> None:
        """Entry by entry, and tile by tile: no more of them is in memory than a tile a level."""
        at = 0
        for tile in level_of(ENTRIES, size):
            hashes = self._hashes(TileId(0, tile.index, tile.width))
            leaves = []
            for data, stated in zip(self._bundle(tile), hashes, strict=True):
                leaf = self._leaf(tile, at, data, stated)
                if leaf is None or data is None:
                    replayed.whole = False
                elif replayed.whole:
                    self._past.append(leaf)
                    self._replay(tile, data, replayed)
                leaves.append(leaf or stated or b"")
                at += 1
            self._hash_tile(0, tile.index, leaves)
        self._end_tiles(size)
        if self._rows and not self._rows.entries.are_exactly(size):
            self._found.doubt(
                self._found.index, f"table entries: not exactly the {size} entries of the log"
            )

    def _doubt(self, what: str) -> None:
        self._found.doubt(self._found.index, what)

    def _stored_leaves(self, index: int) -> Iterator[list[bytes]]:
        """The leaf hashes of a full tile: as it has them, and as its entries give them."""
        with suppress(OSError, LakzegelError):
            yield split_tile(self._store.read(tile_path(0, index)), width=WIDTH)
        with suppress(OSError, LakzegelError):
            bundle = decode_entries(self._store.read(entries_path(index)), width=WIDTH)
            yield [leaf_hash(data) for data in bundle]

    def _hashes(self, tile: TileId) -> list[bytes | None]:
        """The leaf hashes that a tile states, None where it is damaged."""
        data = self._tile(tile)
        if data is None or len(data) != tile.width * DIGEST:
            return [None] * tile.width
        return [data[i : i + DIGEST] for i in range(0, len(data), DIGEST)]

    def _leaf(
        self, tile: TileId, index: int, data: bytes | None, stated: bytes | None
    ) -> bytes | None:
        """The leaf hash of an entry, None when index and hash tile both contradict it."""
        if data is None:
            return None
        leaf = leaf_hash(data)
        rows = self._rows
        known = rows.entries.get(index) if rows else None
        other_id = known is not None and known != _id(data)
        if stated not in {None, leaf} and (other_id or known is None):
            self._found.doubt(f"log/{tile.path}", f"entry {index} is not the one that was sealed")
            return None
        if other_id:
            self._doubt(f"table entries: entry {index} is not the log's")
        if rows and rows.pending.get(index, data) != data:
            self._doubt(f"table pending: entry {index} is not the log's")
        return leaf

    def _bundle(self, tile: TileId) -> list[bytes] | list[None]:
        place = f"log/{tile.path}"
        data = self._tile(tile)
        if data is not None:
            try:
                bundle = decode_entries(data, width=tile.width)
                if encode_entries(bundle) == data:
                    return bundle
                self._found.doubt(place, "not the one encoding")
            except LakzegelError as error:
                self._found.doubt(place, str(error))
        return [None] * tile.width

    def _replay(self, tile: TileId, data: bytes, replayed: Replayed) -> None:
        custody = replayed.custody
        try:
            checked = custody.apply(data)
        except LakzegelError as error:
            self._found.doubt(f"log/{tile.path}", f"entry {custody.size}: {error}")
            replayed.whole = False
            return
        if isinstance(checked.entry, Trail):
            replayed.trails.append((checked.id, checked.entry))
        if isinstance(checked.entry, Header):
            replayed.batches += 1
            seen = checked.entry.seen
            if seen.size and replayed.roots.get(seen.size) != seen.root:
                what = f"entry {custody.size - 1}: its device saw another log than this one"
                self._found.doubt(f"log/{tile.path}", what)

    def _hash_tile(self, level: int, index: int, chunk: list[bytes]) -> None:
        """A hash tile is the one that the entries give; so are those above it, once full."""
        tile = TileId(level, index, len(chunk))
        data, known = self._tile(tile), all(chunk)
        if data is not None and known and data != b"".join(chunk):
            self._found.doubt(f"log/{tile.path}", "not the hashes of the log's entries")
        if not level:
            self._grow_edge(chunk)
        if tile.width == WIDTH and level < MAX_LEVEL:
            above = self._above[level + 1]
            above.append(root_of(chunk) if known else b"")
            if len(above) == WIDTH:
                self._hash_tile(level + 1, index // WIDTH, above)
                self._above[level + 1] = []

    def _end_tiles(self, size: int) -> None:
        """The partial tiles of the right edge."""
        for level, chunk in enumerate(self._above):
            if chunk:
                self._hash_tile(level, (size >> (HEIGHT * level)) // WIDTH, chunk)

    def _grow_edge(self, leaves: list[bytes]) -> None:
        if self._edge is not None and all(leaves):
            for leaf in leaves:
                self._edge.append(leaf)
        else:
            self._edge = None

    def _compare_edge(self, shown: Checkpoint | None) -> None:
        if self._edge is None:
            return
        compare_shown(self._found, shown, self._edge)
        if self._rows and self._rows.tree.to_hashes() != self._edge.to_hashes():
            self._doubt("table tree: not the edge of the log's entries")

    def _tile(self, tile: TileId) -> bytes | None:
        if tile.level:
            return self._read(tile)
        if self._bottom is None or self._bottom[0] != tile:
            self._bottom = tile, self._read(tile)  # asked for twice: beside entries, as hashes
        return self._bottom[1]

    def _read(self, tile: TileId) -> bytes | None:
        place = f"log/{tile.path}"
        if not self._found.live and self._found.places.has_tiles:
            return self._found.read(place)
        self._found.claimed.add(place)
        try:
            return self._store.read(tile.path)
        except (OSError, LakzegelError):
            self._found.doubt(place, "missing")
            return None


def _id(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
