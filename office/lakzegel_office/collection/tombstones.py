# SPDX-License-Identifier: EUPL-1.2
"""What was destroyed before an index was made: docs/spec/collection.md §7.

Such a unit is in no batch any more that can be opened. The journal has kind, source and items of
it, so that whoever asks for it is told of the certificate, as by an index that knew it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from lakzegel_office.collection.database import Connection
from lakzegel_office.collection.leaving import Gone
from lakzegel_office.collection.schema import READ
from lakzegel_office.names import ItemId

_HISTORY: Final = ""  # of no file: the segments of tombstones alone are of it
_UNIT: Final = """
    INSERT INTO unit (name, kind, conversation, custody, device, source, app, undated, at, at_text,
        subject, snippet, size, attachments, labels, leaf, gone)
    VALUES (?, ?, ?, ?, ?, ?, ?, 1, 0, '', '', '', 0, 0, '', '', 1) RETURNING id
"""
_PLACE: Final = """
    INSERT INTO place (unit, segment, start, length, part, gone) VALUES (?, ?, 0, 0, 0, 1)
"""


@dataclass(frozen=True, slots=True)
class Tomb:
    """A unit that was to go, and the items that held it."""

    said: Gone
    items: tuple[ItemId, ...]


def entomb(db: Connection, tombs: Iterable[Tomb], is_gone: Callable[[ItemId], bool]) -> int:
    """Add what an index does not know and the log has as destroyed; return how many that were."""
    missing = [tomb for tomb in tombs if not _is_known(db, tomb) and all(map(is_gone, tomb.items))]
    if not missing:
        return 0
    db.execute("BEGIN IMMEDIATE")
    try:
        added = sum(_add(db, tomb) for tomb in missing if not _is_known(db, tomb))
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
    return added


def _is_known(db: Connection, tomb: Tomb) -> bool:
    found = db.execute("SELECT 1 FROM unit WHERE name = ?", (tomb.said.unit,)).fetchone()
    return found is not None


def _add(db: Connection, tomb: Tomb) -> bool:
    """Add one unit; none whose batches the index does not have."""
    said = tomb.said
    segments = [_segment(db, said, item) for item in tomb.items]
    places = [segment for segment in segments if segment is not None]
    if not places:
        return False
    (conversation,) = db.execute(
        "INSERT INTO conversation (name, app, title, custody, keyed, parties)"
        " VALUES (?, ?, '', ?, 0, '[]') RETURNING id",
        (said.unit, said.app, said.custody),
    ).fetchone()
    row = (said.unit, said.kind, conversation, said.custody, said.device, said.source, said.app)
    (unit,) = db.execute(_UNIT, row).fetchone()
    for segment in places:
        db.execute(_PLACE, (unit, segment))
    return True


def _segment(db: Connection, said: Gone, item: ItemId) -> int | None:
    """Return the row of a segment; None where its batch is not in the index."""
    batch = db.execute(
        "SELECT seq FROM batch WHERE device = ? AND epoch = ? AND number = ?",
        (item.device, item.epoch, item.batch),
    ).fetchone()
    if batch is None:
        return None
    known = db.execute(
        "SELECT id FROM segment WHERE batch = ? AND item = ?", (batch[0], item.index)
    ).fetchone()
    if known is not None:
        return int(known[0])
    row = (item.device, said.custody, said.source, _HISTORY)
    db.execute(
        "INSERT INTO file (device, custody, source, history, path, reader)"
        " VALUES (?, ?, ?, ?, x'', '') ON CONFLICT DO NOTHING",
        row,
    )
    (segment,) = db.execute(
        "INSERT INTO segment (batch, item, file, size, sha256, state, labels, gone)"
        " SELECT ?, ?, id, 0, '', ?, '', 1 FROM file"
        " WHERE device = ? AND source = ? AND history = ? RETURNING id",
        (batch[0], item.index, READ, item.device, said.source, _HISTORY),
    ).fetchone()
    return int(segment)
