# SPDX-License-Identifier: EUPL-1.2
"""All places of one receiver that are pushed to, each with a chore of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final, Self

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from lakzegel_server.chores import Chores
from lakzegel_server.handover.contents import Contents
from lakzegel_server.handover.folder import Folder, Ties
from lakzegel_server.handover.packages import Packages
from lakzegel_server.handover.state import PlaceState
from lakzegel_server.handover.told import Told
from lakzegel_server.handover.webhook import Hook
from lakzegel_server.layout import Layout
from lakzegel_server.logstate import LogState
from lakzegel_server.settings_handover import HandoverSettings

TICK: Final = 1.0  # seconds; how often it looks whether it is time for one that waits


class Handover(Collector):
    """Metrics, alerts and tests read ``states``."""

    def __init__(self, log: LogState, places: tuple[Hook | Folder, ...]) -> None:
        self._log = log
        self._places = places

    @classmethod
    def open(
        cls,
        layout: Layout,
        log: LogState,
        settings: HandoverSettings,
        ties: Ties,
        *,
        clock: Callable[[], float],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> Self:
        """The places of the settings; nothing is pushed yet.

        Raises:
            ConfigError: a file of a secret is not what it must be.
        """
        told = Told(layout.database)
        places: list[Hook | Folder] = [
            Hook(f"webhook-{n}", hook, log=log, told=told, clock=clock, monotonic=monotonic)
            for n, hook in enumerate(settings.webhook, 1)
        ]
        if settings.folder is not None:
            contents = Contents(layout, log.store, Packages(layout.database))
            folder = Folder(
                settings.folder,
                log=log,
                contents=contents,
                ties=ties,
                clock=clock,
                monotonic=monotonic,
            )
            places.insert(0, folder)
        return cls(log, tuple(places))

    def begin(self, chores: Chores) -> None:
        """Push from now on."""
        for place in self._places:
            name = f"handover-{place.state.name}"
            chore = chores.add(name, TICK, place.work, alone=name, take_over=place.resume)
            self._log.when_shown(chore.wake)

    def states(self) -> tuple[PlaceState, ...]:
        """How each place fares, in the order of the settings."""
        return tuple(place.state for place in self._places)

    def test(self) -> str:
        """What `/healthz` tells: a place that cannot be reached is not this receiver."""
        failing = [f"{s.name}: {s.reason}" for s in self.states() if s.failing_since is not None]
        return "; ".join(failing) or f"{len(self.states())} places"

    def collect(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
        """What `/metrics` tells (docs/spec/monitoring.md §2)."""
        size = GaugeMetricFamily(
            "lakzegel_handover_entries", "Entries that arrived there", labels=["place"]
        )
        failing = GaugeMetricFamily(
            "lakzegel_handover_failing", "Whether the newest try failed", labels=["place"]
        )
        tries = CounterMetricFamily(
            "lakzegel_handovers", "Tries to push", labels=["place", "outcome"]
        )
        for state in self.states():
            size.add_metric([state.name], state.size)
            failing.add_metric([state.name], state.failing_since is not None)
            tries.add_metric([state.name, "done"], state.done)
            tries.add_metric([state.name, "failed"], state.failed)
        yield from (size, failing, tries)
