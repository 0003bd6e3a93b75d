# SPDX-License-Identifier: EUPL-1.2
"""`check --since last`: what came after the last check that found nothing (storage.md §6).

It costs what is new, the devices that there are, and the logarithm of the log. Whatever it cannot
begin with (nothing remembered, another log, an index that cannot be read) is for the whole check.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from lakzegel_core.checkpoint import LogKeys
from lakzegel_core.errors import LakzegelError
from lakzegel_core.limits import MAX_ANNEX, MAX_KEYRING
from lakzegel_core.proventiles import ProvenTiles
from lakzegel_core.savepoint import Restored
from lakzegel_server.fsck.doubts import Survey
from lakzegel_server.fsck.evidence import check_evidence
from lakzegel_server.fsck.files import check_modes, check_rest, glance
from lakzegel_server.fsck.indexed import Indexed
from lakzegel_server.fsck.keys import check_keys
from lakzegel_server.fsck.moment import moment
from lakzegel_server.fsck.newlog import NewEntries
from lakzegel_server.fsck.remembered import go_on, stated_size
from lakzegel_server.fsck.report import Report, report
from lakzegel_server.fsck.rows import Rows, check_new_rows
from lakzegel_server.fsck.savepoint import SAVEPOINT
from lakzegel_server.fsck.shown import check_lines, compare_shown, open_shown
from lakzegel_server.fsck.stored import check_batches, check_held, headers_of
from lakzegel_server.fsck.timestamps import check_timestamps
from lakzegel_server.fsck.trail import check_trail
from lakzegel_server.index.engine import Connection
from lakzegel_server.layout import Layout
from lakzegel_server.logstore import LogStore


@dataclass(frozen=True, slots=True)
class _Begun:
    """Where to go on from, and up to where."""

    since: int
    rows: Rows
    proven: ProvenTiles
    restored: Restored


def check_new(layout: Layout, *, live: bool) -> Report | None:
    """The result, or None where a whole check has to be made."""
    store = LogStore.of(layout.stores, layout.log, layout.incoming)
    with moment(layout, live=live, look=glance) as (found, index, checkpoint):
        check_modes(found, layout)
        keys = check_keys(found)
        begun = None if keys is None else _begin(found, index, keys, store)
        if keys is None or begun is None:
            return None
        check_evidence(found, keys)
        first = begun.restored.custody.trail
        new = NewEntries(found, begun.rows, store, begun.proven, begun.restored)
        replayed = new.run()
        shown = open_shown(found, keys, checkpoint)
        compare_shown(found, shown, begun.rows.tree)
        if checkpoint is not None and shown is not None:
            check_lines(found, keys, checkpoint, shown, replayed.custody, whole=replayed.whole)
        check_held(found, begun.rows, replayed.custody, replayed)
        check_timestamps(found, begun.rows, keys, store)
        if first is not None:
            replayed.trails.insert(0, (first.id, first.trail))
        check_trail(found, index, replayed, first=first.trail.number if first else 0)
        _check_annexes(found, index.connection, new)
        _check_changed(found, index.connection, new, begun.since)
    if SAVEPOINT in found.files:
        found.claimed.add(SAVEPOINT)
    headers = headers_of(store, begun.since, replayed.custody.size)
    check_batches(found, headers, replayed.custody, begun.since)  # the index is let go
    check_rest(found)
    return report(found, replayed, begun.since, fresh=True)


def _begin(found: Survey, index: Indexed, keys: LogKeys, store: LogStore) -> _Begun | None:
    """Where the last check ended, when the tree that is committed now extends that one."""
    since = stated_size(found)
    rows = None if since is None else check_new_rows(found, index, since)
    if since is None or rows is None:
        return None
    try:
        proven = ProvenTiles(rows.tree.size, rows.tree.root(), store.read)
    except (LakzegelError, OSError):
        return None
    restored = go_on(found, keys.origin, rows.tree, store)
    return None if restored is None else _Begun(since, rows, proven, restored)


def _check_annexes(found: Survey, connection: Connection, new: NewEntries) -> None:
    """The annexes that new entries name, as far as they were stored here."""
    for name in sorted(digest.hex() for digest in new.annexes):
        known = connection.execute("SELECT 1 FROM annexes WHERE id = ?", (name,)).fetchone()
        place = f"annexes/{name}"
        data = found.read(place, MAX_ANNEX) if known else None
        if data is not None and hashlib.sha256(data).hexdigest() != name:
            found.doubt(place, "its SHA-256 is not its name")


def _check_changed(found: Survey, connection: Connection, new: NewEntries, since: int) -> None:
    """Keyrings of older batches that new entries changed, as far as their arrival is known."""
    for change in new.changes:
        place = (change.device, change.epoch, change.batch)
        row = connection.execute(
            "SELECT entries.id FROM arrivals JOIN entries ON entries.idx = arrivals.idx"
            " WHERE arrivals.device = ? AND arrivals.epoch = ? AND arrivals.batch = ?"
            " AND arrivals.idx < ?",
            (*place, since),
        ).fetchone()
        if row is None:
            continue
        name = f"keyrings/{row[0].hex()}.keyring"
        data = found.read(name, MAX_KEYRING)
        wanted = new.replayed.custody.keyrings[place].sha256
        if data is not None and hashlib.sha256(data).digest() != wanted:
            found.doubt(name, "is not the keyring that the log names")
