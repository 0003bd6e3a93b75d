# SPDX-License-Identifier: EUPL-1.2
"""Lets the guards look in a process of its own: ``python -m lakzegel_agent.guardapart``.

An agent at rest would else keep what a dozen formats need, and what hostile files make of it; and a
look that does not end is ended. Requests and answers are pickles: both sides are this program. The
ledger's key goes through standard input, never through an argument.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lakzegel_agent import ownprocess
from lakzegel_agent.errors import UnwritableError
from lakzegel_agent.guardtimes import Outcome, Where
from lakzegel_agent.problems import Found

if TYPE_CHECKING:
    from lakzegel_agent.policies import InForce
    from lakzegel_agent.station import Station

PATIENCE: Final = 60.0  # seconds; what feeds a watchdog waits meanwhile


@dataclass(frozen=True, slots=True)
class Request:
    """What the other process needs to know."""

    ledger: Path
    key: bytes
    note: bytes
    annex: str | None
    where: Where
    now: datetime


def look_apart(station: Station, in_force: InForce, where: Where, now: datetime) -> Outcome:
    """Return what a look came to; one that fails or does not end is a problem, and no more.

    Raises:
        UnwritableError: it cannot be kept now; the next look finds it again.
    """
    annex = None if in_force.annex is None else in_force.annex.text
    request = Request(station.home.ledger, station.ledger_key, in_force.note, annex, where, now)
    try:
        done = subprocess.run(
            ownprocess.worker("guards"),
            input=pickle.dumps(request),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # a traceback may name a file
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return _failed(f"the look did not end within {PATIENCE:.0f} s")
    except OSError as error:
        return _failed(f"no process for the look ({error.strerror})")
    if done.returncode:
        return _failed(f"the look ended with {done.returncode}")
    found: Outcome | UnwritableError = pickle.loads(done.stdout)  # noqa: S301  # our own child's
    if isinstance(found, UnwritableError):
        raise found
    return found


def main() -> None:
    """Look once, and hand over what came of it."""
    from lakzegel_agent.guarding import attend  # noqa: PLC0415 - not in the asking process
    from lakzegel_agent.ledger import Ledger  # noqa: PLC0415
    from lakzegel_agent.policies import InForce  # noqa: PLC0415
    from lakzegel_core.annex import parse_annex  # noqa: PLC0415
    from lakzegel_core.policy import peek_policy  # noqa: PLC0415

    asked: Request = pickle.load(sys.stdin.buffer)  # noqa: S301  # from our own parent
    annex = None if asked.annex is None else parse_annex(asked.annex)
    in_force = InForce(asked.note, peek_policy(asked.note), annex, None)
    found: Outcome | UnwritableError
    try:
        with Ledger.open(asked.ledger, asked.key) as ledger:
            found = attend(ledger, in_force, asked.where, asked.now)
    except UnwritableError as error:
        found = error
    pickle.dump(found, sys.stdout.buffer)


def _failed(why: str) -> Outcome:
    return Outcome(news=False, problems={"guard-unknown": {"": Found(why)}})


if __name__ == "__main__":
    main()
