# SPDX-License-Identifier: EUPL-1.2
"""Which entries of a log what was replayed still rests on (docs/spec/savepoint.md §2).

Newest headers and keyring changes are where the devices and keyrings are; the rest is here.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import Final

from lakzegel_core.batch import Header
from lakzegel_core.custody_state import DeviceState, EpochState, KeyringState, TrailEntry
from lakzegel_core.entries import Entry
from lakzegel_core.finding import Finding
from lakzegel_core.keyringchange import KeyringChange
from lakzegel_core.trail import Trail

_INDICES: Final = "Q"  # of an array: 8 bytes an entry, for there is one for each admission ever


class Kept:
    """The indices of the entries that are for ever, and how many of the others there were."""

    __slots__ = ("_for_ever", "_newest_trail", "findings", "others")

    def __init__(self) -> None:
        self._for_ever = array(_INDICES)
        self._newest_trail: int | None = None
        self.findings = 0
        self.others = 0  # entries of kinds of which each one is kept

    def __repr__(self) -> str:
        return f"Kept({self.indices()}, {self.findings}, {self.others})"

    def add(self, index: int, entry: Entry, before: TrailEntry | None) -> None:
        """Take in the next entry of a log; ``before`` is the newest entry of its trail."""
        if isinstance(entry, Finding):
            self.findings += 1
        elif isinstance(entry, Trail):
            self._add_trail(index, entry, before)
        elif not isinstance(entry, Header | KeyringChange):
            self._for_ever.append(index)
            self.others += 1

    def _add_trail(self, index: int, entry: Trail, before: TrailEntry | None) -> None:
        """One that names another key than the one before stays: it is in its role for ever."""
        if before is None or before.trail.key != entry.key:
            self._for_ever.append(index)
            self._newest_trail = None
        else:
            self._newest_trail = index

    def indices(self) -> list[int]:
        """Of all but headers and keyring changes, in the order of the log."""
        newest = () if self._newest_trail is None else (self._newest_trail,)
        return [*self._for_ever, *newest]


def epochs_of(devices: Iterable[DeviceState]) -> Iterable[EpochState]:
    """Every epoch of every device."""
    for device in devices:
        yield from device.closed_epochs
        yield device.current


def count(
    kept: Kept,
    devices: Iterable[DeviceState],
    keyrings: Iterable[KeyringState],
    trail: TrailEntry | None,
) -> int:
    """How many entries a log must have had to leave this behind (docs/spec/savepoint.md §4).

    Chains begin at 0 and have no gaps, so the newest of each tells how many there were.
    """
    batches = sum(e.head.batch + 1 for e in epochs_of(devices) if e.head is not None)
    changes = sum(one.generation for one in keyrings)
    trails = 0 if trail is None else trail.trail.number + 1
    return kept.others + kept.findings + batches + changes + trails
