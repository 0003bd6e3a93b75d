# SPDX-License-Identifier: EUPL-1.2
"""The whole check, also beside a receiver that is serving."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

from lakzegel_core.limits import MAX_CHECKPOINT
from lakzegel_server.database import Database, open_turns
from lakzegel_server.errors import ConfigError
from lakzegel_server.fsck.doubts import Doubt, Survey
from lakzegel_server.fsck.evidence import check_evidence
from lakzegel_server.fsck.files import check_modes, check_rest, is_served, survey
from lakzegel_server.fsck.indexed import Indexed, open_indexed
from lakzegel_server.fsck.keys import check_keys
from lakzegel_server.fsck.log import CHECKPOINT, LogCheck
from lakzegel_server.fsck.remembered import recall
from lakzegel_server.fsck.rows import check_rows
from lakzegel_server.fsck.savepoint import check_savepoint
from lakzegel_server.fsck.stored import (
    check_annexes,
    check_batches,
    check_entry_files,
    check_held,
)
from lakzegel_server.fsck.timestamps import check_timestamps
from lakzegel_server.fsck.trail import check_trail
from lakzegel_server.housekeeping import is_id
from lakzegel_server.index.engine import FAILURES
from lakzegel_server.layout import Layout
from lakzegel_server.logstore import LogStore

PATIENCE_SECONDS: Final = 5.0  # a batch may be durable this long before it is sealed
_PAUSE: Final = 0.1
_STORED: Final = ("batches/", "keyrings/")


@dataclass(frozen=True, slots=True)
class Report:
    """What a check covered, and what it doubts."""

    entries: int
    batches: int
    files: int
    doubts: tuple[Doubt, ...]
    tree: tuple[int, bytes] = (0, b"")  # size and root of what was checked
    since: int = 0  # files of entries from here on were read
    orphans: tuple[Doubt, ...] = ()  # never sealed, and locked where they are


def check(layout: Layout, since: int | None = 0) -> Report:
    """Compare every file below DATA with what the log says.

    Batches and keyrings of entries below ``since`` are only looked for; None is where the last
    check that found nothing ended.

    Raises:
        ConfigError: nothing of a receiver is there.
    """
    if not layout.data.is_dir() or not (layout.config.exists() or layout.log.is_dir()):
        raise ConfigError(f"{layout.data}: no receiver here; give the folder that 'init' made")
    live = is_served(layout)
    with _snapshot(layout, live=live) as (found, index, checkpoint):
        check_modes(found, layout)
        keys = check_keys(found)
        if keys is None:
            return Report(0, 0, len(found.files), tuple(found.doubts))
        check_evidence(found, keys)
        rows = check_rows(found, index)
        store = LogStore.of(layout.stores, layout.log, layout.incoming)
        replayed = LogCheck(found, keys, rows, store).run(checkpoint)
        recalled = recall(found, replayed.roots)
        since = recalled if since is None else since
        if rows is not None:
            check_annexes(found, rows)
            check_held(found, rows, replayed.custody, replayed)
            check_timestamps(found, rows, keys, store)
            check_trail(found, index, replayed)
            check_savepoint(found, keys.origin, rows.tree, store)
            if not replayed.whole:
                check_entry_files(found, rows)
    check_batches(found, replayed, since)  # the index is let go: this may take hours
    if live or layout.index is not None:  # another receiver may be about to seal
        _pass_over_uploads(found, layout)
    check_rest(found)
    size = replayed.custody.size
    return Report(
        size,
        len(replayed.headers),
        len(found.files),
        tuple(found.doubts),
        (size, replayed.roots.get(size, b"")),
        since,
        tuple(found.orphans),
    )


@contextmanager
def _snapshot(layout: Layout, *, live: bool) -> Iterator[tuple[Survey, Indexed, bytes | None]]:
    """Files, index and checkpoint of one moment; only for that moment does the log wait."""
    index = open_indexed(layout, live=live)
    turns = open_turns(layout.database, layout.lock)
    try:
        with turns.turn():
            found = survey(layout, live=live)
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


def _pass_over_uploads(found: Survey, layout: Layout) -> None:
    """Wait for batches that were durable but not sealed yet when the check began."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while waiting := [p for p in found.files - found.claimed if p.startswith(_STORED)]:
        database = Database.open_readonly(layout.database)
        try:
            for place in waiting:
                name = place.partition("/")[2].partition(".")[0]
                known = is_id(name) and database.index_of(bytes.fromhex(name)) is not None
                if known or not found.exists(place):
                    found.files.discard(place)
        finally:
            database.close()
        if time.monotonic() > deadline:
            return
        time.sleep(_PAUSE)
