# SPDX-License-Identifier: EUPL-1.2
"""Rows of the index as what the collection hands out."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from lakzegel_office.collection.database import Connection
from lakzegel_office.collection.model import Conversation, Party, Unit, UnitKind

# How often a unit was captured: of each segment that holds it, the captures that named it; of a
# file, its versions.
_CAPTURES: Final = (
    "(SELECT coalesce(sum(coalesce(s.until, f.captures) - s.since), 0) FROM"
    " (SELECT DISTINCT segment FROM place WHERE unit = u.id) p JOIN segment s ON s.id = p.segment"
    " JOIN file f ON f.id = s.file) + (SELECT count(*) FROM version v WHERE v.unit = u.id)"
)
_CONVERSATION: Final = "(SELECT name FROM conversation c WHERE c.id = u.conversation)"
UNIT: Final = (
    f"u.name, u.kind, {_CONVERSATION},"
    " u.custody, u.device, u.source, u.app, u.undated, u.at, u.at_text, u.sender, u.subject,"
    f" u.snippet, u.size, u.attachments, u.labels, u.first_seen, {_CAPTURES}"
)
_READOUTS: Final = (
    "SELECT coalesce(sum(f.captures), 0) FROM within w JOIN file f ON f.id = w.file"
    " WHERE w.conversation = ?"
)


def unit_of(db: Connection, row: tuple[Any, ...]) -> Unit:
    """Return a unit of the columns `UNIT`."""
    return Unit(
        id=row[0],
        kind=UnitKind(row[1]),
        conversation=row[2],
        custody=row[3],
        device=row[4],
        source=row[5],
        app=row[6],
        at=None if row[7] else moment(row[8]),
        at_text=row[9],
        sender=None if row[10] is None else party_of(db, row[10]),
        subject=row[11],
        snippet=row[12],
        size=row[13],
        attachments=row[14],
        labels=tuple(row[15].split()),
        first_seen=None if row[16] is None else moment(row[16]),
        captures=row[17],
    )


def party_of(db: Connection, row: int) -> Party:
    """Return a party by its row."""
    return Party(*db.execute("SELECT address, name FROM party WHERE id = ?", (row,)).fetchone())


def conversation_of(db: Connection, row: int) -> Conversation:
    """Return a conversation by its row."""
    name, app, title, custody, parties = db.execute(
        "SELECT name, app, title, custody, parties FROM conversation WHERE id = ?", (row,)
    ).fetchone()
    units, first, last = db.execute(
        "SELECT count(*), min(at) FILTER (WHERE undated = 0), max(at) FILTER (WHERE undated = 0)"
        " FROM unit WHERE conversation = ? AND gone = 0",
        (row,),
    ).fetchone()
    return Conversation(
        id=name,
        app=app,
        title=title,
        parties=_members(db, row, parties),
        units=units,
        first=None if first is None else moment(first),
        last=None if last is None else moment(last),
        custodies=(custody,),
        readouts=db.execute(_READOUTS, (row,)).fetchone()[0],
    )


def members_of(db: Connection, row: int) -> tuple[Party, ...]:
    """Return who is in a conversation."""
    found = db.execute("SELECT parties FROM conversation WHERE id = ?", (row,)).fetchone()
    return _members(db, row, found[0])


def moment(microseconds: int) -> datetime | None:
    """Return a time of microseconds since 1970, None for one that no calendar has."""
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    except OverflowError:
        return None


def _members(db: Connection, row: int, parties: str) -> tuple[Party, ...]:
    listed = tuple(Party(**party) for party in json.loads(parties))
    return listed or tuple(_present(db, row))


def _present(db: Connection, conversation: int) -> list[Party]:
    """Return who took part in a conversation that has no list of members."""
    found = db.execute(
        "SELECT y.address, y.name FROM party y WHERE y.id IN (SELECT party FROM crowded c"
        " WHERE c.crowd IN (SELECT crowd FROM together WHERE conversation = ?)) ORDER BY 1, 2"
        " LIMIT 1000",
        (conversation,),
    )
    return [Party(address, name, "member") for address, name in found]
