# SPDX-License-Identifier: EUPL-1.2
"""What a package installs, as a list: paths, rights, and where the bytes are."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lakzegel_frozen.errors import FrozenError

FOLDER, FILE = "folder", "file"


@dataclass(frozen=True, slots=True)
class Entry:
    """One file or folder; ``content`` is its bytes, or the file that has them."""

    name: str  # relative, "/" between parts; "." is the root
    mode: int  # rights alone
    content: bytes | Path | None = None  # None: a folder

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.content is None

    @property
    def type_and_mode(self) -> int:
        """As `stat` has it."""
        return (stat.S_IFDIR if self.is_folder else stat.S_IFREG) | self.mode

    def read(self) -> bytes:
        """Its bytes; none of a folder's."""
        if isinstance(self.content, Path):
            return self.content.read_bytes()
        return self.content or b""


def below(root: Path, place: str) -> list[Entry]:
    """What is in a folder, under the place where it will be.

    Raises:
        FrozenError: something that no package has.
    """
    found = [Entry(place, 0o755)]
    for folder, folders, names in os.walk(root):
        at = Path(folder).relative_to(root).as_posix()
        start = place if at == "." else f"{place}/{at}"
        found += [Entry(f"{start}/{name}", 0o755) for name in folders]
        for name in names:
            path = Path(folder, name)
            if path.is_symlink() or not path.is_file():
                raise FrozenError(f"{path}: not a file; a package has none of that")
            mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
            found.append(Entry(f"{start}/{name}", mode, path))
    return found


def whole(entries: Iterable[Entry]) -> list[Entry]:
    """These entries with every folder above them, in the order of a walk from the root.

    Raises:
        FrozenError: two have one name.
    """
    by_name: dict[str, Entry] = {}
    for entry in entries:
        before = by_name.setdefault(entry.name, entry)
        if before is not entry and not (before.is_folder and entry.is_folder):
            raise FrozenError(f"{entry.name}: twice in the package")
    for name in list(by_name):
        parent = name.rpartition("/")[0]
        while parent:
            by_name.setdefault(parent, Entry(parent, 0o755))
            parent = parent.rpartition("/")[0]
    by_name.setdefault(".", Entry(".", 0o755))
    return sorted(by_name.values(), key=lambda one: (one.name != ".", one.name.split("/")))
