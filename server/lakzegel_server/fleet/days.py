# SPDX-License-Identifier: EUPL-1.2
"""What came of a device on one day, and in which hours: a row that stays when the rest is gone.

Days and hours are of UTC. Bit 0 of the hours is the one that begins at midnight.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final

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
    """Add to the rows of devices and days, within the caller's transaction."""
    for (device, day), news in more.items():
        known = change.execute(
            f"SELECT {_COLUMNS} FROM device_days WHERE device = ? AND day = ?",  # noqa: S608 - ours
            (device, day.isoformat()),
        ).fetchone()
        new = (Day(*known) if known else Day()) + news
        row = (
            device, day.isoformat(), new.batches, new.items, new.size, new.batch_hours,
            new.beat_hours,
        )  # fmt: skip
        if known is None or Day(*known) != new:
            change.execute(
                put("device_days"),
                (*row, row_digest(*row)),
            )


def read_days(connection: Connection, device: str, since: date) -> Iterator[tuple[date, Day]]:
    """The days of a device on which anything came, from one day on, in order."""
    rows = connection.execute(
        f"SELECT day, {_COLUMNS} FROM device_days"  # noqa: S608 - names of ours
        " WHERE device = ? AND day >= ? ORDER BY day",
        (device, since.isoformat()),
    )
    for day, *figures in rows:
        yield date.fromisoformat(day), Day(*figures)


def forget_days(change: Connection, before: date) -> None:
    """Drop the rows of earlier days."""
    change.execute("DELETE FROM device_days WHERE day < ?", (before.isoformat(),))
