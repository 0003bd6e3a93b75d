# SPDX-License-Identifier: EUPL-1.2
"""All witnesses of one receiver: each a chore of its own, so that none waits for another."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Final

from lakzegel_core.checkpoint import open_checkpoint
from lakzegel_core.errors import MissingSignatureError
from lakzegel_core.quorum import require_quorum
from lakzegel_server.chores import Chores
from lakzegel_server.cosigners import quorums
from lakzegel_server.logstate import LogState
from lakzegel_server.recovery.witnesses import witnesses_of
from lakzegel_server.settings import Settings
from lakzegel_server.witnessing.asking import Asked, WitnessState

TICK: Final = 1.0  # seconds; how often it looks whether one that failed may be asked again


class Witnesses:
    """Asks after each new checkpoint; metrics, alerts and pages read ``states``."""

    def __init__(
        self,
        log: LogState,
        settings: Settings,
        *,
        clock: Callable[[], float],
        suspect: Callable[[str], None],
        monotonic: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._log = log
        self._asked = [
            Asked(
                witness,
                log,
                clock=clock,
                monotonic=monotonic,
                jitter=jitter,
                sleep=time.sleep,
                suspect=suspect,
            )
            for witness in witnesses_of(settings)
        ]

    def begin(self, chores: Chores) -> None:
        """Ask from now on; many checkpoints in a moment are one question, about the newest."""
        for number, asked in enumerate(self._asked):
            chore = chores.add(f"witness-{number}", TICK, asked.work, alone=f"witness-{asked.id}")
            self._log.when_shown(chore.wake)

    def close(self) -> None:
        """Let the connections go."""
        for asked in self._asked:
            asked.close()

    def states(self) -> tuple[WitnessState, ...]:
        """How it stands with each, in the order of the settings."""
        return tuple(asked.state for asked in self._asked)

    def highest(self) -> int:
        """Entries of the largest tree of this log that any witness is known to know."""
        return max((state.known for state in self.states()), default=0)

    def quorum_met(self) -> bool:
        """Whether the served checkpoint has the cosigners that each policy in force demands."""
        with self._log.looking() as custody:
            demanded = quorums(custody)
        if not demanded:
            return True
        keys = list({key.public: key for quorum in demanded for key in quorum.witnesses}.values())
        signed = open_checkpoint(self._log.shown.data, self._log.keys, witnesses=keys)
        try:
            for quorum in demanded:
                require_quorum(signed, quorum)
        except MissingSignatureError:
            return False
        return True
