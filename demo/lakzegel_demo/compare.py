# SPDX-License-Identifier: EUPL-1.2
"""Two folders, compared byte for byte, names as bytes."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

CHUNK: Final = 1 << 20  # bytes read at a time


@dataclass(slots=True)
class Comparison:
    """What a source and its restored folder have in common, and what not."""

    files: int = 0
    size: int = 0  # bytes of the source's regular files
    missing: list[str] = field(default_factory=list)  # files; an exclusion explains them or none
    lost: list[str] = field(default_factory=list)  # folders
    unexpected: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)  # links, pipes, sockets: never restored

    @property
    def same(self) -> bool:
        """Whether nothing differs but what is missing."""
        return not (self.unexpected or self.different)


def compare(source: Path, restored: Path) -> Comparison:
    """Return how a restored folder differs from its source; folders without files count too."""
    found = Comparison()
    left, right = os.fsencode(source), os.fsencode(restored)
    before, after = dict(_walk(left)), dict(_walk(right))
    for path, mode in sorted(before.items()):
        _compare_one(found, left, right, path, mode, after.get(path))
    found.unexpected = [_shown(path) for path in sorted(after.keys() - before.keys())]
    found.different += [path for path in found.lost if not _explained(found, path)]
    return found


def same_bytes(first: bytes, second: bytes) -> bool:
    """Whether two files hold the same bytes."""
    with open(first, "rb") as one, open(second, "rb") as two:  # noqa: PTH123 - bytes paths
        while True:
            left, right = one.read(CHUNK), two.read(CHUNK)
            if left != right:
                return False
            if not left:
                return True


def _compare_one(
    found: Comparison, left: bytes, right: bytes, path: bytes, mode: int, other: int | None
) -> None:
    if stat.S_ISREG(mode):
        found.files += 1
        found.size += os.lstat(left + b"/" + path).st_size
    elif not stat.S_ISDIR(mode):
        found.others.append(_shown(path))
        return
    if other is None:
        (found.lost if stat.S_ISDIR(mode) else found.missing).append(_shown(path))
    elif stat.S_IFMT(mode) != stat.S_IFMT(other) or (
        stat.S_ISREG(mode) and not same_bytes(left + b"/" + path, right + b"/" + path)
    ):
        found.different.append(_shown(path))


def _explained(found: Comparison, folder: str) -> bool:
    """Whether a folder is not there because nothing in it was captured."""
    return any(path.startswith(f"{folder}/") for path in (*found.missing, *found.others))


def _walk(root: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield relative path and mode of all below `root`, following no link."""
    waiting = [b""]
    while waiting:
        folder = waiting.pop()
        try:
            entries = list(os.scandir(root + b"/" + folder))
        except (FileNotFoundError, PermissionError):
            continue
        for entry in entries:
            path = folder + b"/" + entry.name if folder else entry.name
            mode = entry.stat(follow_symlinks=False).st_mode
            yield path, mode
            if stat.S_ISDIR(mode):
                waiting.append(path)


def _shown(path: bytes) -> str:
    """Return a path as one printable line."""
    return ascii(os.fsdecode(path))[1:-1]
