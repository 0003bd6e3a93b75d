# SPDX-License-Identifier: EUPL-1.2
"""The one word for a device, and what is wrong with it, of what is known at one moment.

Pure: facts, limits and times in, a condition and troubles out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from lakzegel_server.fleet import absence
from lakzegel_server.fleet.absence import Span
from lakzegel_server.fleet.beat import Beat
from lakzegel_server.fleet.causes import is_trouble
from lakzegel_server.fleet.model import Arrival, Condition, Trouble
from lakzegel_server.settings_fleet import FleetSettings

DRIFTED: Final = "drifted"  # a guard's state
FULL_CODES: Final = frozenset({"spool-full", "no-room"})
DRIFT_CODES: Final = frozenset({"guard-drifted", "guard-contested"})
CLOCK_CODES: Final = frozenset({"clock-skew"})
# what the receiver finds by itself; the others are devices' own (docs/spec/health.md §1)
SILENT: Final = "silent"
LATE: Final = "late"
REVOKED: Final = "revoked"
CLOCK_OFF: Final = "clock-off"
OLD_VERSION: Final = "old-version"
CERTIFICATE_ENDING: Final = "certificate-ending"
CLONED: Final = "cloned"
OWN: Final = (SILENT, LATE, REVOKED, CLOCK_OFF, OLD_VERSION, CERTIFICATE_ENDING, CLONED)
_WELL: Final = frozenset({Condition.EXPECTED, Condition.CAPTURING})
_NUMBERS: Final = re.compile(r"[0-9]+(?:\.[0-9]+)*")


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one device; ``heard`` is its newest batch or heartbeat."""

    device: str
    group: str | None
    custody: str
    epoch: int
    enrolled: datetime
    revoked: datetime | None
    final: bool
    newest: Arrival | None
    beat: Beat | None
    heard: datetime | None
    away: tuple[Span, ...] = ()  # planned absences
    cloned: datetime | None = None  # since when two copies of it are alive

    @property
    def since_heard(self) -> datetime:
        """Since when nothing was heard of it."""
        return self.heard or self.enrolled

    @property
    def since_sealed(self) -> datetime:
        """Since when nothing of it was sealed."""
        return self.enrolled if self.newest is None else self.newest.at

    @property
    def skew(self) -> int | None:
        """Seconds that the device's clock was ahead when its newest heartbeat came."""
        return None if self.beat is None else self.beat.shown.skew


def assess(
    facts: Facts,
    limits: FleetSettings,
    *,
    now: datetime,
    quiet: datetime,
    owed: datetime,
) -> tuple[Condition, tuple[Trouble, ...]]:
    """The condition of a device, and its troubles, by code.

    Args:
        facts: what is known.
        limits: from when on something is late, silent, off, old or ending.
        now: the receiver's clock.
        quiet: the moment up to which silence counts: earlier than ``now`` when the receiver itself
            was away.
        owed: the moment up to which lateness counts: earlier while this receiver seals nothing.
    """
    found = {} if facts.beat is None else {one.code: one for one in facts.beat.troubles}
    found |= {one.code: one for one in _own(facts, limits, now, quiet, owed)}
    troubles = tuple(found[code] for code in sorted(found))
    condition = _condition(facts, frozenset(found))
    if condition in _WELL and _is_absent(facts, limits, now, quiet, owed):
        condition = Condition.ABSENT
    return condition, troubles


def _own(
    facts: Facts, limits: FleetSettings, now: datetime, quiet: datetime, owed: datetime
) -> Iterator[Trouble]:
    """What the receiver finds; of a device that ended, nothing but that it was revoked."""
    if facts.revoked is not None:
        yield Trouble(REVOKED, facts.revoked, 1)
    elif not facts.final:
        yield from _overdue(facts, limits, quiet, owed)
        yield from _of_heartbeat(facts, limits, now)


def _overdue(
    facts: Facts, limits: FleetSettings, quiet: datetime, owed: datetime
) -> Iterator[Trouble]:
    if absence.owed(facts.away, facts.since_heard, quiet) > limits.silent:
        yield Trouble(SILENT, facts.since_heard, 1)
    if absence.owed(facts.away, facts.since_sealed, owed) > limits.late:
        yield Trouble(LATE, facts.since_sealed, 1)


def _is_absent(
    facts: Facts, limits: FleetSettings, now: datetime, quiet: datetime, owed: datetime
) -> bool:
    """Whether it would be silent or late now, were it not away as planned."""
    if absence.absent_until(facts.away, now) is None:
        return False
    silent = quiet - facts.since_heard > limits.silent
    return silent or owed - facts.since_sealed > limits.late


def _of_heartbeat(facts: Facts, limits: FleetSettings, now: datetime) -> Iterator[Trouble]:
    if facts.beat is None:
        return
    heartbeat, skew = facts.beat.heartbeat, facts.skew
    if facts.cloned is not None:
        yield Trouble(CLONED, facts.cloned, 1)
    if skew is not None and abs(skew) > limits.skew.total_seconds():
        yield Trouble(CLOCK_OFF, facts.beat.at, 1)
    if limits.oldest_version is not None and is_older(heartbeat.agent, limits.oldest_version):
        yield Trouble(OLD_VERSION, facts.beat.at, 1)
    end = heartbeat.certificate
    if end is not None and end - now < limits.certificate:
        yield Trouble(CERTIFICATE_ENDING, end - limits.certificate, 1)


def _condition(facts: Facts, codes: frozenset[str]) -> Condition:
    """The worst that holds."""
    if facts.revoked is not None:
        return Condition.REVOKED
    if facts.final:
        return Condition.CLOSED
    worst = (
        (Condition.SILENT, SILENT in codes),
        (Condition.FULL, _is_full(facts, codes)),
        (Condition.DRIFTED, _is_drifted(facts, codes)),
        (Condition.CLOCK_OFF, CLOCK_OFF in codes or bool(codes & CLOCK_CODES)),
        (Condition.LATE, LATE in codes),
        (Condition.CERTIFICATE, CERTIFICATE_ENDING in codes),
        (Condition.OLD_VERSION, OLD_VERSION in codes),
        (Condition.TROUBLED, any(map(is_trouble, codes))),
    )
    rest = Condition.EXPECTED if facts.newest is None else Condition.CAPTURING
    return next((condition for condition, holds in worst if holds), rest)


def _is_full(facts: Facts, codes: frozenset[str]) -> bool:
    if codes & FULL_CODES:
        return True
    spool = None if facts.beat is None else facts.beat.heartbeat.spool
    return spool is not None and spool.limit is not None and spool.size >= spool.limit


def _is_drifted(facts: Facts, codes: frozenset[str]) -> bool:
    if codes & DRIFT_CODES:
        return True
    guards = () if facts.beat is None else facts.beat.heartbeat.guards
    return any(row.state == DRIFTED and row.count for row in guards)


def is_older(version: str, oldest: str) -> bool:
    """Whether a version comes before another by its numbers; ``0.5.0rc1`` counts as 0.5.0."""
    return numbers(version) < numbers(oldest)


def numbers(version: str) -> list[int]:
    """What versions are compared by."""
    found = _NUMBERS.match(version)
    parts = [int(part) for part in found[0].split(".")] if found else [0]
    while parts and parts[-1] == 0:
        parts.pop()
    return parts
