# SPDX-License-Identifier: EUPL-1.2
"""What is known of a device, in the form in which people and programs are told."""

from __future__ import annotations

from dataclasses import replace

from lakzegel_server.fleet.assess import Facts
from lakzegel_server.fleet.model import Condition, DeviceHealth, Trouble


def of_device(facts: Facts, condition: Condition, troubles: tuple[Trouble, ...]) -> DeviceHealth:
    """The health of an enrolled device: what the log says, and what it says of itself."""
    unheard = DeviceHealth(facts.device, None, "", 0, None, condition)
    return replace(
        unheard if facts.beat is None else facts.beat.shown,
        group=facts.group,
        custody=facts.custody,
        epoch=facts.epoch,
        enrolled=facts.enrolled,
        condition=condition,
        troubles=troubles,
        newest=facts.newest,
        heard=facts.heard,
        away=facts.away,
    )


def of_expected(device: str, group: str | None, custody: str) -> DeviceHealth:
    """The health of a device that was admitted and did not enrol yet."""
    return DeviceHealth(device, group, custody, 0, None, Condition.EXPECTED)
