# SPDX-License-Identifier: EUPL-1.2
"""Where pages have what they show of devices from: the rows that they show, and what is counted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from lakzegel_server.desk import Desk
from lakzegel_server.fleet.counts import RING, read_census
from lakzegel_server.fleet.model import DeviceHealth
from lakzegel_server.fleet.rings import Ring, rings
from lakzegel_server.fleet.shared import Shared, read_shared
from lakzegel_server.fleet.timeline import Timeline, read_timeline
from lakzegel_server.pages import selecting
from lakzegel_server.pages.csvfile import rows
from lakzegel_server.pages.fleetquery import Query, Selection

SPAN: Final = timedelta(days=35)  # that a device's page looks back
CHUNK: Final = 250  # devices of a table that are read at a time


def selection_of(desk: Desk, query: Query, now: datetime) -> tuple[Selection, int]:
    """One page of what is asked for of the fleet, and how many devices there are in all."""
    desk.fleet.refresh(now)
    with desk.fleet.reading() as connection:
        selection, census = selecting.select(connection, query)
    return selection, census.total


def names_of(desk: Desk, query: Query, now: datetime) -> list[str]:
    """Every device that is asked for, in order."""
    desk.fleet.refresh(now)
    with desk.fleet.reading() as connection:
        return selecting.names(connection, query)


def table(desk: Desk, names: list[str], now: datetime) -> str:
    """The rows of a table of these devices."""
    with desk.fleet.reading() as connection:
        found = selecting.healths(connection, names)
    return rows(found, now)


def chunks(names: list[str]) -> Iterator[list[str]]:
    """The names, some at a time."""
    return (names[at : at + CHUNK] for at in range(0, len(names), CHUNK))


def rings_of(desk: Desk, most: int | None = None) -> tuple[list[Ring], int]:
    """How far each group is with its newest policy, and how many groups are left out."""
    desk.fleet.refresh(desk.fleet.now())
    with desk.fleet.reading() as connection:
        return rings(read_census(connection, RING).rings, most)


def shared_of(desk: Desk, now: datetime) -> list[Shared]:
    """Which problems there are, and how many devices have each."""
    desk.fleet.refresh(now)
    with desk.fleet.reading() as connection:
        return read_shared(connection, now)


def device_of(desk: Desk, name: str, now: datetime) -> DeviceHealth | None:
    """Everything that is known of one device; None where nobody admitted it."""
    desk.fleet.told.write()
    return desk.fleet.health(name, now)


def timeline_of(desk: Desk, device: str, now: datetime) -> Timeline | None:
    """What came of a device in the last weeks; None where it is not enrolled."""
    return read_timeline(desk, device, now, span=SPAN)
