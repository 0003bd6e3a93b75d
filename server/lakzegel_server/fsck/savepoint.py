# SPDX-License-Identifier: EUPL-1.2
"""The savepoints that a start and a check go on from: of this log, or a doubt (storage.md §8)."""

from __future__ import annotations

from typing import Final

from lakzegel_core.errors import LakzegelError
from lakzegel_core.merkle import Frontier
from lakzegel_server.fsck.doubts import Survey
from lakzegel_server.logstore import LogStore
from lakzegel_server.savepoints import read_savepoint

SAVEPOINT: Final = "savepoint"
CHECKED: Final = "checked.savepoint"
_WHY: Final = {
    SAVEPOINT: "the next start replays the whole log",
    CHECKED: "everything is checked anew",
}


def check_savepoint(
    found: Survey, place: str, origin: str, tree: Frontier, store: LogStore
) -> None:
    """Return; what does not lead to the log is named.

    Beside a receiver that serves, a newer one than the snapshot of the index may be there.
    """
    if place not in found.files:
        return
    found.claimed.add(place)
    try:
        read_savepoint(found.data / place, origin, tree, store)
    except (LakzegelError, OSError) as error:
        if not found.live:
            found.doubt(place, f"{error}; take it away, and {_WHY[place]}")
