# SPDX-License-Identifier: EUPL-1.2
"""What stands between the spool and the network: the gate, and how fast (policy.md §7)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from lakzegel_agent.errors import UnwritableError
from lakzegel_agent.gate import Gate, Verdict, keep_verdict
from lakzegel_agent.ledger import DEVICE, Ledger
from lakzegel_agent.pace import Bucket
from lakzegel_agent.policies import InForce
from lakzegel_agent.spool import Spool


class Outlet(Protocol):
    """Says whether what waits in the spool may leave."""

    def follow(self, in_force: InForce | None) -> None:
        """Go by this policy from now on."""
        ...

    def may_leave(self, *, pressed: bool) -> bool:
        """Whether batches may leave now; ``pressed`` when capture waits for room."""
        ...

    def left(self) -> None:
        """Note that everything has left."""
        ...


class Open:
    """Lets everything through at once."""

    def follow(self, in_force: InForce | None) -> None:
        """Nothing changes."""
        del in_force

    def may_leave(self, *, pressed: bool) -> bool:
        """Always."""
        del pressed
        return True

    def left(self) -> None:
        """Nothing changes."""


@dataclass(slots=True)
class Agreed:
    """Lets through what the policy and this device's settings agree to, and says when it does not.

    What it decides is remembered in the ledger, where `status` finds it.
    """

    gate: Gate
    bucket: Bucket
    ledger: Ledger
    spool: Spool
    clock: Callable[[], datetime]

    def follow(self, in_force: InForce | None) -> None:
        """Go by this policy from now on; without one, by the one before."""
        if in_force is not None:
            self.gate.shipping = in_force.policy.shipping
            self.bucket.rate = in_force.policy.shipping.bandwidth

    def may_leave(self, *, pressed: bool) -> bool:
        """Whether batches may leave now; where none wait there is nothing to keep back."""
        verdict = self._verdict(pressed=pressed)
        with suppress(UnwritableError):  # what cannot be noted keeps nothing back
            self._note(verdict)
        return verdict.is_open

    def left(self) -> None:
        """Note that everything has left, so that the longest wait begins anew."""
        self.gate.rest()

    def _verdict(self, *, pressed: bool) -> Verdict:
        waiting = self.ledger.waiting()
        if not waiting:
            return Verdict()
        oldest = waiting[0]
        return self.gate.judge(self._age(oldest.epoch, oldest.batch), pressed=pressed)

    def _age(self, epoch: int, batch: int) -> float:
        """Seconds since a batch was closed, by its file."""
        try:
            closed = self.spool.path(epoch, batch, "head").stat().st_mtime
        except OSError:  # sending it tells what is wrong
            return 0.0
        return self.clock().timestamp() - closed

    def _note(self, verdict: Verdict) -> None:
        if keep_verdict(self.ledger, verdict, self.clock()) and verdict.anyway is not None:
            self.ledger.observe(
                DEVICE,
                {"type": "shipped-anyway", "against": verdict.why, "why": verdict.anyway},
            )
