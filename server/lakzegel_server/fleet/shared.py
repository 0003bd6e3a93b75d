# SPDX-License-Identifier: EUPL-1.2
"""Problems by their cause over the whole fleet, of what is counted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from lakzegel_server.fleet.cause import Cause, Severity
from lakzegel_server.fleet.causes import cause_of
from lakzegel_server.fleet.counts import CODE, read_census
from lakzegel_server.fleet.troubles import oldest
from lakzegel_server.index.engine import Connection


@dataclass(frozen=True, slots=True)
class Shared:
    """One cause, and the devices that have it."""

    cause: Cause
    devices: int
    count: int  # of whatever the problem counts, on all of them
    since: datetime  # the oldest


def read_shared(connection: Connection, now: datetime) -> list[Shared]:
    """Causes that some device has, the gravest first, then by how many devices have them."""
    found = []
    for code, (devices, count) in read_census(connection, CODE).codes.items():
        since = oldest(connection, code)
        moment = now if since is None else datetime.fromtimestamp(since, UTC)
        found.append(Shared(cause_of(code), devices, count, moment))
    order = list(Severity)
    return sorted(
        found, key=lambda one: (order.index(one.cause.severity), -one.devices, one.cause.code)
    )
