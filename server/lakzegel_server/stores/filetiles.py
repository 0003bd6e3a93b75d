# SPDX-License-Identifier: EUPL-1.2
"""Tiles as files, exactly as C2SP tlog-tiles names and as they are served.

A partial tile may be gone because it became wider or full; its bytes are the first ones of that.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from lakzegel_core.tiles import WIDTH, TileId, narrow, parse_tile_path
from lakzegel_server.durable import PUBLIC, replace_file, sync_files, sync_folder
from lakzegel_server.stores.edge import edge_tiles
from lakzegel_server.stores.reading import FileReading

_TRIES: Final = 3  # between looking and reading, a partial tile may have become wider


class TileFiles:
    """The tiles below a folder; work in progress lies in ``work``."""

    def __init__(self, folder: Path, work: Path) -> None:
        self._folder = folder
        self._work = work

    def read(self, path: str) -> bytes:
        """The file's bytes, or the first ones of a wider one."""
        for _ in range(_TRIES - 1):
            try:
                return self._read(path)
            except FileNotFoundError:
                continue
        return self._read(path)

    def open(self, path: str) -> FileReading:
        """The file of a full tile."""
        return FileReading((self._folder / path).open("rb", buffering=0))

    def size(self, path: str) -> int | None:
        """The file's length."""
        try:
            return (self._folder / path).stat().st_size
        except FileNotFoundError:
            return None

    def write(self, tiles: Mapping[str, bytes]) -> None:
        """Put the files there."""
        for name, data in tiles.items():
            replace_file(self._folder / name, data, work=self._work, sync=False, mode=PUBLIC)

    def settled(self, size: int) -> int:
        """All of them."""
        return size

    def sync(self, start: int, size: int) -> None:
        """Sync files and folders, then drop narrower tiles."""
        tiles = list(edge_tiles(start, size))
        paths = [self._folder / tile.path for tile in tiles]
        sync_files(paths)
        folders = {parent for path in paths for parent in self._parents(path)}
        for folder in sorted(folders, key=lambda p: len(p.parts), reverse=True):
            sync_folder(folder)
        for tile in tiles:
            self._drop_narrower(tile)

    def _read(self, path: str) -> bytes:
        try:
            return (self._folder / path).read_bytes()
        except FileNotFoundError:
            tile = parse_tile_path(path)
            if tile.width == WIDTH:
                raise
        wider = self._wider(tile)
        return narrow((self._folder / wider.path).read_bytes(), wider, tile.width)

    def _wider(self, tile: TileId) -> TileId:
        """The narrowest tile that is there and wider; the full one when there is none."""
        widths = [w for w in self._widths(tile) if w > tile.width]
        return TileId(tile.level, tile.index, min(widths, default=WIDTH))

    def _widths(self, tile: TileId) -> list[int]:
        folder = (self._folder / TileId(tile.level, tile.index, 1).path).parent
        try:
            return [int(part.name) for part in folder.iterdir() if part.name.isdecimal()]
        except FileNotFoundError:
            return []

    def _parents(self, path: Path) -> list[Path]:
        inside = []
        for parent in path.parents:
            inside.append(parent)
            if parent == self._folder:
                break
        return inside

    def _drop_narrower(self, tile: TileId) -> None:
        widths = [w for w in self._widths(tile) if w < tile.width]
        for width in widths:
            part = self._folder / TileId(tile.level, tile.index, width).path
            part.unlink(missing_ok=True)
        folder = (self._folder / TileId(tile.level, tile.index, 1).path).parent
        if tile.width == WIDTH and folder.is_dir():
            with suppress(OSError):  # what else lies there is for `check` to name
                folder.rmdir()
