# SPDX-License-Identifier: EUPL-1.2
"""Whether two copies of one device are alive: a life that was over goes on (spec/heartbeat.md §6).

    A A B B B       the agent was started anew
    A B A           a machine that was put back to a moment when A ran; or a copy
    A B A B         two copies: neither life can come back twice by itself

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from lakzegel_core.encoding import format_time, parse_time
from lakzegel_server.fleet.states import marks
from lakzegel_server.index.engine import Connection
from lakzegel_server.schema import put, row_digest

KNOWN: Final = 8  # lives that are remembered, the newest
ENOUGH: Final = 2  # returns that no single device makes
WINDOW: Final = timedelta(hours=26)  # between two returns: twice the slowest cadence, and some
_SIZE: Final = 16  # bytes of a life's name


@dataclass(frozen=True, slots=True)
class Lives:
    """Those of one device's epoch: their random names, the newest last, and who came back."""

    epoch: int
    names: tuple[bytes, ...] = ()
    returns: int = 0  # in a row
    since: datetime | None = None  # of that row
    last: datetime | None = None

    def heard(self, epoch: int, name: bytes, at: datetime) -> Lives:
        """With a heartbeat of a life; the same when that is the newest one known."""
        if epoch != self.epoch:
            return Lives(epoch, (name,))
        if self.names[-1:] == (name,):
            return self
        names = (*(one for one in self.names if one != name), name)[-KNOWN:]
        if name not in self.names:
            return replace(self, names=names)
        goes_on = self.last is not None and at - self.last < WINDOW
        returns, since = (self.returns, self.since) if goes_on else (0, at)
        return Lives(epoch, names, returns + 1, since, at)

    def cloned(self, now: datetime) -> datetime | None:
        """Since when two copies are alive; None when that is not so, or not any more."""
        over = self.last is None or now - self.last >= WINDOW
        return None if over or self.returns < ENOUGH else self.since


def write(change: Connection, lives: Mapping[str, Lives]) -> None:
    """Remember the lives of devices, within the caller's transaction."""
    rows = []
    for device, one in lives.items():
        moments = [format_time(moment) if moment else "" for moment in (one.since, one.last)]
        names = b"".join(one.names)
        row: tuple[str | bytes | int, ...] = (device, one.epoch, names, one.returns, *moments)
        rows.append((*row, row_digest(*row)))
    change.executemany(put("lives"), rows)


def read(connection: Connection, devices: Sequence[str]) -> dict[str, Lives]:
    """Those of these devices, as they were written."""
    rows = connection.execute(
        "SELECT device, epoch, names, returns, since, last FROM lives"  # noqa: S608 - ours
        f" WHERE device IN ({marks(devices)})",
        tuple(devices),
    )
    found = {}
    for device, epoch, names, returns, *moments in rows:
        since, last = (parse_time(one, what="time") if one else None for one in moments)
        split = tuple(names[at : at + _SIZE] for at in range(0, len(names), _SIZE))
        found[device] = Lives(epoch, split, returns, since, last)
    return found
