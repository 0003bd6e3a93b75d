# SPDX-License-Identifier: EUPL-1.2
"""The whole fleet at one moment, for whoever has to have all of it; no page does.

Some at a time, by the same judgement as the rows that are kept (`keeping.py`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from lakzegel_server.desk import Desk
from lakzegel_server.fleet.model import Fleet

CHUNK: Final = 250


def read_fleet(desk: Desk, now: datetime) -> Fleet:
    """The health of every device.

    By what is committed, so that health is seen also while nothing is shown or sealed.
    """
    desk.fleet.told.write()
    with desk.log.looking() as custody:
        names = sorted(desk.fleet.roll.names(custody))
    found = [
        device
        for at in range(0, len(names), CHUNK)
        for device in desk.fleet.healths(names[at : at + CHUNK], now)
    ]
    return Fleet(now, tuple(found))
