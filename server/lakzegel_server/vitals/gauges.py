# SPDX-License-Identifier: EUPL-1.2
"""What holds at the moment of a scrape (docs/spec/monitoring.md §2): counts, never content."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from lakzegel_core.checkpoint import open_checkpoint
from lakzegel_server.chores import Chores
from lakzegel_server.fleet.model import Condition
from lakzegel_server.intake import Intake
from lakzegel_server.layout import Layout
from lakzegel_server.logstate import LogState

Families = Iterator[GaugeMetricFamily]
Reading = Callable[[], "Fleet"]


@dataclass(slots=True, eq=False)
class Gauges(Collector):
    """Reads them all anew."""

    layout: Layout
    log: LogState
    intake: Intake
    chores: Chores
    clock: Callable[[], float]
    devices: bool  # whether a device has a series of its own
    fleet: Reading | None = None
    others: Callable[[], Families] | None = None  # who speaks of the log beside this receiver

    def collect(self) -> Families:
        """Every gauge."""
        yield from self._log()
        yield from self._disk()
        yield one("uploads", "Batches that are coming in", self.intake.under_way)
        failed = GaugeMetricFamily(
            "lakzegel_chore_failing", "Whether its last round failed", labels=["chore"]
        )
        for chore in self.chores:
            failed.add_metric([chore.name], chore.failed is not None or not chore.alive)
        yield failed
        if self.others is not None:
            yield from self.others()
        if self.fleet is not None:
            yield from self._fleet(self.fleet())

    def _log(self) -> Families:
        shown = self.log.shown
        yield one("log_entries", "Entries of the log that are shown", shown.checkpoint.size)
        yield one("sealing", "Whether entries are taken in", self.log.standing.sealing)
        if shown.data:
            signed = open_checkpoint(shown.data, self.log.keys)
            age = max(0.0, self.clock() - signed.signed_at)
            yield one("checkpoint_age_seconds", "Since the newest checkpoint was signed", age)

    def _disk(self) -> Families:
        found = os.statvfs(self.layout.data)
        yield one("disk_free_bytes", "Room on the disk of DATA", found.f_bavail * found.f_frsize)
        yield one("disk_bytes", "Size of the disk of DATA", found.f_blocks * found.f_frsize)

    def _fleet(self, fleet: Fleet) -> Families:
        found = GaugeMetricFamily("lakzegel_devices", "Devices by condition", labels=["condition"])
        for condition in Condition:
            found.add_metric([condition.value], fleet.conditions.get(condition, 0))
        yield found
        found = GaugeMetricFamily("lakzegel_problems", "Devices by problem", labels=["code"])
        for code, (count, _) in sorted(fleet.codes.items()):
            found.add_metric([code], count)
        yield found
        if self.devices:
            found = GaugeMetricFamily(
                "lakzegel_device", "1 for the condition of a device", labels=["device", "condition"]
            )
            for device, word in fleet.devices:
                found.add_metric([device, word], 1)
            yield found


@dataclass(frozen=True, slots=True)
class Fleet:
    """Devices by condition and by problem, and each of them where that is wanted."""

    conditions: dict[Condition, int]
    codes: dict[str, tuple[int, int]]
    devices: list[tuple[str, str]]


def one(name: str, text: str, value: float) -> GaugeMetricFamily:
    """A gauge without labels."""
    return GaugeMetricFamily(f"lakzegel_{name}", text, value=value)
