# SPDX-License-Identifier: EUPL-1.2
"""What came of a device on one day, and in which hours: a row that stays when the rest is gone.

Days and hours are of UTC. Bit 0 of the hours is the one that begins at midnight.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from datetime import date, datetime
from typing import Final

from lakzegel_server.fleet.states import marks
from lakzegel_server.index.engine import Connection
from lakzegel_server.schema import put, row_digest

_COLUMNS: Final = "batches, items, size, batch_hours, beat_hours"


@dataclass(frozen=True, slots=True)
class Day:
    """Batches of one day, and the hours in which a batch or a heartbeat came."""

    batches: int = 0
    items: int = 0
    size: int = 0  # bytes
    batch_hours: int = 0
    beat_hours: int = 0

    def with_batch(self, at: datetime, items: int, size: int) -> Day:
        """With one batch more."""
        return replace(
            self,
            batches=self.batches + 1,
            items=self.items + items,
            size=self.size + size,
            batch_hours=self.batch_hours | 1 << at.hour,
        )

    def with_beat(self, at: datetime) -> Day:
        """With a heartbeat."""
        return replace(self, beat_hours=self.beat_hours | 1 << at.hour)

    def __add__(self, other: Day) -> Day:
        """Of both."""
        return Day(
            self.batches + other.batches,
            self.items + other.items,
            self.size + other.size,
            self.batch_hours | other.batch_hours,
            self.beat_hours | other.beat_hours,
        )


def add_days(change: Connection, more: Mapping[tuple[str, date], Day]) -> None:
    """Add to the rows of devices and days, within the caller's transaction: one look a day."""
    by_day: defaultdict[str, dict[str, Day]] = defaultdict(dict)
    for (device, date_), news in more.items():
        by_day[date_.isoformat()][device] = news
    for day, wanted in by_day.items():
        known = _read(change, day, tuple(wanted))
        new = {device: known.get(device, Day()) + news for device, news in wanted.items()}
        other = {device: one for device, one in new.items() if one != known.get(device)}
        put_days(change, {(device, date.fromisoformat(day)): one for device, one in other.items()})


def put_days(change: Connection, new: Mapping[tuple[str, date], Day]) -> None:
    """Write rows of devices and days as they are given."""
    rows = [(device, day.isoformat(), *astuple(one)) for (device, day), one in new.items()]
    change.executemany(put("device_days"), [(*row, row_digest(*row)) for row in rows])


def _read(change: Connection, day: str, devices: Sequence[str]) -> dict[str, Day]:
    rows = change.execute(
        f"SELECT device, {_COLUMNS} FROM device_days"  # noqa: S608 - names of ours
        f" WHERE device IN ({marks(devices)}) AND day = ?",
        (*devices, day),
    )
    return {device: Day(*figures) for device, *figures in rows}


def read_days(connection: Connection, device: str, since: date) -> Iterator[tuple[date, Day]]:
    """The days of a device on which anything came, from one day on, in order."""
    rows = connection.execute(
        f"SELECT day, {_COLUMNS} FROM device_days"  # noqa: S608 - names of ours
        " WHERE device = ? AND day >= ? ORDER BY day",
        (device, since.isoformat()),
    )
    for day, *figures in rows:
        yield date.fromisoformat(day), Day(*figures)


def forget_days(change: Connection, devices: Sequence[str], before: date) -> None:
    """Drop the rows of earlier days of these devices."""
    change.execute(
        f"DELETE FROM device_days WHERE device IN ({marks(devices)}) AND day < ?",  # noqa: S608
        (*devices, before.isoformat()),
    )
