# SPDX-License-Identifier: EUPL-1.2
"""The log: entries against tiles, tiles against the checkpoint, entries against the custody."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from lakzegel_core.batch import Header
from lakzegel_core.checkpoint import Checkpoint, LogKeys, open_checkpoint
from lakzegel_core.cosignature import verify_cosignature
from lakzegel_core.custody import Custody
from lakzegel_core.errors import FormatError, LakzegelError
from lakzegel_core.limits import DIGEST, MAX_CHECKPOINT
from lakzegel_core.merkle import Frontier, leaf_hash, root_of
from lakzegel_core.note import parse
from lakzegel_core.tiles import (
    ENTRIES,
    HEIGHT,
    MAX_LEVEL,
    WIDTH,
    TileId,
    decode_entries,
    encode_entries,
    narrow,
    parse_tile_path,
)
from lakzegel_core.trail import Trail
from lakzegel_server.cosigners import cosigners
from lakzegel_server.fsck.doubts import Survey
from lakzegel_server.fsck.rows import Rows
from lakzegel_server.logstore import LogStore

CHECKPOINT: Final = "log/checkpoint"


@dataclass(slots=True)
class Replayed:
    """What the log's entries prove, as far as they could be replayed."""

    custody: Custody
    headers: list[tuple[int, bytes, Header]] = field(default_factory=list)  # index, id
    trails: list[tuple[bytes, Trail]] = field(default_factory=list)  # id
    roots: dict[int, bytes] = field(default_factory=dict)  # of the sizes that headers saw
    whole: bool = True


