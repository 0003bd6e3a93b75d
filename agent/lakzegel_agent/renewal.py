# SPDX-License-Identifier: EUPL-1.2
"""When an agent replaces its keys by itself: somebody asked for it, or the policy finds them old.

HOME/rotate   the epoch whose keys somebody asked to have replaced, while an agent was at work

It waits for a moment at which every batch has its receipt, and takes none for it.
docs/spec/epochs.md §4, policy.md §2
"""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from lakzegel_agent import durable
from lakzegel_agent.devicekeys import Introduction
from lakzegel_agent.errors import AgentError, RefusedError, UnwritableError
from lakzegel_agent.policies import InForce
from lakzegel_agent.rotation import is_under_way
from lakzegel_agent.standing import still
from lakzegel_agent.station import Station, wall_clock
from lakzegel_agent.transport import NeverError
from lakzegel_core.errors import LakzegelError

RETRY: Final = 3600.0  # seconds between two attempts
_LONGEST: Final = 32  # bytes of the file


class Renewal:
    """One agent's attempts at new keys; for the thread that does its passes."""

    def __init__(self, opened: Station) -> None:
        self._opened = opened
        self._not_before = 0.0

    def is_wanted(self, current: Introduction, in_force: InForce | None) -> bool:
        """Whether the keys are to be replaced, as soon as nothing waits."""
        if time.monotonic() < self._not_before:
            return False
        made = current.enrolment
        asked = asked_for(self._opened.home.asked)
        if asked is not None and asked < made.epoch:  # by now they are
            with suppress(OSError):
                self._opened.home.asked.unlink()
        if asked == made.epoch:
            return True
        limit = None if in_force is None else in_force.policy.keys
        return limit is not None and (wall_clock() - made.enrolled).total_seconds() >= limit

    def is_due(self, current: Introduction, in_force: InForce | None) -> bool:
        """Whether they are to be replaced now."""
        return self.is_wanted(current, in_force) and not self._opened.ledger.waiting()

    def put_off(self) -> None:
        """Attempt nothing for a while."""
        self._not_before = time.monotonic() + RETRY

    def attempt(
        self, current: Introduction, in_force: InForce | None
    ) -> tuple[Introduction, Exception | None]:
        """The introduction in force, new where that is due, and what keeps this device waiting.

        Keys that the receiver will not have are the problem `keys-not-replaced`, and keep nothing.

        Raises:
            UnwritableError: keys are being replaced, and the disk does not take by which.
        """
        if not self.is_due(current, in_force):
            return current, None
        self.put_off()
        liaison = self._opened.liaison(self._opened.ledger)
        try:
            found = liaison.rotate(current)
        except (AgentError, LakzegelError) as error:
            if isinstance(error, RefusedError) and not isinstance(error, NeverError):
                return current, None
            opened = self._opened
            if isinstance(error, UnwritableError) and is_under_way(opened.ledger, opened.keys):
                raise
            return still(opened, current), error
        finally:
            liaison.link.close()
        self._not_before = 0.0
        return found, None


def ask(path: Path, epoch: int) -> None:
    """Have the keys of an epoch replaced by the agent at work, or by the next one."""
    durable.write_file(path, b"%d\n" % epoch)


def asked_for(path: Path) -> int | None:
    """The epoch whose keys somebody asked to have replaced."""
    try:
        with path.open("rb") as file:
            text = file.read(_LONGEST).removesuffix(b"\n")
    except OSError:
        return None
    return int(text) if text.isdigit() else None
