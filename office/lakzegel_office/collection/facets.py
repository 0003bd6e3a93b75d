# SPDX-License-Identifier: EUPL-1.2
"""Numbers for what many units have in common: what they are of, and who is in them.

A list is asked for by custody, device, source, app, kind, label or person. Which facets and crowds
are meant is looked up in small tables, once; each unit that is met is then tested by two numbers.
"""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from lakzegel_office.collection.database import Connection
from lakzegel_office.collection.ids import normalised
from lakzegel_office.collection.model import Query

_MARK: Final = 16  # bytes by which a crowd is known, made of row numbers alone
_COLUMNS: Final = "custody, device, source, app, kind, labels"
MANY: Final = 200  # people, whose crowds are found by going through all
_MET: Final = "SELECT id FROM party WHERE instr(folded, ?) > 0"
_OF_FEW: Final = f"SELECT c.crowd FROM crowded c WHERE c.party IN ({_MET})"  # noqa: S608  # ours
_NAMES: Final = (  # each on a line of its own, so that no question is met by two of them
    "coalesce(group_concat(y.folded, char(10)), '') FROM json_each(?2) j"
    " JOIN party y ON y.id = j.value"
)
_OF_MANY: Final = "SELECT id FROM crowd WHERE instr(folded, ?) > 0"
_MEMBER: Final = f"SELECT -p.unit FROM present p WHERE p.party IN ({_MET}) AND p.unit < 0"  # noqa: S608  # ours

Facet = tuple[str, str, str, str, str, str]  # in the order of the columns
Part = tuple[str, list[object]]  # of a WHERE, and its values


@dataclass(slots=True)
class Facets:
    """Gives facets and crowds their numbers; remembers those of one transaction."""

    db: Connection
    _facets: dict[Facet, int] = field(default_factory=dict)
    _crowds: dict[bytes, int] = field(default_factory=dict)

    def forget(self) -> None:
        """Forget what was remembered: the transaction that gave it came to nothing."""
        self._facets.clear()
        self._crowds.clear()

    def facet(self, facet: Facet) -> int:
        """Return the number of a facet."""
        known = self._facets.get(facet)
        if known is None:
            marks = " AND ".join(f"{column} = ?" for column in _COLUMNS.split(", "))
            known = self._made(
                f"SELECT id FROM facet WHERE {marks}",  # noqa: S608  # columns of ours
                f"INSERT INTO facet ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)",  # noqa: S608  # ours
                facet,
            )
            self._facets[facet] = known
        return known

    def crowd(self, parties: Iterable[int]) -> int | None:
        """Return the number of these people together, None for nobody."""
        members = array("q", sorted(set(parties)))
        if not members:
            return None
        mark = hashlib.sha256(members.tobytes()).digest()[:_MARK]
        known = self._crowds.get(mark)
        if known is None:
            known = self._made(
                "SELECT id FROM crowd WHERE members = ?1 AND ?2 <> ''",
                f"INSERT INTO crowd (members, folded) SELECT ?1, {_NAMES}",  # ours
                (mark, json.dumps(list(members))),
            )
            self.db.executemany(
                "INSERT OR IGNORE INTO crowded VALUES (?, ?)", [(one, known) for one in members]
            )
            self._crowds[mark] = known
        return known

    def _made(self, known: str, new: str, values: Sequence[object]) -> int:
        row = self.db.execute(known, values).fetchone()
        return int(row[0] if row else self.db.execute(new, values).lastrowid)


def facets_of(query: Query, table: str = "u") -> Part | None:
    """Return what a query asks of the facet of a unit in this table, None for nothing."""
    parts: list[str] = []
    values: list[object] = []
    for column, wanted in (
        ("custody", query.custodies),
        ("device", query.devices),
        ("source", query.sources),
        ("app", query.apps),
        ("kind", [str(kind) for kind in query.kinds]),
    ):
        if wanted:
            parts.append(f"{column} IN ({', '.join('?' * len(wanted))})")
            values += wanted
    if query.label:
        parts.append("labels <> ''" if query.label == "any" else "instr(labels, ?) > 0")
        values += [] if query.label == "any" else [f" {query.label} "]
    if not parts:
        return None
    return f"+{table}.facet IN (SELECT id FROM facet WHERE {' AND '.join(parts)})", values  # noqa: S608  # ours


def crowds_of(db: Connection, party: str, table: str = "u") -> Part:
    """Return what it is that a unit in this table has somebody with this in name or address.

    Himself, as sender or recipient, or as a member of its conversation.
    """
    folded = normalised(party)
    if not folded:
        return "0", []
    some = db.execute(f"{_MET} LIMIT {MANY + 1}", (folded,)).fetchall()
    crowds = _OF_MANY if len(some) > MANY else _OF_FEW
    part = f"(+{table}.crowd IN ({crowds}) OR +{table}.conversation IN ({_MEMBER}))"
    return part, [folded, folded]


def forget_unused(db: Connection) -> None:
    """Take out what no unit has any more: labels, and which people were together."""
    db.execute("DELETE FROM facet WHERE id NOT IN (SELECT facet FROM unit WHERE facet IS NOT NULL)")
    db.execute("DELETE FROM crowd WHERE id NOT IN (SELECT crowd FROM unit WHERE crowd IS NOT NULL)")
    db.execute(
        "DELETE FROM together WHERE (conversation, crowd) NOT IN"
        " (SELECT conversation, crowd FROM unit WHERE crowd IS NOT NULL)"
    )
    db.execute("DELETE FROM crowded WHERE crowd NOT IN (SELECT id FROM crowd)")
