# SPDX-License-Identifier: EUPL-1.2
"""How it stands with one place that is pushed to, and when it is tried again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

FIRST_PAUSE: Final = 5.0  # seconds before what failed is tried again; doubles
LONGEST_PAUSE: Final = 600.0


@dataclass(slots=True)
class PlaceState:
    """One place; metrics, alerts and tests read it."""

    name: str
    size: int = 0  # entries of the log that arrived there
    done: int = 0  # since this process began
    failed: int = 0  # likewise
    failing_since: float | None = None
    reason: str = ""  # words for the operator: no path, no address
    _tries: int = 0

    def succeeded(self, size: int) -> None:
        """So much arrived."""
        self.size = size
        self.done += 1
        self.recovered()

    def recovered(self) -> None:
        """Nothing is in the way any more."""
        self.failing_since, self.reason, self._tries = None, "", 0

    def fails(self, reason: str, now: float) -> float:
        """It did not arrive; how many seconds later it is tried again."""
        if self.failing_since is None:
            self.failing_since = now
        self.reason = reason
        self.failed += 1
        self._tries += 1
        return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self._tries - 1, 20))
