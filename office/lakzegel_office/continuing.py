# SPDX-License-Identifier: EUPL-1.2
"""What `verify --since last` demands: of what came since, all of it; docs/spec/mirror.md §8.

It trusts what an earlier run remembered: a tree of this log, and that everything below it held.
What rotted since on the disk of that it finds in the share alone that it reads again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from lakzegel_core import tiles
from lakzegel_core.errors import LakzegelError
from lakzegel_core.merkle import verify_consistency
from lakzegel_office.checkpoints import Checkpoints
from lakzegel_office.config import Config
from lakzegel_office.doubts import Doubt
from lakzegel_office.edge import too_many
from lakzegel_office.errors import DoubtError
from lakzegel_office.headers import HeaderRecord
from lakzegel_office.holding import check_held
from lakzegel_office.memory import Memory, Remembered
from lakzegel_office.mirror import Mirror, read_bundle
from lakzegel_office.places import Places
from lakzegel_office.replay import Replay, annexes_of
from lakzegel_office.timestamps import check_timestamps
from lakzegel_office.treecheck import TreeCheck
from lakzegel_office.verification import (
    CHECKPOINT,
    Progress,
    Stamped,
    Verification,
    Verifier,
    blame_entries,
)

_TOP: Final = frozenset(
    {"annexes", "batches", "checkpoints", "held", "keyrings", "log", "timestamps"}
)


@dataclass(frozen=True, slots=True)
class Again:
    """Which entries of what was verified before are read again: from `first` to below `upto`."""

    first: int
    upto: int

    @classmethod
    def after(cls, remembered: Remembered, share: float) -> Self:
        """Return the share that is next: all are read in 1/`share` runs, rounded up."""
        said = remembered.says.get("again", {})
        first = int(said.get("next", 0))
        first = first if first < remembered.size else 0
        return cls(first, min(remembered.size, first + math.ceil(remembered.size * share)))


def other_past(mirror: Mirror, config: Config, remembered: Remembered) -> Iterator[Doubt]:
    """Yield that the mirrored log does not begin with the one that was verified before."""
    try:
        newest = Checkpoints.load(mirror, config).newest.checkpoint
        if newest.size < remembered.size:
            what = f"of {newest.size} entries, and {remembered.size} were verified; an older one"
            yield Doubt(CHECKPOINT, what, "set-back")
            return
        reader = tiles.HashReader(newest.size, mirror.read_log, root=newest.root)
        verify_consistency(
            old_size=remembered.size,
            new_size=newest.size,
            old_root=remembered.root,
            new_root=newest.root,
            proof=reader.consistency(remembered.size),
        )
    except (LakzegelError, DoubtError) as error:
        what = f"not proven to begin with the {remembered.size} entries that were verified: {error}"
        yield Doubt(CHECKPOINT, what, "fork")


class Continuation(Verifier):
    """Verifies what came since; an instance is for one run."""

    def __init__(
        self,
        mirror: Mirror,
        config: Config,
        progress: Progress,
        remembered: Remembered,
        replay: Replay,
        again: Again,
    ) -> None:
        """Keep the log as it was replayed then."""
        super().__init__(mirror, config, progress)
        self._remembered = remembered
        self._since = remembered.size
        self._base = replay
        self._again = again

    @classmethod
    def begin(
        cls,
        mirror: Mirror,
        config: Config,
        progress: Progress,
        memory: Memory,
        remembered: Remembered,
        places: Path,
        share: float,
    ) -> Self | None:
        """Return one that goes on from what was remembered; None where that cannot be had."""
        try:
            signed_at = Checkpoints.load(mirror, config).signed_at
        except DoubtError:
            return None
        index = Places.reading(places) or Places.passing()
        replay = memory.resume(remembered, signed_at, index)
        if replay is None:
            return None
        again = Again.after(remembered, share)
        return cls(mirror, config, progress, remembered, replay, again)

    def run(self) -> Verification:
        """Return what was found."""
        result, replay = self._result, self._base
        says = self._remembered.says
        result.stamped = _stamped(says)
        try:
            checkpoints = Checkpoints.load(self._mirror, self._config)
            result.signed, result.signed_after = checkpoints.newest, checkpoints.signed_after
            result.replay = replay
            self._feed(checkpoints)
            self._check_checkpoint(replay)
            result.doubts += checkpoints.check(replay, self._since)
            self._check_entries(replay)
            self._check_files(replay, self._new(replay), None)
            self._check_again(replay, checkpoints)
            self._check_annexes(annexes_of(replay, self._since))
            result.doubts += check_held(self._mirror, self._config, replay)
            result.times = check_timestamps(self._mirror, self._config, replay, says.get("times"))
            result.doubts += result.times.doubts
        except DoubtError as error:
            name, _, what = str(error).partition(": ")
            result.doubts.append(Doubt(name, what))
            result.replay = None  # of a log that is damaged nothing more is told
        self._check_edge()
        return result

    def _feed(self, checkpoints: Checkpoints) -> None:
        """Steps 3 and 4 of the new entries, and every tile that they are in.

        Raises:
            DoubtError: they are not those that the log signed.
        """
        newest, replay, wrong = checkpoints.newest.checkpoint, self._base, dict[str, str]()
        tree = TreeCheck(lambda path, expected: self._compare_tile(path, expected, wrong))
        try:
            tree.begin_at(self._since, self._mirror.read_log)
        except LakzegelError as error:
            raise DoubtError(f"mirror/log/tile: {error}") from error
        replay.roots.anchor(newest.size, newest.root)
        for bundle in range(self._since // tiles.WIDTH, -(-newest.size // tiles.WIDTH)):
            begin = bundle * tiles.WIDTH
            for index, entry in enumerate(read_bundle(self._mirror, bundle, newest.size), begin):
                if index < self._since:  # in a bundle that was written anew
                    self._require_old(index, entry)
                    continue
                tree.add(entry)
                replay.feed(entry)
        tree.finish()
        if replay.root(newest.size) != newest.root:
            raise DoubtError(blame_entries(wrong, newest.size))
        for path, what in wrong.items():
            self._result.doubts.append(Doubt(f"mirror/log/{path}", what, "root-mismatch"))

    def _require_old(self, index: int, entry: bytes) -> None:
        try:
            self._base.roots.require_entry(index, entry)
        except DoubtError as error:
            bundle, place = divmod(index, tiles.WIDTH)
            width = min(tiles.WIDTH, self._base.roots.anchored - bundle * tiles.WIDTH)
            path = tiles.entries_path(bundle, width)
            raise DoubtError(f"mirror/log/{path}: entry {place} was changed") from error

    def _new(self, replay: Replay) -> Iterator[HeaderRecord]:
        """Yield the new batches, and the older ones whose keyring was changed since."""
        changed: set[int] = set()
        for row in replay.changes.since(self._since):
            change = row.change
            record = replay.accepted.find((change.device, change.epoch, change.batch))
            if record is not None and record.index < self._since and record.index not in changed:
                changed.add(record.index)
                yield record
        yield from replay.accepted.since(self._since)

    def _check_again(self, replay: Replay, checkpoints: Checkpoints) -> None:
        """Read a share of what was verified before once more."""
        first, upto = self._again.first, self._again.upto
        for _ in replay.entries.since(first, upto):
            pass  # each is proven when it is read
        self._check_files(replay, replay.accepted.since(first, upto), None)
        self._check_annexes(annexes_of(replay, first, upto))
        self._result.doubts += checkpoints.check_between(replay, first, upto)

    def _check_edge(self) -> None:
        """Of step 12: no tile beyond the log's edge, and nothing strange beside the folders."""
        if self._result.signed is not None:
            size = self._result.signed.checkpoint.size
            found = too_many(self._mirror, min(self._since, size), size)
            self._unexpected(f"log/{path}" for path in found)
        here = {path.name for path in self._mirror.root.iterdir()}
        self._unexpected(here - _TOP)


def _stamped(says: Any) -> Stamped:  # noqa: ANN401 - JSON
    counted = Stamped()
    kept = says.get("stamped")
    if kept is not None:
        counted.below = int(kept["below"])
        counted.batches.update({str(name): int(n) for name, n in kept["batches"].items()})
    return counted
