# SPDX-License-Identifier: EUPL-1.2
"""Where pages have what they show of devices from."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from lakzegel_server.desk import Desk
from lakzegel_server.fleet.model import Fleet
from lakzegel_server.fleet.reading import read_fleet
from lakzegel_server.fleet.rings import Ring, rings, wanted
from lakzegel_server.fleet.timeline import Timeline, read_timeline

SPAN: Final = timedelta(days=35)  # that a device's page looks back


def fleet_of(desk: Desk) -> Fleet:
    """The fleet now."""
    return read_fleet(desk, desk.fleet.now())


def rings_of(desk: Desk, fleet: Fleet) -> list[Ring]:
    """How far each group is with its newest policy."""
    with desk.log.looking() as custody:
        serials = wanted(custody)
    return rings(fleet, serials)


def timeline_of(desk: Desk, device: str, now: datetime) -> Timeline | None:
    """What came of a device in the last weeks; None where it is not enrolled."""
    return read_timeline(desk, device, now, span=SPAN)
