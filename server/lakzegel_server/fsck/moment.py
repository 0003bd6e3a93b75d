# SPDX-License-Identifier: EUPL-1.2
"""Files, index and checkpoint of one moment, also beside a receiver that is serving."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from lakzegel_core.limits import MAX_CHECKPOINT
from lakzegel_server.database import open_turns
from lakzegel_server.fsck.doubts import Survey
from lakzegel_server.fsck.indexed import Indexed, open_indexed
from lakzegel_server.fsck.shown import CHECKPOINT
from lakzegel_server.index.engine import FAILURES
from lakzegel_server.layout import Layout

Look = Callable[[Layout, bool], Survey]


@contextmanager
def moment(
    layout: Layout, *, live: bool, look: Look
) -> Iterator[tuple[Survey, Indexed, bytes | None]]:
    """Files, index and checkpoint of one moment; only for that moment does the log wait."""
    index = open_indexed(layout, live=live)
    turns = open_turns(layout.database, layout.lock)
    try:
        with turns.turn():
            found = look(layout, live)
            found.index = index.name
            with suppress(
                *FAILURES, ValueError
            ):  # whoever reads the rows meets it again, and names it
                index.begin()
            checkpoint = found.read(CHECKPOINT, MAX_CHECKPOINT)
        yield found, index, checkpoint
    finally:
        turns.close()
        index.close()
