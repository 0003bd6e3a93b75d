# SPDX-License-Identifier: EUPL-1.2
"""The mirror's layout: a closed set of files, docs/spec/mirror.md §1.

    mirror/log/checkpoint             the newest verified checkpoint, with the office's cosignatures
    mirror/log/tile/…                 tlog-tiles of exactly that size
    mirror/checkpoints/<size>-<size>  verified checkpoints; the second size is the one before
    mirror/batches/<id>.batch         id: lower-case hex SHA-256 of the header note
    mirror/keyrings/<id>.keyring
    mirror/annexes/<sha256 hex>
    mirror/timestamps/…               tokens over checkpoints, what they are over, their roots
    mirror/held                       the newest held statement of this office

This module knows names and reads bytes; what they prove is decided elsewhere.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lakzegel_core import limits, tiles
from lakzegel_core.errors import LakzegelError
from lakzegel_office.errors import DoubtError
from lakzegel_office.regular import open_regular

MAX_BUNDLE: Final = tiles.WIDTH * (2 + limits.MAX_NOTE)  # bytes of a full bundle of entries


@dataclass(frozen=True, slots=True)
class Mirror:
    """The paths of one mirror, and bounded reads from it."""

    root: Path

    @property
    def checkpoint(self) -> Path:
        """The newest verified checkpoint."""
        return self.root / "log" / "checkpoint"

    @property
    def held(self) -> Path:
        """The newest held statement."""
        return self.root / "held"

    @property
    def checkpoints(self) -> Path:
        """The folder of earlier checkpoints."""
        return self.root / "checkpoints"

    def tile(self, path: str) -> Path:
        """Return where a tile or bundle lies."""
        return self.root / "log" / path

    def read_log(self, path: str) -> bytes:
        """Return a tile or bundle.

        Raises:
            DoubtError: it is missing, or longer than any.
        """
        try:
            return read_limited(self.tile(path), MAX_BUNDLE)
        except FileNotFoundError:
            grown = self._grown(path)
        if grown is None:
            raise DoubtError(f"mirror/log/{path}: missing; run pull")
        return grown

    def _grown(self, path: str) -> bytes | None:
        """Return a partial tile out of a wider one, which a pull beside this put in its place."""
        wanted = tiles.parse_tile_path(path)
        if wanted.width == tiles.WIDTH:
            return None
        try:
            names = [one.name for one in self.tile(path).parent.iterdir()]
        except FileNotFoundError:
            names = []
        widths = sorted(int(n) for n in names if n.isdecimal() and int(n) > wanted.width)
        for width in (*widths, tiles.WIDTH):
            wider = tiles.TileId(wanted.level, wanted.index, width)
            with suppress(OSError, LakzegelError):
                data = read_limited(self.tile(wider.path), MAX_BUNDLE)
                return tiles.narrow(data, wider, wanted.width)
        return None

    def batch(self, batch_id: str) -> Path:
        """Return where a batch file lies."""
        return self.root / "batches" / f"{batch_id}.batch"

    def keyring(self, batch_id: str) -> Path:
        """Return where a keyring lies."""
        return self.root / "keyrings" / f"{batch_id}.keyring"

    def annex(self, digest: str) -> Path:
        """Return where an annex lies."""
        return self.root / "annexes" / digest

    def timestamp(self, place: str) -> Path:
        """Return where a file of a token lies."""
        return self.root / "timestamps" / place

    def name(self, path: Path) -> str:
        """Return how a message names a file: relative to the office's home."""
        return f"mirror/{path.relative_to(self.root)}"

    def files(self, part: str = "") -> Iterator[str]:
        """Yield the path below the mirror of all that is there but folders of the layout.

        Of one `part` of it alone, such as `log`, without a look at a hundred thousand batches.

        A link or anything that is not a regular file is yielded with a trailing note, so that it
        never equals an expected name; so is a folder that holds nothing.
        """
        begin = self.root / part
        pending = [begin] if begin.is_dir() and not (part and begin.is_symlink()) else []
        while pending:
            folder = pending.pop()
            empty = True
            with os.scandir(folder) as entries:  # a million of them are not held to be sorted
                for entry in entries:
                    empty = False
                    relative = Path(entry.path).relative_to(self.root).as_posix()
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(Path(entry.path))
                    elif entry.is_file(follow_symlinks=False):
                        yield relative
                    else:
                        yield f"{relative} (not a regular file)"
            if empty and folder.parent not in {self.root, self.root.parent}:
                yield f"{folder.relative_to(self.root).as_posix()}/ (an empty folder)"


def read_limited(path: Path, limit: int) -> bytes:
    """Return a whole small file.

    Raises:
        FileNotFoundError: it is not there.
        DoubtError: it is no file, or longer than anything that belongs there.
    """
    with open_regular(path) as file:
        data = file.read(limit + 1) if os.fstat(file.fileno()).st_size <= limit else None
    if data is None or len(data) > limit:
        raise DoubtError(f"{path}: longer than the {limit} bytes allowed")
    return data


def read_bundle(mirror: Mirror, bundle: int, size: int) -> list[bytes]:
    """Return the mirrored entries of one bundle of a log of `size`.

    Raises:
        DoubtError: the bundle is missing or not what it should be.
    """
    path = tiles.entries_path(bundle, min(tiles.WIDTH, size - bundle * tiles.WIDTH))
    data = mirror.read_log(path)
    try:
        return tiles.decode_entries(data, width=tiles.parse_tile_path(path).width)
    except LakzegelError as error:
        raise DoubtError(f"mirror/log/{path}: {error}") from error
