# SPDX-License-Identifier: EUPL-1.2
"""What of a log the office has still to bring in, open or except: numbers, not objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from lakzegel_office.headers import HeaderRecord
from lakzegel_office.holding import Misfit, misfits_in
from lakzegel_office.index import Failure
from lakzegel_office.replay import Replay, annexes_of


@dataclass(slots=True)
class Backlog:
    """Everything below `seen` that is not in one of these is mirrored, opened and fits.

    ``waiting``: headers whose batch or keyring is not here or not opened. ``rings``: headers whose
    keyring was changed and may not be the new one here. ``annexes``: that may not be here.
    ``failed``: headers of batches that were opened, and what did not fit. All by entry of the log.
    """

    seen: int = 0
    waiting: set[int] = field(default_factory=set)
    rings: set[int] = field(default_factory=set)
    annexes: dict[str, None] = field(default_factory=dict)
    failed: dict[int, tuple[Failure, ...]] = field(default_factory=dict)

    def take(self, replay: Replay) -> None:
        """Add what came into the log since."""
        self.waiting.update(record.index for record in replay.accepted.since(self.seen))
        for row in replay.changes.since(self.seen):
            change = row.change
            record = replay.accepted.find((change.device, change.epoch, change.batch))
            if record is not None:
                self.rings.add(record.index)
        self.annexes |= dict.fromkeys(annexes_of(replay, self.seen))
        self.seen = replay.size

    def opened(self, record: HeaderRecord, failures: tuple[Failure, ...]) -> None:
        """Take note that a batch was opened, and of what did not fit."""
        self.waiting.discard(record.index)
        self.failed.pop(record.index, None)
        if failures:
            self.failed[record.index] = failures

    def again(self, record: HeaderRecord) -> None:
        """Take note that a batch has to be opened once more."""
        self.failed.pop(record.index, None)
        self.waiting.add(record.index)

    def misfits(self, replay: Replay) -> Iterator[Misfit]:
        """Yield what does not fit, of the log's headers and of batches, in the order of the log."""
        return misfits_in(replay, self.failed)

    def to_json(self, replay: Replay, held: int) -> Mapping[str, Any]:
        """Return what a later process needs; what a finding below `held` excepts is settled."""
        settled = set()
        for index in self.failed:
            record = replay.accepted.at(index)
            cases = [] if record is None else misfits_in(replay, {index: self.failed[index]})
            places = [c.excepted_at(replay) for c in cases if c.record.index == index]
            if all(place is not None and place < held for place in places):
                settled.add(index)
        return {
            "annexes": list(self.annexes),
            "failed": sorted(set(self.failed) - settled),
            "rings": sorted(self.rings),
            "waiting": sorted(self.waiting),
        }

    @classmethod
    def from_json(cls, says: Mapping[str, Any], size: int) -> Self:
        """Return what `to_json` told; batches that did not fit are looked at again."""
        waiting = {int(index) for index in (*says["waiting"], *says["failed"])}
        rings = {int(index) for index in says["rings"]}
        annexes = dict.fromkeys(str(digest) for digest in says["annexes"])
        return cls(size, waiting, rings, annexes)
