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
from lakzegel_server.timestamping.authority import Authority
from lakzegel_server.timestamping.kept import Kept
from lakzegel_server.timestamping.renewer import Renewal, Renewer
from lakzegel_server.timestamping.stamper import Stamper, State

TICK_SECONDS: Final = 15.0  # how often it is looked whether it is time
RENEWAL_SECONDS: Final = 3600.0  # how often it is looked what is about to end


class Timestamps:
    """What a receiver has of timestamps."""

    def __init__(self, kept: Kept, stampers: tuple[Stamper, ...], renewer: Renewer) -> None:
        self.kept = kept
        self.stampers = stampers
        self.renewer = renewer

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
        known = tuple(Authority.of(decided) for decided in authorities)
        kept = Kept(layout)
        with log.turn():
            kept.tidy()
        stampers = tuple(
            Stamper(authority, log=log, kept=kept, clock=clock, monotonic=monotonic)
            for authority in known
        )
        renewer = Renewer(log.origin, authorities=known, log=log, kept=kept, clock=clock)
        return cls(kept, stampers, renewer)

    def add_chores(self, chores: Chores) -> None:
        """Ask from now on."""
        for stamper in self.stampers:
            name = f"timestamp-{stamper.state.name}"
            chores.add(name, TICK_SECONDS, stamper.turn, alone=name, take_over=stamper.resume)
        renewal = "timestamp-renewal"
        chores.add(renewal, RENEWAL_SECONDS, self.renewer.turn, alone=renewal)

    @property
    def renewal(self) -> Renewal:
        """Whether tokens are about to end that nothing renews."""
        return self.renewer.state

    def states(self) -> tuple[State, ...]:
        """How each authority fares."""
        return tuple(stamper.state for stamper in self.stampers)
