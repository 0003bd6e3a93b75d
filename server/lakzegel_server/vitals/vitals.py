# SPDX-License-Identifier: EUPL-1.2
"""Everything that tells how one receiver fares, put together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from prometheus_client import CollectorRegistry

from lakzegel_server.chores import Chores
from lakzegel_server.handover.handover import Handover
from lakzegel_server.intake import Intake
from lakzegel_server.layout import Layout
from lakzegel_server.logstate import LogState
from lakzegel_server.settings import Settings, read_secret
from lakzegel_server.vitals.gauges import Gauges
from lakzegel_server.vitals.probes import Probes
from lakzegel_server.vitals.tests import Receiver
from lakzegel_server.vitals.traffic import Traffic


@dataclass(frozen=True, slots=True)
class Vitals:
    """Tests, counts, and who may scrape them without an account."""

    probes: Probes
    registry: CollectorRegistry
    gauges: Gauges
    traffic: Traffic
    scrape_token: str | None

    @classmethod
    def open(
        cls,
        layout: Layout,
        log: LogState,
        intake: Intake,
        chores: Chores,
        handover: Handover,
        settings: Settings,
        *,
        clock: Callable[[], float],
    ) -> Self:
        """Those of one receiver.

        Raises:
            ConfigError: the file of the scrape token is not what it must be.
        """
        registry = CollectorRegistry()
        traffic = Traffic(registry)
        gauges = Gauges(layout, log, intake, chores, clock, settings.metrics.devices)
        registry.register(gauges)
        registry.register(handover)
        token = settings.metrics.token_file
        tested = Receiver(layout, log, chores, settings.healthz.free, clock)
        secret = read_secret(token) if token else None
        tests = {**tested.tests(), "handover": handover.test}
        return cls(Probes(tests), registry, gauges, traffic, secret)
