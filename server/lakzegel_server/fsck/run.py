# SPDX-License-Identifier: EUPL-1.2
"""The whole check, also beside a receiver that is serving."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Final

from lakzegel_server.database import Database
from lakzegel_server.errors import ConfigError
from lakzegel_server.fsck.doubts import Survey
from lakzegel_server.fsck.evidence import check_evidence
from lakzegel_server.fsck.files import check_modes, check_rest, is_served, survey
from lakzegel_server.fsck.incremental import check_new
from lakzegel_server.fsck.indexed import Indexed
from lakzegel_server.fsck.keys import check_keys
from lakzegel_server.fsck.log import LogCheck, Replayed
from lakzegel_server.fsck.moment import moment
from lakzegel_server.fsck.remembered import recall
from lakzegel_server.fsck.report import Report, report
from lakzegel_server.fsck.rows import Rows, check_rows
from lakzegel_server.fsck.savepoint import CHECKED, SAVEPOINT, check_savepoint
from lakzegel_server.fsck.stored import (
    check_annexes,
    check_batches,
    check_held,
    headers_of,
)
from lakzegel_server.fsck.strangers import Listed, claim_known, list_stored, name_strangers
from lakzegel_server.fsck.timestamps import check_timestamps
from lakzegel_server.fsck.trail import check_trail
from lakzegel_server.housekeeping import is_id
from lakzegel_server.index.engine import FAILURES
from lakzegel_server.layout import Layout
from lakzegel_server.logstore import LogStore
from lakzegel_server.stores.names import NEXT

PATIENCE_SECONDS: Final = 5.0  # a batch may be durable this long before it is sealed
_PAUSE: Final = 0.1
_STORED: Final = ("batches/", "keyrings/", "waiting/")


def check(layout: Layout, since: int | None = 0) -> Report:
    """Compare every file below DATA with what the log says.

    Batches and keyrings of entries below ``since`` are only looked for. With None, only what came
    after the last check that found nothing is looked at, when there was one (`incremental.py`).

    Raises:
        ConfigError: nothing of a receiver is there.
    """
    if not layout.data.is_dir() or not (layout.config.exists() or layout.log.is_dir()):
        raise ConfigError(f"{layout.data}: no receiver here; give the folder that 'init' made")
    live = is_served(layout)
    fresh = check_new(layout, live=live) if since is None else None
    return fresh or _check_whole(layout, since, live=live)


def _check_whole(layout: Layout, since: int | None, *, live: bool) -> Report:
    with moment(layout, live=live, look=survey) as (found, index, checkpoint):
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
            for place in (SAVEPOINT, CHECKED):
                check_savepoint(found, place, keys.origin, rows.tree, store)
        listed = _list_stored(found, index, rows, store, replayed)
    size = replayed.custody.size
    check_batches(found, headers_of(store, 0, size), replayed.custody, since)  # may take hours:
    if replayed.whole:  # the index is let go
        name_strangers(found, listed, found.looked, headers_of(store, 0, size))
    if live or layout.index is not None:  # another receiver may be about to seal
        _pass_over_uploads(found, layout)
    check_rest(found)
    return report(found, replayed, since)


def _list_stored(
    found: Survey,
    index: Indexed,
    rows: Rows | None,
    store: LogStore,
    replayed: Replayed,
) -> Listed:
    """What lies beside the log, by the index, or where that cannot be read by the log itself."""

    def by_index(entry_id: bytes) -> int | None:
        row = index.connection.execute(
            "SELECT idx FROM entries WHERE id = ?", (entry_id,)
        ).fetchone()
        return None if row is None else int(row[0])

    size = replayed.custody.size
    if rows is not None:
        with suppress(*FAILURES):
            if not replayed.whole:
                claim_known(found, by_index)
            return list_stored(found, by_index, size)
    batches = {entry_id: place for place, entry_id, _ in headers_of(store, 0, size)}
    return list_stored(found, batches.get, size)


def _pass_over_uploads(found: Survey, layout: Layout) -> None:
    """Wait for batches that were durable but not sealed yet when the check began.

    And for keyrings that waited for the end of their change.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while waiting := [p for p in found.files - found.claimed if p.startswith(_STORED)]:
        database = Database.open_readonly(layout.database)
        try:
            for place in waiting:
                name = place.partition("/")[2].partition(".")[0]
                # one that waits is of a sealed batch always: it has to go, once its change is ended
                sealed = is_id(name) and not place.endswith(NEXT)
                known = sealed and database.index_of(bytes.fromhex(name)) is not None
                if known or not found.exists(place):
                    found.files.discard(place)
        finally:
            database.close()
        if time.monotonic() > deadline:
            return
        time.sleep(_PAUSE)
