# SPDX-License-Identifier: EUPL-1.2
"""`decommission`: this device is taken out of use, once the records office holds all of it.

    receiver answers -> HOME/decommission -> a last pass, final -> shipped -> held -> wiped

Each step is durable before the next, and done again after a crash by whichever agent works here.
docs/spec/terms.md §3.3
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from lakzegel_agent import durable, ending
from lakzegel_agent.errors import AgentError, RefusedError, UnreachableError, UsageError
from lakzegel_agent.home import Home
from lakzegel_agent.sealing.pool import Pool
from lakzegel_agent.service import once
from lakzegel_agent.settingsconfig import Config
from lakzegel_agent.standing import NoPolicyError, Say, arrive, enrolled
from lakzegel_agent.station import Station, station, wall_clock
from lakzegel_agent.vitals import logged
from lakzegel_core.encoding import format_time
from lakzegel_core.errors import LakzegelError

LOOK: Final = 5.0  # seconds between two looks whether the office holds everything
TRIES: Final = 2
_NOTHING: Final = "nothing was removed"


class UnsentError(AgentError):
    """Something is not sent, or not held by the records office yet."""

    def __init__(self, unsent: int, unheld: int, why: str = "") -> None:
        reason = f" ({why})" if why else ""
        super().__init__(
            f"{unsent} batches are not sent, {unheld} are sent and not known to be held by the"
            f" records office{reason}; {_NOTHING}: run this again, or leave the service running;"
            f" --leave {unsent + unheld} would give them up"
        )
        self.unsent = unsent
        self.unheld = unheld


@dataclass(frozen=True, slots=True)
class Asked:
    """How long to wait, in seconds, and how many batches may be given up; None for none."""

    wait: float
    leave: int | None = None
    pause: Callable[[float], bool] = threading.Event().wait
    clock: Callable[[], float] = time.monotonic


def decommission(
    config: Config, asked: Asked, *, say: Say, stop: threading.Event
) -> dict[str, Any]:
    """What stays: device, last batch, its receipt, the statement that covers it.

    Raises:
        UsageError: not enrolled.
        UnreachableError, RefusedError, LakzegelError: nothing was changed.
        UnsentError: nothing was removed; it goes on later.
    """
    home = Home(config.home)
    found = _done(home)
    if found is not None:
        return found
    if home.is_locked():
        durable.write_file(home.decommission, _wish())
        say("the agent at work here was asked; systemctl reload has it look now")
        return _awaited(home, asked, stop)
    if not ending.is_asked(home):
        _require_answer(config, lenient=asked.leave is not None)
        durable.write_file(home.decommission, _wish())
    return _ended(config, home, asked, say, stop)


def _wish() -> bytes:
    return f"{format_time(wall_clock())}\n".encode()


def _done(home: Home) -> dict[str, Any] | None:
    """What stayed of it, where it is done; what a crash left is removed."""
    found = ending.read_ended(home)
    if found is not None and not home.is_locked():
        with home.exclusive():
            ending.remove(home)
    return found


def _require_answer(config: Config, *, lenient: bool) -> None:
    """Return where the receiver answers this device, so that what is sealed last can be sent."""
    with station(config) as opened, logged(opened, enrolled(opened, config)):
        _, fault = arrive(opened, enrolled(opened, config), tries=TRIES)
    if fault is not None and not lenient:
        raise fault


def _awaited(home: Home, asked: Asked, stop: threading.Event) -> dict[str, Any]:
    """What stays, once the agent at work has done it."""
    end = asked.clock() + asked.wait
    while asked.clock() < end and not stop.is_set():
        found = _done(home)
        if found is not None:
            return found
        asked.pause(min(LOOK, asked.wait))
    raise UnreachableError(
        f"the agent at work here has not come to the end of it; {_NOTHING}: it goes on, and"
        " `status` shows how far it is"
    )


def _ended(
    config: Config, home: Home, asked: Asked, say: Say, stop: threading.Event
) -> dict[str, Any]:
    """What stays, once a last pass was made and the office holds everything."""
    end, why = asked.clock() + asked.wait, ""
    while True:
        try:
            report = once(config, pool=Pool.open(config.workers), say=say, stop=stop)
            why = next((str(fault) for fault in report.faults), "")
        except (NoPolicyError, UnreachableError, RefusedError, LakzegelError) as error:
            why = str(error)
        found = _done(home)
        if found is not None:
            return found
        if stop.is_set() or asked.clock() >= end:
            return _left(config, home, asked, why)
        asked.pause(min(LOOK, asked.wait))


def _left(config: Config, home: Home, asked: Asked, why: str) -> dict[str, Any]:
    """What stays where so many batches may be given up.

    Raises:
        UnsentError: they are more, or none may be.
    """
    with station(config) as opened:
        unsent, unheld = len(opened.ledger.waiting()), _unheld(opened)
        if asked.leave is None or unsent + unheld > asked.leave:
            raise UnsentError(unsent, unheld, why)
        if not ending.is_ended(opened.ledger) and opened.ledger.spooled():
            raise UsageError(f"{home.root}: a last pass could not be made: {why}; {_NOTHING}")
        device = enrolled(opened, config).enrolment.device
        what = ending.told(home, opened.ledger, device, wall_clock(), left=unsent + unheld)
    ending.leave(home, what)
    return what


def _unheld(opened: Station) -> int:
    """How many batches are sent and not known to be held; the last one counts where it is gone."""
    kept = len(opened.ledger.sealed())
    return kept or int(not opened.ledger.waiting() and ending.unheld(opened.ledger))
