# SPDX-License-Identifier: EUPL-1.2
"""What a restore will write where; decided before anything is written.

    <source>/<path>                         the latest version of each file, vanished ones too
    .versions/<source>/<path>/<version>     the older versions
    .versions/.clashes/<file>-<version>-<n> what would lie on top of something else

A later capture wins a name. Two files of one path (deleted and made anew, or captured again after
a new epoch) leave the earlier one below `.versions`, its name ending in `.<file>`.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from lakzegel_core.errors import FormatError, LakzegelError
from lakzegel_office.capture import Capture, SegmentRef, path_bytes, read_path
from lakzegel_office.index import IndexedItem
from lakzegel_office.names import VERSIONS, ItemId, safe_parts
from lakzegel_office.opening import capture_of

CLASHES: Final = b".clashes"

Parts = tuple[bytes, ...]
BatchKey = tuple[int, int]  # epoch, batch
Place = tuple[int, int, int]  # epoch, batch, index


@dataclass(frozen=True, slots=True)
class Target:
    """One file to be written."""

    parts: Parts
    item: ItemId
    size: int
    mode: int
    mtime: int
    pieces: int
    latest: bool


@dataclass(frozen=True, slots=True)
class Piece:
    """Where one segment goes in one target."""

    target: int
    offset: int
    size: int
    commitment: str


@dataclass(slots=True)
class Plan:
    """Everything that a restore of one device will do."""

    targets: list[Target] = field(default_factory=list)
    pieces: dict[BatchKey, dict[int, list[Piece]]] = field(default_factory=dict)
    folders: list[Parts] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Version:
    """One captured version of one file."""

    item: ItemId
    commitment: str
    capture: Capture
    base: Capture | None
    parts: Parts

    def segments(self) -> list[SegmentRef]:
        """Every segment in order."""
        return list(self.capture.segments(self.base))


def make_plan(items: Iterable[tuple[ItemId, IndexedItem]], *, latest_only: bool) -> Plan:
    """Return the plan for one device's items, in the order of its chain.

    What is hostile or malformed is named in `refused` and left out; the rest is restored.
    """
    plan = Plan()
    versions: list[_Version] = []
    bases: dict[Place, _Version] = {}
    folders: dict[str, tuple[ItemId, IndexedItem]] = {}
    for item, line in items:
        if line.kind == "capture":
            _add_version(plan, versions, bases, item, line)
        elif line.payload is not None and line.payload.get("type") == "folders":
            folders[line.source] = (item, line)
    _place(plan, versions, latest_only=latest_only)
    _add_folders(plan, folders)
    return plan


def _add_version(
    plan: Plan,
    versions: list[_Version],
    bases: dict[Place, _Version],
    item: ItemId,
    line: IndexedItem,
) -> None:
    try:
        capture = capture_of(line)
        parts = safe_parts(line.source, read_path(line.context))
        base = _base(capture, bases)
        deque(capture.segments(base), maxlen=0)
        version = _Version(item, line.commitment, capture, base, parts)
    except LakzegelError as error:
        plan.refused.append(f"{item}: not restored: {error}")
        return
    versions.append(version)
    if capture.base is None:
        bases[(item.epoch, item.batch, item.index)] = version


def _base(capture: Capture, bases: Mapping[Place, _Version]) -> Capture | None:
    """Return what a capture builds on, of those that came before it.

    Raises:
        FormatError: that is not there, or not what it was.
    """
    if capture.base is None:
        return None
    found = bases.get((capture.base.epoch, capture.base.batch, capture.base.index))
    if found is None or found.commitment != capture.base.commitment:
        raise FormatError("capture", "what it builds on was not sealed before it")
    return found.capture


def _place(plan: Plan, versions: list[_Version], *, latest_only: bool) -> None:
    """Give every version its place, the newest first, so that it wins its name."""
    taken = _Taken()
    seen: set[tuple[bytes, str]] = set()
    older: list[_Version] = []
    for version in reversed(versions):
        history = (version.parts[0], version.capture.file)
        if history not in seen and taken.claim(version.parts):
            _add_target(plan, version, version.parts, latest=True)
        else:
            older.append(version)
        seen.add(history)
    for version in () if latest_only else older:
        _add_target(plan, version, _older_place(taken, version), latest=False)


def _older_place(taken: "_Taken", version: _Version) -> Parts:
    capture = version.capture
    folder = (VERSIONS, *version.parts)
    number = str(capture.version).encode()
    for name in (number, number + b"." + capture.file.encode()):
        if taken.claim((*folder, name)):
            return (*folder, name)
    stem = capture.file.encode() + b"-" + number
    count = 0
    while not taken.claim((VERSIONS, CLASHES, stem + b"-%d" % count)):
        count += 1
    return (VERSIONS, CLASHES, stem + b"-%d" % count)


def _add_target(plan: Plan, version: _Version, parts: Parts, *, latest: bool) -> None:
    capture = version.capture
    number = len(plan.targets)
    segments = version.segments()
    plan.targets.append(
        Target(
            parts, version.item, capture.size, capture.mode, capture.mtime, len(segments), latest
        )
    )
    offset = 0
    for segment in segments:
        batch = plan.pieces.setdefault((segment.epoch, segment.batch), {})
        piece = Piece(number, offset, segment.size, segment.commitment)
        batch.setdefault(segment.index, []).append(piece)
        offset += segment.size


def _add_folders(plan: Plan, folders: Mapping[str, tuple[ItemId, IndexedItem]]) -> None:
    """Add the folders that held no captured file, by each source's newest listing."""
    files = {target.parts for target in plan.targets}
    for source, (item, line) in folders.items():
        listed = (line.payload or {}).get("folders", [])
        for value in listed if isinstance(listed, list) else []:
            try:
                parts = safe_parts(source, path_bytes(value))
            except LakzegelError as error:
                plan.refused.append(f"{item}: a folder not restored: {error}")
                continue
            if not any(parts[:end] in files for end in range(1, len(parts) + 1)):
                plan.folders.append(parts)


class _Taken:
    """The names that files have, and those that must be folders because of them."""

    def __init__(self) -> None:
        self._files: set[Parts] = set()
        self._folders: set[Parts] = set()

    def claim(self, parts: Parts) -> bool:
        """Take a name for a file, unless something lies there, below it, or in its way."""
        above = [parts[:end] for end in range(1, len(parts))]
        if parts in self._files or parts in self._folders:
            return False
        if any(folder in self._files for folder in above):
            return False
        self._files.add(parts)
        self._folders.update(above)
        return True
