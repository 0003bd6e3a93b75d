# SPDX-License-Identifier: EUPL-1.2
"""The guards' look of `once` beside a pass that takes a while (docs/spec/guards.md §3).

A first capture uses every processor, a look after it one: by then it can be nearly done. Of a small
pass it would be dearer, by a process that starts.
"""

from __future__ import annotations

from datetime import datetime
from types import TracebackType
from typing import Final, Self

from lakzegel_agent.guardapart import Apart
from lakzegel_agent.guardtimes import Outcome, Where, is_time, where_of
from lakzegel_agent.passes import Progress
from lakzegel_agent.policies import InForce
from lakzegel_agent.station import Station, wall_clock

MANY: Final = 5_000  # files that were sealed, and more are found


class Beside:
    """A look that begins once a pass has sealed many files, and ends after it."""

    def __init__(self, station: Station, in_force: InForce) -> None:
        self._station = station
        self._in_force = in_force
        self._asked = False
        self._apart: Apart | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._apart is not None:
            self._apart.end()

    def tell(self, made: Progress) -> None:
        """Hear how far the pass is; begin where it is time."""
        if self._asked or made.sealed < MANY:
            return
        self._asked = True
        station, now = self._station, wall_clock()
        if is_time(station.ledger, self._in_force, now):
            self._apart = Apart(station, self._in_force, where_of(station.config), now)

    def look(self, station: Station, in_force: InForce, where: Where, now: datetime) -> Outcome:
        """Return what the look came to that was begun, or else to one in this very process.

        Raises:
            UnwritableError: it cannot be kept now; the next look finds it again.
        """
        if self._apart is not None:
            apart, self._apart = self._apart, None
            return apart.outcome()
        from lakzegel_agent.guarding import attend  # noqa: PLC0415 - most passes come too soon

        return attend(station.ledger, in_force, where, now)
