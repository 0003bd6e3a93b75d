# SPDX-License-Identifier: EUPL-1.2
"""Finds the devices that are asked for in the rows that are kept of them: those of one page alone.

How many there are of a kind is counted already (`fleet/counts.py`). A filter that few devices fit
is looked up, and they are put in order; of one that many fit the list is walked in its own order
until the page is full. Only a search looks at every name, in the index of names.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from lakzegel_server.fleet.counts import CODE, CONDITION, GROUP, Census, read_census
from lakzegel_server.fleet.listing import LISTED, ORDER
from lakzegel_server.fleet.model import Condition, DeviceHealth
from lakzegel_server.fleet.states import State, health_of, marks, read_states
from lakzegel_server.index.engine import Connection
from lakzegel_server.pages.fleetquery import PAGE, Query, Selection

FEW: Final = 1_000  # devices that are put in order faster than a list of all is walked
_COLUMNS: Final = ", ".join(State._fields)
_ORDERS: Final = {
    "worst": "rank, since, device",
    "device": "device",
    "sealed": "sealed, device",
    "version": "ordered, device",
    "spool": "spool DESC, device",
}
_BACKWARDS: Final = {
    "worst": "rank DESC, since DESC, device DESC",
    "device": "device DESC",
    "sealed": "sealed DESC, device DESC",
    "version": "ordered DESC, device DESC",
    "spool": "spool, device DESC",
}
_MATCHES: Final = "(device LIKE ? ESCAPE '!' OR grp LIKE ? ESCAPE '!')"
Values = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Filter:
    """One thing that is asked for: as it is looked up, and as it is held against each row."""

    found: int | None  # devices that fit, where that is counted
    looked_up: str
    held: str
    values: Values
    order: str = ""  # which its index gives as well


def select(connection: Connection, query: Query) -> tuple[Selection, Census]:
    """One page of what is asked for, and what can be asked for."""
    census = read_census(connection, CONDITION, CODE, GROUP)
    filters = list(_filters(connection, query, census))
    found = _count(connection, filters, census)
    pages = max(1, -(-found // PAGE))
    page = min(query.page, pages)
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM fleet{_where(query, filters)}"  # noqa: S608 - texts of ours
        f" ORDER BY {_order(query)} LIMIT ? OFFSET ?",
        (*_values(filters), PAGE, (page - 1) * PAGE),
    )
    selection = Selection(
        rows=tuple(health_of(State(*row)) for row in rows),
        found=found,
        pages=pages,
        page=page,
        counts={condition: census.conditions.get(condition, 0) for condition in LISTED},
        groups=tuple(sorted(census.groups)),
        problems=tuple(sorted(census.codes)),
    )
    return selection, census


def names(connection: Connection, query: Query) -> list[str]:
    """Every device that is asked for, in order."""
    census = read_census(connection, CONDITION, CODE, GROUP)
    filters = list(_filters(connection, query, census))
    rows = connection.execute(
        f"SELECT device FROM fleet{_where(query, filters)} ORDER BY {_order(query)}",  # noqa: S608
        _values(filters),
    )
    return [str(row[0]) for row in rows]


def healths(connection: Connection, devices: Sequence[str]) -> list[DeviceHealth]:
    """What lists show of these devices, in this order."""
    states = read_states(connection, devices)
    return [health_of(states[name]) for name in devices if name in states]


def _filters(connection: Connection, query: Query, census: Census) -> Iterable[Filter]:
    if query.condition:
        condition = Condition(query.condition)
        rank, found = ORDER[condition], census.conditions.get(condition, 0)
        yield Filter(found, "rank = ?", "rank + 0 = ?", (rank,), "worst")
    if query.group:
        found = census.groups.get(query.group, 0)
        yield Filter(found, "grp = ?", "grp || '' = ?", (query.group,), "worst")
    if query.problem:
        found = census.codes.get(query.problem, (0, 0))[0]
        looked_up = "device IN (SELECT device FROM fleet_troubles WHERE code = ?)"
        held = "EXISTS (SELECT 1 FROM fleet_troubles AS had"
        held += " WHERE had.code = ? AND had.device = fleet.device)"
        yield Filter(found, looked_up, held, (query.problem,))
    if query.search:
        yield _searched(connection, query.search)


def _searched(connection: Connection, search: str) -> Filter:
    """Those whose name or group has this in it: by their names, where they are few."""
    wanted = search.casefold()
    for sign in "!%_":
        wanted = wanted.replace(sign, f"!{sign}")
    like = (f"%{wanted}%",) * 2
    rows = connection.execute(
        f"SELECT device FROM fleet WHERE {_MATCHES} LIMIT ?",  # noqa: S608 - texts of ours
        (*like, FEW + 1),
    )
    found = tuple(str(row[0]) for row in rows)
    if len(found) > FEW:
        return Filter(None, _MATCHES, _MATCHES, like)
    looked_up = f"device IN ({marks(found)})" if found else "1 = 0"
    return Filter(len(found), looked_up, looked_up, found)


def _count(connection: Connection, filters: Sequence[Filter], census: Census) -> int:
    if not filters:
        return census.total
    if any(one.found == 0 for one in filters):
        return 0
    if len(filters) == 1 and filters[0].found is not None:
        return filters[0].found
    where = " AND ".join(one.looked_up for one in filters)
    row = connection.execute(
        f"SELECT count(*) FROM fleet WHERE {where}",  # noqa: S608 - texts of ours
        _values(filters),
    ).fetchone()
    return int(row[0])


def _where(query: Query, filters: Sequence[Filter]) -> str:
    """The narrowest filter is looked up, where that pays; each other is held against what is found.

    Whichever gives the asked order by its index is looked up in any case.
    """
    if not filters:
        return ""
    sort = query.sort.removeprefix("-")
    sizes = [FEW + 1 if one.found is None else one.found for one in filters]
    first = min(range(len(filters)), key=lambda place: sizes[place])
    if sizes[first] > FEW:
        ordered = (place for place, one in enumerate(filters) if one.order == sort)
        first = next(ordered, len(filters))
    texts = [one.looked_up if place == first else one.held for place, one in enumerate(filters)]
    return f" WHERE {' AND '.join(texts)}"


def _values(filters: Sequence[Filter]) -> Values:
    return tuple(value for one in filters for value in one.values)


def _order(query: Query) -> str:
    orders = _BACKWARDS if query.sort.startswith("-") else _ORDERS
    return orders[query.sort.removeprefix("-")]
