# SPDX-License-Identifier: EUPL-1.2
"""How long to wait before the next try: by cause, doubling, capped, jittered.

Each cause has a row of failures of its own, so that a receiver which is busy for a moment does not
wait as long as one whose certificate is wrong. Jitter is over the upper half of the wait, so that
devices which lost one receiver together do not come back together, and no try comes at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

FIRST: Final = 1.0  # seconds
CAP: Final = 300.0  # seconds
_MAX_DOUBLINGS: Final = 20  # beyond any cap; keeps the number small after weeks without network


class Cause(Enum):
    """Why a try failed: the first wait and the longest, in those of an absent receiver."""

    UNREACHABLE = ("unreachable", 1, 1)  # 1 s to 5 min: a network comes back any moment
    BUSY = ("busy", 2, 2)  # 2 s to 10 min, and never sooner than the receiver asked
    PROXY = ("proxy-refused", 2, 3)  # 2 s to 15 min: a person has to mend it, or a network
    TLS = ("tls-failed", 2, 12)  # 2 s to 1 h: a certificate, a clock, or an attack
    ANSWER = ("receipt-refused", 2, 12)  # likewise: what was answered proves nothing
    ROOM = ("no-room", 1, 1)  # 1 s to 5 min: of this disk
    DISK = ("disk-error", 1, 1)  # likewise
    REFUSED = ("refused", 30, 12)  # 30 s to 1 h: of leave to enrol, which others may yet give

    @property
    def code(self) -> str:
        """The problem that it is stated as."""
        return self.value[0]

    @property
    def first(self) -> int:
        """How many times the first wait of an absent receiver."""
        return self.value[1]

    @property
    def cap(self) -> int:
        """How many times its longest wait."""
        return self.value[2]


NETWORK: Final = tuple(
    cause.code for cause in (Cause.UNREACHABLE, Cause.BUSY, Cause.PROXY, Cause.TLS)
)


@dataclass(slots=True)
class Backoff:
    """The waits of rows of failures; ``chance`` gives a number from 0 to 1."""

    chance: Callable[[], float]
    first: float = FIRST
    cap: float = CAP
    failures: int = 0  # of any cause, since it last worked
    rows: dict[Cause, int] = field(default_factory=dict)

    def failed(self, cause: Cause = Cause.UNREACHABLE, *, after: float | None = None) -> float:
        """Seconds until the next try; no less than the ``after`` that the receiver asked for."""
        row = self.rows.get(cause, 0)
        doubled = self.first * cause.first * 2.0 ** min(row, _MAX_DOUBLINGS)
        wait = min(self.cap * cause.cap, doubled)
        self.rows[cause] = row + 1
        self.failures += 1
        return max(wait / 2 + wait / 2 * self.chance(), after or 0.0)

    def worked(self) -> None:
        """Begin again with the first wait, whatever fails next."""
        self.failures = 0
        self.rows.clear()
