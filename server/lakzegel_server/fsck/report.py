# SPDX-License-Identifier: EUPL-1.2
"""What a check covered, and what it doubts."""

from __future__ import annotations

from dataclasses import dataclass

from lakzegel_core.savepoint import Restored
from lakzegel_server.fsck.doubts import Doubt, Survey
from lakzegel_server.fsck.log import Replayed


@dataclass(frozen=True, slots=True)
class Report:
    """The result of one check."""

    entries: int
    batches: int
    files: int
    doubts: tuple[Doubt, ...]
    since: int = 0  # files of entries from here on were read
    end: Restored | None = None  # where the next one may go on; None where it may not
    orphans: tuple[Doubt, ...] = ()  # never sealed, and locked where they are
    fresh: bool = False  # only what came from ``since`` on was looked at


def report(found: Survey, replayed: Replayed, since: int, *, fresh: bool = False) -> Report:
    """The result of what was found."""
    whole = replayed.whole and replayed.edge is not None
    return Report(
        entries=replayed.custody.size,
        batches=replayed.batches,
        files=len(found.files) + found.looked,
        doubts=tuple(found.doubts),
        since=since,
        end=Restored(replayed.custody, replayed.edge) if whole and replayed.edge else None,
        orphans=tuple(found.orphans),
        fresh=fresh,
    )
