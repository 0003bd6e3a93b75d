# SPDX-License-Identifier: EUPL-1.2
"""The health of a device as the dashboard, the metrics and the alerts have it.

One reading of the log, of what arrived and of the devices' heartbeats, by `fleet/reading.py`. A
heartbeat is what a device says of itself and is never evidence; what was sealed is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Condition(StrEnum):
    """The one word for a device, the worst that holds; in this order, the worst first."""

    REVOKED = "revoked"  # the log says that its key is not trusted any more
    SILENT = "silent"  # neither batch nor heartbeat for longer than `silent`
    FULL = "full"  # its spool has no room, so that it captures nothing
    DRIFTED = "drifted"  # a guard found a setting that deletes by itself
    CLOCK_OFF = "clock-off"
    LATE = "late"  # heard of, but nothing sealed for longer than `late`
    CERTIFICATE = "certificate-ending"
    OLD_VERSION = "old-version"
    TROUBLED = "troubled"  # another problem of `problems`
    ABSENT = "absent"  # it would be silent or late, but for an absence that its policy plans
    CAPTURING = "capturing"
    CLOSED = "closed"  # its last batch says that its custody is final
    EXPECTED = "expected"  # admitted or enrolled, and nothing sealed yet


@dataclass(frozen=True, slots=True)
class Trouble:
    """One problem of one device: the stable code, since when, how many."""

    code: str
    since: datetime
    count: int


@dataclass(frozen=True, slots=True)
class GuardCount:
    """How many subjects of a guard are in a state, as the device says; no names."""

    guard: str
    state: str  # compliant, drifted, repaired, unknown, …
    count: int


@dataclass(frozen=True, slots=True)
class SourceCount:
    """How many of the policy's sources are covered, or are not for one reason."""

    state: str
    count: int


@dataclass(frozen=True, slots=True)
class Readout:
    """When a phone's read-out is due, as the device says."""

    source: str  # the policy's name of the source
    due: datetime
    overdue: bool


@dataclass(frozen=True, slots=True)
class Arrival:
    """A batch that was sealed: where in the log, when, how large."""

    epoch: int
    batch: int
    index: int
    at: datetime  # the receiver's clock, or the device's where `exact` is false
    closed: datetime  # the device's
    items: int
    size: int  # bytes
    exact: bool = True  # whether the receiver itself saw it arrive


@dataclass(frozen=True, slots=True)
class DeviceHealth:
    """Everything that IT support may know of one device."""

    device: str
    group: str | None
    custody: str
    epoch: int
    enrolled: datetime | None  # its current epoch, the device's clock; None: admitted only
    condition: Condition
    troubles: tuple[Trouble, ...] = ()
    guards: tuple[GuardCount, ...] = ()
    readouts: tuple[Readout, ...] = ()
    sources: tuple[SourceCount, ...] = ()
    newest: Arrival | None = None
    heard: datetime | None = None  # newest heartbeat or batch, the receiver's clock
    stated: datetime | None = None  # newest heartbeat alone: how old what it says of itself is
    version: str | None = None
    started: datetime | None = None  # its agent, to the hour
    receipt: int | None = None  # index of the newest receipt that it verified
    skew: int | None = None  # seconds that the device's clock is ahead
    policy: int | None = None  # serial of the policy that it says is in force
    spool_batches: int = 0
    spool_bytes: int = 0
    spool_limit: int = 0
    found: int = 0  # the ledger's four counts, as the device says
    sealed: int = 0
    excluded: int = 0
    failed: int = 0
    certificate: datetime | None = None  # end of what the device trusts the receiver by
    away: tuple[tuple[datetime, datetime], ...] = ()  # planned absences: from, and until before


@dataclass(frozen=True, slots=True)
class Fleet:
    """All devices at one moment, by name."""

    at: datetime
    devices: tuple[DeviceHealth, ...]
