# SPDX-License-Identifier: EUPL-1.2
"""The folders that are watched: `KIND:DIR`, each named by its folder."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lakzegel_demo.errors import UsageError

KIND: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*\Z")
MAX_NAME: Final = 128  # characters of a source's label, docs/spec/policy.md
WILD: Final = frozenset("*?[")  # a policy's path is a pattern
RESERVED: Final = ".versions"  # where a restore puts older versions


@dataclass(frozen=True, slots=True)
class WatchedFolder:
    """One source: the reader's kind, the folder, and the opaque name that the receiver sees."""

    kind: str
    folder: Path
    opaque: str

    @property
    def name(self) -> str:
        """What the records office calls it: its folder's name."""
        return self.folder.name


def watched(texts: Sequence[str]) -> tuple[WatchedFolder, ...]:
    """Return the folders of `--watch`.

    Raises:
        UsageError: an argument is not `KIND:DIR`, DIR is no folder, or two have one name.
    """
    return distinct(_parse(text) for text in texts)


def distinct(pairs: Iterable[tuple[str, Path]]) -> tuple[WatchedFolder, ...]:
    """Return the pairs as watched folders, numbered `s1`, `s2` and so on.

    Raises:
        UsageError: two folders have one name; they would be restored on top of each other.
    """
    found: dict[str, WatchedFolder] = {}
    for number, (kind, folder) in enumerate(pairs, 1):
        if folder.name in found:
            raise UsageError(
                f"--watch: {found[folder.name].folder} and {folder} have one name, "
                f"{folder.name!r}, and a source is named by its folder; rename one"
            )
        found[folder.name] = WatchedFolder(kind, folder, f"s{number}")
    return tuple(found.values())


def _parse(text: str) -> tuple[str, Path]:
    kind, colon, name = text.partition(":")
    if not colon or not name or not KIND.match(kind):
        raise UsageError(f"--watch {text!r}: give KIND:DIR, such as maildir:~/Mail")
    folder = Path(name).expanduser().absolute()
    if not folder.is_dir():
        raise UsageError(f"--watch {text!r}: {folder} is not a folder")
    folder = folder.resolve()
    label = folder.name
    if not label or label == RESERVED or not label.isprintable() or "\\" in label:
        raise UsageError(f"--watch {text!r}: the folder's name cannot be a source's name")
    if not WILD.isdisjoint(str(folder)):
        raise UsageError(f"--watch {text!r}: a path with *, ? or [ is a pattern in a policy")
    if len(label) > MAX_NAME:
        raise UsageError(f"--watch {text!r}: its name is longer than {MAX_NAME} characters")
    return kind, folder
