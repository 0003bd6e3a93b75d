# SPDX-License-Identifier: EUPL-1.2
"""The savepoint that the next start goes on from: it is of this log, or a doubt (storage.md §8)."""

from __future__ import annotations

from typing import Final

from lakzegel_core.errors import LakzegelError
from lakzegel_core.merkle import Frontier
from lakzegel_server.fsck.doubts import Survey
from lakzegel_server.logstore import LogStore
from lakzegel_server.savepoints import read_savepoint

PLACE: Final = "savepoint"


def check_savepoint(found: Survey, origin: str, tree: Frontier, store: LogStore) -> None:
    """Return; what does not lead to the log is named.

    Beside a receiver that serves, a newer one than the snapshot of the index may be there.
    """
    if PLACE not in found.files:
        return
    found.claimed.add(PLACE)
    try:
        read_savepoint(found.data / PLACE, origin, tree, store)
    except (LakzegelError, OSError) as error:
        if not found.live:
            why = "take it away, and the next start replays the whole log"
            found.doubt(PLACE, f"{error}; {why}")
