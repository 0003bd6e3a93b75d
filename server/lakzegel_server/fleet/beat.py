# SPDX-License-Identifier: EUPL-1.2
"""A heartbeat as it is kept in memory: what it says is turned into what is shown once, not often.

Kept notes are docs/spec/storage.md §3; what cannot be read there is passed over.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from lakzegel_core.heartbeat import Heartbeat
from lakzegel_server.fleet.model import (
    Condition,
    DeviceHealth,
    GuardCount,
    Readout,
    SourceCount,
    Trouble,
)


@dataclass(frozen=True, slots=True)
class Beat:
    """A heartbeat, and when it came by the receiver's clock."""

    heartbeat: Heartbeat
    at: datetime
    troubles: tuple[Trouble, ...]  # that it states
    shown: DeviceHealth  # what it says, of a device of which nothing else is known yet

    @classmethod
    def of(cls, heartbeat: Heartbeat, at: datetime) -> Self:
        """One that came now."""
        troubles = tuple(Trouble(row.code, row.since, row.count) for row in heartbeat.problems)
        return cls(heartbeat, at, troubles, _shown(heartbeat, at))


def _shown(said: Heartbeat, at: datetime) -> DeviceHealth:
    return DeviceHealth(
        device=said.device,
        group=None,
        custody="",
        epoch=said.epoch,
        enrolled=None,
        condition=Condition.EXPECTED,
        guards=tuple(GuardCount(row.guard, row.state, row.count) for row in said.guards),
        readouts=tuple(Readout(row.source, row.due, row.overdue) for row in said.readouts),
        sources=tuple(SourceCount(row.state, row.count) for row in said.sources),
        stated=at,
        version=said.agent,
        started=said.started,
        receipt=None if said.receipt is None else said.receipt.index,
        skew=int((said.at - at).total_seconds()),
        policy=said.policy,
        spool_batches=said.spool.batches,
        spool_bytes=said.spool.size,
        spool_limit=said.spool.limit or 0,
        found=said.ledger.found,
        sealed=said.ledger.sealed,
        excluded=said.ledger.excluded,
        failed=said.ledger.failed,
        certificate=said.certificate,
    )
