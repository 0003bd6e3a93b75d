# SPDX-License-Identifier: EUPL-1.2
"""Which hand-overs lie in a folder, and how far they reach (docs/spec/handover.md §2)."""

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from lakzegel_core import tiles
from lakzegel_core.timenames import ANSWER_END, place_of
from lakzegel_office.errors import RefusedError, UnreachableError
from lakzegel_office.handed.folder import TAKEN, Folder
from lakzegel_office.replay import Replay, annexes_of

_FILES: Final = ("batch", "keyring")
READY: Final = "ready"
CHECKPOINT: Final = "checkpoint"
LATE: Final = 3600  # seconds after its `ready` a hand-over must be complete
MAX_READY: Final = 2**26  # bytes: some 400,000 files
_NAME: Final = re.compile(r"([0-9]{8,16})-(0|[1-9][0-9]{0,15})-(0|[1-9][0-9]{0,15})\Z")
_LINE: Final = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9][A-Za-z0-9._-]{0,254})\Z")


@dataclass(frozen=True, slots=True)
class HandedOver:
    """One that is complete, as far as names tell."""

    number: int
    start: int
    size: int
    name: str
    files: Mapping[str, str]  # name and SHA-256 (hex), as its `ready` says

    def bundle(self, tile: tiles.TileId) -> str | None:
        """Return the name of its file with this bundle; None where it has another width."""
        width = min(tiles.WIDTH, self.size - tile.index * tiles.WIDTH)
        name = f"entries-{tile.index}"
        return name if width == tile.width and name in self.files else None


@dataclass(frozen=True, slots=True)
class Survey:
    """What lies there: what is complete, oldest first; what is not, and for how long."""

    complete: tuple[HandedOver, ...]
    incomplete: tuple[tuple[str, float], ...]
    taken: tuple[str, ...]  # what was being removed
    ready: frozenset[str] = frozenset()  # what said that it is whole, of whatever name and form

    def reach(self, size: int) -> tuple[int, int | None]:
        """Return how far a mirror of this size can be advanced, and where the gap behind ends."""
        reached = size
        while True:
            further = [h.size for h in self.complete if h.start <= reached < h.size]
            if not further:
                break
            reached = max(further)
        behind = [h.start for h in self.complete if h.start > reached]
        return reached, min(behind, default=None)


def survey(folder: Folder, now: float) -> Survey:
    """Return what lies there; what is not named like a hand-over is not looked at."""
    complete, incomplete, said = [], [], ready(folder)
    names = sorted(folder.names())
    for name in names:
        match = _NAME.match(name)
        if match is None or int(match[2]) > int(match[3]):
            continue
        try:
            with folder.inside(name) as inner:
                age = inner.age(READY, now)
                if age is None:
                    continue  # it is being written
                files = _listed(inner.read(READY, MAX_READY))
                there = _regular(inner, files, now)
        except UnreachableError:
            continue
        if files is None or there < files.keys() or CHECKPOINT not in files:
            incomplete.append((name, age))
        else:
            numbers = (int(match[1]), int(match[2]), int(match[3]))
            complete.append(HandedOver(*numbers, name, files))
    taken = [name for name in names if _NAME.match(name.removesuffix(TAKEN)) and TAKEN in name]
    complete.sort(key=lambda one: one.number)
    return Survey(tuple(complete), tuple(incomplete), tuple(taken), said)


def ready(folder: Folder) -> frozenset[str]:
    """Return the names of hand-overs that say that they are whole, without a look into them."""
    found = []
    for name in filter(_NAME.match, folder.names()):
        with suppress(UnreachableError), folder.inside(name) as inner:
            if inner.age(READY, 0) is not None:
                found.append(name)
    return frozenset(found)


def _regular(inner: Folder, files: Iterable[str] | None, now: float) -> frozenset[str]:
    return frozenset(file for file in files or () if inner.age(file, now) is not None)


def _listed(data: bytes) -> dict[str, str] | None:
    """Return the files that a `ready` lists, with their digests; None when it is none."""
    try:
        lines = data.decode("ascii").splitlines()
    except UnicodeDecodeError:
        return None
    matches = [_LINE.match(line) for line in lines]
    if not all(matches):
        return None
    return {match[2]: match[1] for match in matches if match is not None}


def refuse_unknown(name: str) -> str:
    """Return a name that a file of a hand-over may have.

    Raises:
        RefusedError: it is none.
    """
    if not _LINE.match(f"{'0' * 64}  {name}"):
        raise RefusedError(f"{name!r}: no name of a file of a hand-over")
    return name


def named(replay: Replay, names: Sequence[str]) -> list[str]:
    """Return which of these files the log names, or are tokens."""
    wanted = set(names)
    found: set[str] = set()
    for record in replay.accepted:
        found |= wanted & {f"{record.batch_id}.{end}" for end in _FILES}
    found |= {f"{digest}.annex" for digest in annexes_of(replay)} & wanted
    return [name for name in names if name in found or is_token(name)]


def is_token(name: str) -> bool:
    """Tell whether a file is called like a token of time."""
    return name.endswith(ANSWER_END) and place_of(name) is not None