class LogCheck:
    """Checks one log."""

    def __init__(self, found: Survey, keys: LogKeys, rows: Rows | None, store: LogStore) -> None:
        self._found = found
        self._keys = keys
        self._rows = rows
        self._store = store
        self._size = 0
        self._bottom: dict[TileId, bytes | None] = {}

    def run(self, checkpoint_data: bytes | None) -> Replayed:
        """Everything that the log proves; what does not hold is a doubt."""
        shown = self._checkpoint(checkpoint_data)
        size = self._rows.tree.size if self._rows else shown.size if shown else 0
        replayed = Replayed(Custody.start(self._keys.origin, pinned=None, threshold=None))
        self._size = size
        leaves = self._entries(size, replayed)
        self._tiles(leaves)
        self._narrower(size)
        self._roots(shown, leaves)
        if checkpoint_data is not None and shown is not None:
            self._lines(checkpoint_data, shown, replayed.custody, whole=replayed.whole)
        return replayed

    def _doubt(self, what: str) -> None:
        self._found.doubt(self._found.index, what)

    def _checkpoint(self, data: bytes | None) -> Checkpoint | None:
        if data is None:
            return None
        try:
            return open_checkpoint(data, self._keys).checkpoint
        except LakzegelError as error:
            self._found.doubt(CHECKPOINT, str(error))
            return None

    def _entries(self, size: int, replayed: Replayed) -> list[bytes]:
        """The leaf hashes; where an entry is damaged, the one that its hash tile has."""
        leaves: list[bytes] = []
        frontier = Frontier()
        for tile in _level(ENTRIES, size):
            hashes = self._hashes(TileId(0, tile.index, tile.width))
            for data, stated in zip(self._bundle(tile), hashes, strict=True):
                leaf = self._leaf(tile, len(leaves), data, stated)
                if leaf is None or data is None:
                    replayed.whole = False
                elif replayed.whole:
                    frontier.append(leaf)
                    self._replay(tile, data, replayed, frontier)
                leaves.append(leaf or stated or b"")
        if self._rows and set(self._rows.entries) != set(range(size)):
            self._doubt(f"table entries: not exactly the {size} entries of the log")
        return leaves

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

    def _replay(self, tile: TileId, data: bytes, replayed: Replayed, frontier: Frontier) -> None:
        custody = replayed.custody
        try:
            checked = custody.apply(data)
        except LakzegelError as error:
            self._found.doubt(f"log/{tile.path}", f"entry {custody.size}: {error}")
            replayed.whole = False
            return
        replayed.roots[frontier.size] = frontier.root()
        if isinstance(checked.entry, Trail):
            replayed.trails.append((checked.id, checked.entry))
        if isinstance(checked.entry, Header):
            replayed.headers.append((custody.size - 1, checked.id, checked.entry))
            seen = checked.entry.seen
            if seen.size and replayed.roots.get(seen.size) != seen.root:
                what = f"entry {custody.size - 1}: its device saw another log than this one"
                self._found.doubt(f"log/{tile.path}", what)

    def _tiles(self, leaves: list[bytes]) -> None:
        """Every hash tile is the one that the entries give."""
        hashes = leaves
        for level in range(MAX_LEVEL + 1):
            full = []
            for tile in _level(level, len(leaves)):
                chunk = hashes[tile.index * WIDTH : tile.index * WIDTH + tile.width]
                data = self._tile(tile)
                known = all(chunk)
                if data is not None and known and data != b"".join(chunk):
                    self._found.doubt(f"log/{tile.path}", "not the hashes of the log's entries")
                if tile.width == WIDTH:
                    full.append(root_of(chunk) if known else b"")
            hashes = full

    def _narrower(self, size: int) -> None:
        """Partial tiles of sizes since the tiles were last made durable may still be there."""
        start = self._rows.pending_start if self._rows else size
        for place in sorted(self._found.files - self._found.claimed):
            tile = _tile_of(place)
            if tile is None or tile.width == WIDTH:
                continue
            shift = HEIGHT * max(tile.level, 0)
            if start >> shift <= tile.index * WIDTH + tile.width <= size >> shift:
                self._found.claimed.add(place)
                self._compare_narrow(place, tile)

    def _compare_narrow(self, place: str, tile: TileId) -> None:
        try:
            wider = self._wider(tile)
            data = (self._found.data / place).read_bytes()
        except FileNotFoundError:
            if not self._found.live:  # else it went meanwhile, for a wider one is durable
                self._found.doubt(place, "missing")
            return
        if wider is None or narrow_or_nothing(wider, tile) != data:
            self._found.doubt(place, "not the beginning of the tile that it grew into")

    def _wider(self, tile: TileId) -> tuple[TileId, bytes] | None:
        """The tile of the log's size that this one grew into."""
        wide = next((t for t in _level(tile.level, self._size) if t.index == tile.index), None)
        if wide is None or wide.width <= tile.width or f"log/{wide.path}" not in self._found.files:
            return None
        return wide, (self._found.data / f"log/{wide.path}").read_bytes()

    def _roots(self, shown: Checkpoint | None, leaves: list[bytes]) -> None:
        if not all(leaves):
            return
        frontier = Frontier()
        for leaf in leaves:
            frontier.append(leaf)
        if shown is not None and (shown.size, shown.root) != (frontier.size, frontier.root()):
            self._found.doubt(
                CHECKPOINT,
                f"states {shown.size} entries and their root; the log's {frontier.size} entries"
                " do not give that",
            )
        if self._rows and self._rows.tree.to_hashes() != frontier.to_hashes():
            self._doubt("table tree: not the edge of the log's entries")

    def _lines(self, data: bytes, shown: Checkpoint, custody: Custody, *, whole: bool) -> None:
        """Besides the log's, only lines of cosigners that the log names, and all of them hold."""
        own = {(key.name, key.key_id) for key in (self._keys.ed25519, self._keys.mldsa)}
        known = cosigners(custody).shown
        for line in parse(data, max_size=MAX_CHECKPOINT).signatures:
            identity = (line.name, line.key_id)
            if identity in own:
                continue
            try:
                verify_cosignature(shown, line, known[identity])
            except (KeyError, LakzegelError):
                if identity not in known and not whole:
                    continue  # the entry that names this cosigner may be the damaged one
                self._found.doubt(CHECKPOINT, f"a signature by {line.name} that does not hold")

    def _tile(self, tile: TileId) -> bytes | None:
        if tile.level:
            return self._read(tile)
        if tile not in self._bottom:  # asked for twice: beside the entries, and as hashes
            self._bottom[tile] = self._read(tile)
        return self._bottom[tile]

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


def _level(level: int, size: int) -> Iterator[TileId]:
    count = size >> (HEIGHT * max(level, 0))
    for index in range(-(-count // WIDTH)):
        yield TileId(level, index, min(WIDTH, count - index * WIDTH))


def narrow_or_nothing(wider: tuple[TileId, bytes], tile: TileId) -> bytes:
    """The bytes that the narrower tile must have; none when the wider one is damaged."""
    try:
        return narrow(wider[1], wider[0], tile.width)
    except LakzegelError:
        return b""


def _tile_of(place: str) -> TileId | None:
    try:
        return parse_tile_path(place.removeprefix("log/"))
    except FormatError:
        return None


def _id(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
