# SPDX-License-Identifier: EUPL-1.2
"""All authorities of one receiver, each with a chore of its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, Self

from lakzegel_server.chores import Chores
from lakzegel_server.layout import Layout
from lakzegel_server.logstate import LogState
from lakzegel_server.settings_timestamps import TimestampAuthority
from lakzegel_server.timestamping.exchange import Exchange
from lakzegel_server.timestamping.kept import Kept
from lakzegel_server.timestamping.roots import read_roots
from lakzegel_server.timestamping.stamper import Stamper, State

TICK_SECONDS: Final = 15.0  # how often it is looked whether it is time


class Timestamps:
    """What a receiver has of timestamps."""

    def __init__(self, kept: Kept, stampers: tuple[Stamper, ...]) -> None:
        self.kept = kept
        self.stampers = stampers

    @classmethod
    def open(
        cls,
        layout: Layout,
        log: LogState,
        authorities: tuple[TimestampAuthority, ...],
        *,
        clock: Callable[[], float],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> Self:
        """The authorities of the settings; nobody is asked yet.

        Raises:
            ConfigError: a file that the settings name cannot be used.
        """
        ways = [(one, Exchange.of(one), read_roots(one.roots_file)) for one in authorities]
        kept = Kept(layout)
        with log.turn():
            kept.tidy()
        return cls(
            kept,
            tuple(
                Stamper(
                    one.name,
                    every=one.every,
                    ask=way.ask,
                    roots=roots,
                    log=log,
                    kept=kept,
                    clock=clock,
                    monotonic=monotonic,
                )
                for one, way, roots in ways
            ),
        )

    def add_chores(self, chores: Chores) -> None:
        """Ask from now on."""
        for stamper in self.stampers:
            chores.add(f"timestamp-{stamper.state.name}", TICK_SECONDS, stamper.turn)

    def states(self) -> tuple[State, ...]:
        """How each authority fares."""
        return tuple(stamper.state for stamper in self.stampers)
