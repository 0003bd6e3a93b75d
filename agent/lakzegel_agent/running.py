# SPDX-License-Identifier: EUPL-1.2
"""`run`, from configuration to exit code: what a life of the agent begins and ends with.

ended before -> remove what is left, and say so
else         -> open the home -> turns (daemon.py) -> the term is over -> leave, and say so
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lakzegel_agent import ending, memory, updates
from lakzegel_agent.daemon import Daemon
from lakzegel_agent.explainservice import answering
from lakzegel_agent.home import Home
from lakzegel_agent.sealing.pool import Pool
from lakzegel_agent.services.base import Life
from lakzegel_agent.settingsconfig import Config
from lakzegel_agent.standing import Say, enrolled
from lakzegel_agent.station import station, wall_clock
from lakzegel_agent.vitals import living

ALARMS: Final = ("rollback", "fork", "revoked", "superseded")
OVER: Final = "the term of office ended: nothing is captured here any more"
OUT_OF_USE: Final = "this device was taken out of use: nothing is captured here any more"


def run(config: Config, *, say: Say, life: Life, trial: updates.Trial) -> int:
    """Work until ``life.stop``; 0, or 1 when the log could not be trusted at the end.

    ``trial`` is this version's.

    Raises:
        UsageError: not enrolled, or another agent is at work.
        UnfitError: a later version was here; nothing was changed.
    """
    home = Home(config.home)
    ended = ending.read_ended(home)
    if ended is not None:  # as systemd would have it: ended as told
        ending.remove(home)
        say(_said(ended))
        return 0
    memory.begin()
    with station(config) as opened:
        current = enrolled(opened, config)
        with (
            Pool.open(config.workers) as pool,
            living(opened, current, stop=life.stop, pulse=life.pulse) as vitals,
            answering(opened),
        ):
            daemon = Daemon(
                opened,
                current,
                pool=pool,
                say=say,
                stop=life.stop,
                vitals=vitals,
                wake=life.wake,
                trial=trial,
            )
            daemon.run()
        code = 1 if any(opened.problems.has(code) for code in ALARMS) else 0
        if not daemon.is_over:
            return code
        left = ending.told(home, opened.ledger, current.enrolment.device, wall_clock())
    ending.leave(home, left)
    say(_said(left))
    return code


def _said(left: Mapping[str, Any]) -> str:
    """Return in a line why nothing is captured here."""
    return OUT_OF_USE if left.get("how") == "decommissioned" else OVER
