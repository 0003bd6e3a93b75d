# SPDX-License-Identifier: EUPL-1.2
"""Which devices have which problem: a row each, by code, for whoever asks for one problem."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from lakzegel_server.fleet.states import State, troubles_of
from lakzegel_server.index.engine import Connection
from lakzegel_server.schema import put, row_digest

_DELETE: Final = "DELETE FROM fleet_troubles WHERE code = ? AND device = ?"


def change_troubles(
    change: Connection, before: Mapping[str, State], after: Iterable[State]
) -> None:
    """Write the problems that are new or other, and drop those that are over."""
    gone, news = [], []
    for state in after:
        known = before.get(state.device)
        had = {} if known is None else {one[0]: one for one in troubles_of(known)}
        if known is not None and known.troubles == state.troubles:
            continue
        has = {one[0]: one for one in troubles_of(state)}
        gone += [(code, state.device) for code in had if code not in has]
        for code, since, count in has.values():
            if had.get(code) != (code, since, count):
                row = (code, state.device, since, count)
                news.append((*row, row_digest(*row)))
    change.executemany(_DELETE, gone)
    change.executemany(put("fleet_troubles"), news)


def drop_troubles(change: Connection, states: Iterable[State]) -> None:
    """Drop all problems of these devices."""
    change.executemany(
        _DELETE, [(code, state.device) for state in states for code, _, _ in troubles_of(state)]
    )


def oldest(connection: Connection, code: str) -> int | None:
    """Since when the device has a problem that has had it for longest."""
    row = connection.execute(
        "SELECT min(since) FROM fleet_troubles WHERE code = ?", (code,)
    ).fetchone()
    return None if row[0] is None else int(row[0])
