# SPDX-License-Identifier: EUPL-1.2
"""What a running agent tells: its status in a file, each problem once, a new heartbeat soon."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from lakzegel_agent.devicekeys import Introduction
from lakzegel_agent.errors import UnwritableError
from lakzegel_agent.health import own_load
from lakzegel_agent.policies import InForce
from lakzegel_agent.standing import Say, keep_status
from lakzegel_agent.station import Station
from lakzegel_agent.vitals import Vitals
from lakzegel_agent.watchkeeper import WatchKeeper


class Teller:
    """Tells where this agent stands, to who asks on the device and to who started it."""

    def __init__(self, opened: Station, vitals: Vitals, keeper: WatchKeeper, say: Say) -> None:
        self._opened = opened
        self._vitals = vitals
        self._keeper = keeper
        self._say = say
        self._said: set[str] = set()

    def keep(self, current: Introduction, in_force: InForce | None) -> None:
        """Write down how it stands, and say what is new."""
        self._state_polling(self._keeper.reasons())
        load = own_load()
        keep_status(
            self._opened,
            current,
            in_force,
            process={
                "processes": load.processes,
                "rss": load.rss,
                "cpu_seconds": load.cpu_seconds,
            },
            watch=self._keeper.state(),
        )
        self._vitals.tell()
        self.say_problems()

    def say_problems(self) -> None:
        """Say each problem once, in one line, when it arises."""
        now = {p.code: p for p in self._opened.problems.listed()}
        for code in now.keys() - self._said:
            self._say(f"{code}: {now[code].detail}; {now[code].next}")
        self._said = set(now)

    def _state_polling(self, reasons: Mapping[str, int]) -> None:
        text = ", ".join(f"{many} folders ({why})" for why, many in reasons.items())
        with suppress(UnwritableError):
            if text:
                self._opened.problems.add(self._opened.ledger, "polling", text)
            else:
                self._opened.problems.clear(self._opened.ledger, "polling")
