# SPDX-License-Identifier: EUPL-1.2
"""What is known of a device, in the form in which people and programs are told."""

from __future__ import annotations

from dataclasses import replace

from lakzegel_core.heartbeat import Heartbeat
from lakzegel_server.fleet.assess import Facts
from lakzegel_server.fleet.model import (
    Condition,
    DeviceHealth,
    GuardCount,
    Readout,
    SourceCount,
    Trouble,
)


def of_device(facts: Facts, condition: Condition, troubles: tuple[Trouble, ...]) -> DeviceHealth:
    """The health of an enrolled device."""
    found = DeviceHealth(
        device=facts.device,
        group=facts.group,
        custody=facts.custody,
        epoch=facts.epoch,
        enrolled=facts.enrolled,
        condition=condition,
        troubles=troubles,
        newest=facts.newest,
        heard=facts.heard,
        skew=facts.skew,
    )
    if facts.beat is None:
        return found
    return _stated(replace(found, stated=facts.beat.at), facts.beat.heartbeat)


def of_expected(device: str, custody: str) -> DeviceHealth:
    """The health of a device that was admitted and did not enrol yet."""
    return DeviceHealth(device, None, custody, 0, None, Condition.EXPECTED)


def _stated(found: DeviceHealth, said: Heartbeat) -> DeviceHealth:
    """With what the device says of itself."""
    return replace(
        found,
        guards=tuple(GuardCount(row.guard, row.state, row.count) for row in said.guards),
        readouts=tuple(Readout(row.source, row.due, row.overdue) for row in said.readouts),
        sources=tuple(SourceCount(row.state, row.count) for row in said.sources),
        version=said.agent,
        started=said.started,
        receipt=None if said.receipt is None else said.receipt.index,
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
