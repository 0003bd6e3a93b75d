# SPDX-License-Identifier: EUPL-1.2
"""When guards look, and what is told of it: all that an agent at rest has of them.

The looks are `guarding.py`'s; the running agent has them done in another process, for what a dozen
formats need weighs more than all that it holds itself. docs/spec/guards.md §3
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lakzegel_agent.home import Home
from lakzegel_core.encoding import parse_time

if TYPE_CHECKING:
    from lakzegel_agent.ledger import Ledger
    from lakzegel_agent.policies import InForce
    from lakzegel_agent.problems import Found
    from lakzegel_agent.settingsconfig import Config
    from lakzegel_agent.station import Station

LEAST: Final = timedelta(minutes=5)  # between two looks under one policy
MOST: Final = timedelta(hours=6)
SHARE: Final = 0.0003  # of one core: what looks may cost where nothing happens
SYSTEM: Final = Path("/")
CODES: Final = ("guard-drifted", "guard-unknown", "guard-contested", "guard-unsupported")
SHOWN: Final = "guards-shown"  # rows of `status`, as the last look left them
WHEN: Final = "guards-when"  # the last look, and under which policy
PAUSE: Final = "guards-pause"  # seconds until the next one, by what the last one cost


@dataclass(frozen=True, slots=True)
class Where:
    """Which system and whose home is looked at; other ones in tests."""

    home: Path
    system: Path = SYSTEM
    platform: str = sys.platform
    keys: Path | None = None  # the agent's own folder of them
    marker: str | None = None  # of the setting `mdm_marker`


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a look came to: whether there is news to be sealed, and the problems, by code."""

    news: bool
    problems: Mapping[str, Mapping[str, Found]]


Look = Callable[["Station", "InForce", Where, datetime], Outcome]


def where_of(config: Config) -> Where:
    """Return where the guards of a device with these settings look."""
    return Where(config.user_home, keys=Home(config.home).keys, marker=config.marker)


def guard(station: Station, in_force: InForce, look: Look, now: datetime) -> bool:
    """Let the guards look when it is time; whether there is news to be sealed.

    Raises:
        UnwritableError: it cannot be kept now; the next look finds it again.
    """
    ledger = station.ledger
    if not is_time(ledger, in_force, now):
        return False
    before = _processor_time()
    outcome = look(station, in_force, where_of(station.config), now)
    pause = pause_after(_processor_time() - before)
    ledger.remember(PAUSE, f"{pause.total_seconds():.0f}".encode())
    for code in CODES:
        station.problems.state(ledger, code, outcome.problems.get(code, {}))
    return outcome.news


def is_time(ledger: Ledger, in_force: InForce, now: datetime) -> bool:
    """Whether a look is due: never looked, another policy, or long enough ago."""
    at, _, policy = (ledger.recall(WHEN) or b"").decode().partition(" ")
    if not at or policy != in_force.id.hex():
        return True
    kept = (ledger.recall(PAUSE) or b"").decode()
    pause = timedelta(seconds=int(kept)) if kept.isdecimal() else LEAST
    return not timedelta(0) <= now - parse_time(at, what="guards") < pause


def pause_after(cost: float) -> timedelta:
    """Return how long after a look that cost so many seconds of a core there is none."""
    return min(max(timedelta(seconds=cost / SHARE), LEAST), MOST)


def rows(ledger: Ledger, in_force: InForce | None) -> list[dict[str, Any]]:
    """Return the section of `status`: a row a guard that is not off, as it looked last."""
    data = ledger.recall(SHOWN) if in_force is not None else None
    found = json.loads(data) if data else []
    return found if isinstance(found, list) else []


def _processor_time() -> float:
    """Return the seconds of a core that this process and those it waited for took so far."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
