# SPDX-License-Identifier: EUPL-1.2
"""What a verified log says besides batches: keyrings that were changed, holds, terms of office.

The log in the mirror was proven before this is read; what custody refused is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from lakzegel_core import hold, keyringchange, limits, note, tiles
from lakzegel_core.entries import kind_of
from lakzegel_core.hold import Mark
from lakzegel_core.keyringchange import KeyringChange
from lakzegel_office.mirror import Mirror, read_bundle
from lakzegel_office.replay import Replay

_MARKS: Final = (hold.HOLD, hold.TERM)


@dataclass(frozen=True, slots=True)
class Logged:
    """Entries by their place in the log, in its order."""

    changes: list[tuple[int, KeyringChange]] = field(default_factory=list)
    marks: list[tuple[int, Mark]] = field(default_factory=list)

    def changes_of(self, device: str) -> list[tuple[int, KeyringChange]]:
        """Return the keyring changes of one device."""
        return [(index, change) for index, change in self.changes if change.device == device]


def logged_in(mirror: Mirror, replay: Replay) -> Logged:
    """Return what the entries of a replayed log say.

    Raises:
        DoubtError: a bundle went missing since.
    """
    refused = {problem.index for problem in replay.problems if problem.refused}
    found = Logged()
    for index, entry in _entries(mirror, replay.size):
        if index in refused:
            continue
        kind = kind_of(entry)
        if kind == keyringchange.KIND:
            found.changes.append((index, KeyringChange.from_text(_text(entry))))
        elif kind in _MARKS:
            found.marks.append((index, Mark.from_text(_text(entry), kind)))
    return found


def _entries(mirror: Mirror, size: int) -> Iterator[tuple[int, bytes]]:
    for bundle in range(-(-size // tiles.WIDTH)):
        yield from enumerate(read_bundle(mirror, bundle, size), bundle * tiles.WIDTH)


def _text(entry: bytes) -> bytes:
    return note.parse(entry, max_size=limits.MAX_NOTE).text
