# SPDX-License-Identifier: EUPL-1.2
"""The tiled log below DATA/log, exactly as C2SP tlog-tiles names and as it is served.

A partial tile may be gone because it became wider or full; its bytes are the first ones of that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from lakzegel_core.errors import LakzegelError
from lakzegel_core.limits import MAX_CHECKPOINT
from lakzegel_core.merkle import EMPTY_ROOT
from lakzegel_core.tiles import (
    ENTRIES,
    HEIGHT,
    MAX_LEVEL,
    WIDTH,
    HashReader,
    TileId,
    decode_entries,
    entries_path,
    narrow,
    new_tiles,
    parse_tile_path,
)
from lakzegel_server.durable import replace_file, sync_files, sync_folder
from lakzegel_server.errors import DamageError
from lakzegel_server.stores.reading import FileReading

PUBLIC: Final = 0o644
_TRIES: Final = 3  # between looking and reading, a partial tile may have become wider


class LogStore:
    """Reads and writes the tiles; the database decides what the log is."""

    def __init__(self, folder: Path, work: Path) -> None:
        self.folder = folder
        self._work = work

    @property
    def checkpoint_path(self) -> Path:
        """The newest checkpoint."""
        return self.folder / "checkpoint"

    def read(self, path: str) -> bytes:
        """The bytes of a tile, from a wider one where it is gone.

        Raises:
            FileNotFoundError: neither is there.
        """
        for _ in range(_TRIES - 1):
            try:
                return self._read(path)
            except FileNotFoundError:
                continue
        return self._read(path)

    def open(self, path: str) -> FileReading:
        """A full tile, to be read block by block.

        Raises:
            FileNotFoundError: it is not there.
        """
        return FileReading((self.folder / path).open("rb", buffering=0))

    def size(self, path: str) -> int | None:
        """How many bytes a full tile has; None when it is not there."""
        try:
            return (self.folder / path).stat().st_size
        except FileNotFoundError:
            return None

    def append(self, old_size: int, entries: Sequence[bytes]) -> bytes:
        """Write the tiles of a grown log; its new root. Not durable before ``sync``."""
        update = new_tiles(old_size, entries, self.read)
        for name, data in update.files.items():
            replace_file(self.folder / name, data, work=self._work, sync=False, mode=PUBLIC)
        return update.root

    def write_checkpoint(self, data: bytes) -> None:
        """Replace the checkpoint that is served; it can be signed again after a crash."""
        replace_file(self.checkpoint_path, data, work=self._work, sync=False, mode=PUBLIC)

    def read_checkpoint(self) -> bytes | None:
        """The checkpoint that is served, if any was made."""
        try:
            with self.checkpoint_path.open("rb") as file:
                data = file.read(MAX_CHECKPOINT + 1)
        except FileNotFoundError:
            return None
        return data if len(data) <= MAX_CHECKPOINT else None

    def sync(self, start: int, size: int) -> None:
        """Make the tiles of entries ``start`` to ``size`` durable, then drop narrower ones."""
        tiles = list(edge_tiles(start, size))
        paths = [self.folder / tile.path for tile in tiles]
        sync_files([*paths, self.checkpoint_path])
        folders = {parent for path in paths for parent in self._parents(path)}
        for folder in sorted(folders, key=lambda p: len(p.parts), reverse=True):
            sync_folder(folder)
        for tile in tiles:
            self._drop_narrower(tile)

    def entries(self, start: int, size: int) -> Iterator[bytes]:
        """The entries from ``start`` to the log's ``size``.

        Raises:
            DamageError: a bundle is missing or damaged.
        """
        at = start
        while at < size:
            index, first = divmod(at, WIDTH)
            width = min(WIDTH, size - index * WIDTH)
            name = entries_path(index, width)
            try:
                bundle = decode_entries(self.read(name), width=width)
            except (OSError, LakzegelError) as error:
                raise DamageError(f"log/{name}: {error}") from None
            yield from bundle[first:]
            at = index * WIDTH + width

    def entry(self, index: int, size: int) -> bytes:
        """One entry of a log of ``size``."""
        return next(self.entries(index, size))

    def reader(self, size: int) -> HashReader:
        """Proofs over the tiles of this size."""
        return HashReader(size, self.read)

    def root(self, size: int) -> bytes:
        """The root that the tiles give for this size."""
        return self.reader(size).root() if size else EMPTY_ROOT

    def _read(self, path: str) -> bytes:
        try:
            return (self.folder / path).read_bytes()
        except FileNotFoundError:
            tile = parse_tile_path(path)
            if tile.width == WIDTH:
                raise
        wider = self._wider(tile)
        return narrow((self.folder / wider.path).read_bytes(), wider, tile.width)

    def _wider(self, tile: TileId) -> TileId:
        """The narrowest tile that is there and wider; the full one when there is none."""
        widths = [w for w in self._widths(tile) if w > tile.width]
        return TileId(tile.level, tile.index, min(widths, default=WIDTH))

    def _widths(self, tile: TileId) -> list[int]:
        folder = (self.folder / TileId(tile.level, tile.index, 1).path).parent
        try:
            return [int(part.name) for part in folder.iterdir() if part.name.isdecimal()]
        except FileNotFoundError:
            return []

    def _parents(self, path: Path) -> list[Path]:
        inside = []
        for parent in path.parents:
            inside.append(parent)
            if parent == self.folder:
                break
        return inside

    def _drop_narrower(self, tile: TileId) -> None:
        widths = [w for w in self._widths(tile) if w < tile.width]
        for width in widths:
            part = self.folder / TileId(tile.level, tile.index, width).path
            part.unlink(missing_ok=True)
        folder = (self.folder / TileId(tile.level, tile.index, 1).path).parent
        if tile.width == WIDTH and folder.is_dir():
            with suppress(OSError):  # what else lies there is for `check` to name
                folder.rmdir()


def edge_tiles(start: int, size: int) -> Iterator[TileId]:
    """The tiles of a log of ``size`` that hold anything of entries ``start`` and later."""
    for level in (ENTRIES, *range(MAX_LEVEL + 1)):
        shift = HEIGHT * max(level, 0)
        count = size >> shift
        for index in range((start >> shift) // WIDTH, -(-count // WIDTH)):
            yield TileId(level, index, min(WIDTH, count - index * WIDTH))
