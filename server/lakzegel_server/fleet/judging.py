# SPDX-License-Identifier: EUPL-1.2
"""How one device fares at one moment, of all that is known of it, and until when that stays so.

Pure: what the log says, its newest batch, heartbeat and lives in, its health and row out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from lakzegel_server.fleet import absence
from lakzegel_server.fleet.assess import Facts, assess
from lakzegel_server.fleet.beat import Beat
from lakzegel_server.fleet.health import of_device, of_expected
from lakzegel_server.fleet.listing import ORDER, since
from lakzegel_server.fleet.lives import WINDOW, Lives
from lakzegel_server.fleet.model import Arrival, DeviceHealth
from lakzegel_server.fleet.roll import Enrolled, Expected, Known
from lakzegel_server.fleet.states import Standing, State, state_of
from lakzegel_server.settings_fleet import FleetSettings

LONGEST: Final = timedelta(days=30)  # that a row stands without being looked at
_MOMENT: Final = timedelta(seconds=1)  # limits are exceeded, not met


@dataclass(frozen=True, slots=True)
class Told:
    """What came of a device: its newest batch, heartbeat, and lives."""

    arrival: Arrival | None = None
    beat: Beat | None = None
    lives: Lives | None = None


NOTHING: Final = Told()


@dataclass(frozen=True, slots=True)
class Judge:
    """By which limits, at which moment."""

    limits: FleetSettings
    now: datetime
    quiet: datetime  # up to when silence counts
    owed: datetime  # up to when lateness counts

    @property
    def holds_back(self) -> bool:
        """Whether somebody is not called silent or late who would be by the clock."""
        return min(self.quiet, self.owed) < self.now

    def health(self, known: Known, told: Told) -> DeviceHealth:
        """How a device fares."""
        if isinstance(known, Expected):
            return of_expected(known.device, known.group, known.custody)
        facts = self._facts(known, told)
        found = assess(facts, self.limits, now=self.now, quiet=self.quiet, owed=self.owed)
        return of_device(facts, *found)

    def state(self, known: Known, told: Told) -> State:
        """The row of a device."""
        if isinstance(known, Expected):
            health, log, due = self.health(known, told), Standing(), known.until
        else:
            facts = self._facts(known, told)
            found = assess(facts, self.limits, now=self.now, quiet=self.quiet, owed=self.owed)
            health, log, due = of_device(facts, *found), known.log, self._due(facts, told.lives)
        return state_of(health, ORDER[health.condition], since(health), log, due)

    def _facts(self, known: Enrolled, told: Told) -> Facts:
        newest = self._newest(known, told.arrival)
        times = [one.at for one in (told.beat, newest) if one is not None]
        return Facts(
            device=known.device,
            group=known.group,
            custody=known.custody,
            epoch=known.epoch,
            enrolled=known.enrolled,
            revoked=known.revoked,
            final=known.final,
            newest=newest,
            beat=told.beat,
            heard=max(times, default=None),
            away=known.away,
            cloned=None if told.lives is None else told.lives.cloned(self.now),
        )

    def _newest(self, known: Enrolled, arrival: Arrival | None) -> Arrival | None:
        """The newest batch in the log; in a moment more may be known of it."""
        if known.head is None:
            return None
        epoch, head = known.head
        if arrival is not None and arrival.index == head.index:
            return arrival
        at = min(head.closed, self.now)
        return Arrival(epoch, head.batch, head.index, at, head.closed, 0, 0, exact=False)

    def _due(self, facts: Facts, lives: Lives | None) -> datetime:
        """The first moment at which the device may fare otherwise though nothing came of it."""
        latest = self.now + LONGEST
        found = (at for at in self._deadlines(facts, lives) if at > self.now)
        return min(found, default=latest) if not facts.final else latest

    def _deadlines(self, facts: Facts, lives: Lives | None) -> Iterator[datetime]:
        yield self.now + LONGEST
        limits = ((facts.since_heard, self.limits.silent), (facts.since_sealed, self.limits.late))
        for begin, limit in limits:
            left = limit - absence.owed(facts.away, begin, self.now)
            yield self._after(left)  # not before that, and later with an absence between
            yield self._after(limit - (self.now - begin))  # absent, or else silent or late
        for span in facts.away:
            yield from span
        end = None if facts.beat is None else facts.beat.heartbeat.certificate
        if end is not None:
            yield self._after(end - self.now - self.limits.certificate)
        if lives is not None and lives.last is not None:
            yield lives.last + WINDOW

    def _after(self, time: timedelta) -> datetime:
        """The moment after so long a time, or after as long as any row stands."""
        return self.now + min(time, LONGEST) + _MOMENT
