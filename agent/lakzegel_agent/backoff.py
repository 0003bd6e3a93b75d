# SPDX-License-Identifier: EUPL-1.2
"""How long to wait before the next try: doubling, capped, jittered.

Jitter is over the upper half of the wait, so that devices which lost one receiver together do not
come back together, and no try comes at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

FIRST: Final = 1.0  # seconds
CAP: Final = 300.0  # seconds
_MAX_DOUBLINGS: Final = 20  # beyond any cap; keeps the number small after weeks without network


@dataclass(slots=True)
class Backoff:
    """The waits of one row of failures; ``chance`` gives a number from 0 to 1."""

    chance: Callable[[], float]
    first: float = FIRST
    cap: float = CAP
    failures: int = 0

    def failed(self, *, after: float | None = None) -> float:
        """Seconds until the next try; no less than the ``after`` that the receiver asked for."""
        wait = min(self.cap, self.first * 2.0 ** min(self.failures, _MAX_DOUBLINGS))
        self.failures += 1
        return max(wait / 2 + wait / 2 * self.chance(), after or 0.0)

    def worked(self) -> None:
        """Begin again with the first wait."""
        self.failures = 0
