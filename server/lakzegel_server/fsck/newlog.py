# SPDX-License-Identifier: EUPL-1.2
"""The entries that came after the last check, against tiles, index and what was proven before."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from lakzegel_core.batch import Header
from lakzegel_core.custody_state import CheckedEntry
from lakzegel_core.errors import LakzegelError
from lakzegel_core.finding import Finding
from lakzegel_core.hold import Mark
from lakzegel_core.keyringchange import KeyringChange
from lakzegel_core.merkle import leaf_hash
from lakzegel_core.policy import Policy
from lakzegel_core.proventiles import ProvenTiles
from lakzegel_core.savepoint import Restored
from lakzegel_core.tiles import ENTRIES, WIDTH, entries_path
from lakzegel_core.trail import Trail
from lakzegel_server.errors import DamageError
from lakzegel_server.fsck.doubts import Survey
from lakzegel_server.fsck.log import Replayed
from lakzegel_server.fsck.rows import Rows
from lakzegel_server.logstore import LogStore, edge_tiles

_HELD: Final = 1_024  # roots that are kept, for devices see the same trees


class ProvenRoots:
    """Earlier roots by the tiles, which are proven under the root of the newest tree."""

    def __init__(self, proven: ProvenTiles) -> None:
        self._reader = proven.reader
        self._held: dict[int, bytes | None] = {}

    def get(self, size: int, /) -> bytes | None:
        """The root of that size; None where the log never had it."""
        if size not in self._held:
            if len(self._held) >= _HELD:
                del self._held[next(iter(self._held))]
            self._held[size] = None
            with suppress(LakzegelError, OSError):
                self._held[size] = self._reader.root(size)
        return self._held[size]


@dataclass(slots=True)
class NewEntries:
    """Takes in the entries from where the last check ended."""

    found: Survey
    rows: Rows
    store: LogStore
    proven: ProvenTiles
    restored: Restored
    replayed: Replayed = field(init=False)
    changes: list[KeyringChange] = field(default_factory=list)
    annexes: set[bytes] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.replayed = Replayed(self.restored.custody, ProvenRoots(self.proven))

    def run(self) -> Replayed:
        """What the log proves now; what does not hold is a doubt."""
        since, size = self.restored.custody.size, self.rows.tree.size
        for tile in edge_tiles(since, size):
            if tile.level != ENTRIES:
                self._check_tile(tile.path, tile.level, tile.index)
        try:
            for index, data in enumerate(self.store.entries(since, size), since):
                if not self._take(index, data):
                    break
        except DamageError as error:
            place, _, what = str(error).partition(": ")
            self._doubt(place, what)
        if not self.rows.entries.are_exactly(size):
            self.found.doubt(
                self.found.index, f"table entries: not exactly those from {since} to {size}"
            )
        self._check_edge()
        return self.replayed

    def _check_tile(self, path: str, level: int, index: int) -> None:
        try:
            self.proven.tile(level, index)
        except (LakzegelError, OSError):
            self._doubt(f"log/{path}", "not a tile of the log's tree")

    def _take(self, index: int, data: bytes) -> bool:
        """Whether the entry is the one that was sealed, and may be there."""
        place = f"log/{self._bundle(index)}"
        leaf = leaf_hash(data)
        try:
            if leaf != self.proven.leaf(index):
                self._doubt(place, f"entry {index} is not the one that was sealed")
                return False
            self._check_rows(index, data)
            checked = self.restored.custody.apply(data)
        except OSError:
            return False  # its tile was named
        except LakzegelError as error:
            self._doubt(place, f"entry {index}: {error}")
            return False
        self.restored.edge.append(leaf)
        self._note(index, place, checked)
        return True

    def _check_rows(self, index: int, data: bytes) -> None:
        if self.rows.entries.get(index) != hashlib.sha256(data).digest():
            self.found.doubt(self.found.index, f"table entries: entry {index} is not the log's")
        if self.rows.pending.get(index, data) != data:
            self.found.doubt(self.found.index, f"table pending: entry {index} is not the log's")

    def _note(self, index: int, place: str, checked: CheckedEntry) -> None:
        entry = checked.entry
        if isinstance(entry, Header):
            self.replayed.batches += 1
            seen = entry.seen
            if seen.size > index + 1 or self.replayed.roots.get(seen.size) != seen.root:
                self._doubt(place, f"entry {index}: its device saw another log than this one")
        elif isinstance(entry, Trail):
            self.replayed.trails.append((checked.id, entry))
        elif isinstance(entry, KeyringChange):
            self.changes.append(entry)
        self.annexes.update(_annexes_of(checked))

    def _check_edge(self) -> None:
        if not self.replayed.whole:
            return
        self.replayed.edge = self.restored.edge
        if self.restored.edge.to_hashes() != self.rows.tree.to_hashes():
            self._doubt(self.found.index, "table tree: not the edge of the log's entries")

    def _bundle(self, index: int) -> str:
        number = index // WIDTH
        return entries_path(number, min(WIDTH, self.rows.tree.size - number * WIDTH))

    def _doubt(self, place: str, what: str) -> None:
        self.found.doubt(place, what)
        self.replayed.whole = False


def _annexes_of(checked: CheckedEntry) -> Iterator[bytes]:
    """The annexes that an entry names."""
    entry = checked.entry
    if isinstance(entry, Policy):
        yield from entry.annexes.values()
    elif isinstance(entry, Mark | Finding) and entry.annex is not None:
        yield entry.annex
