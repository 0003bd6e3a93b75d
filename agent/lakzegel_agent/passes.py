# SPDX-License-Identifier: EUPL-1.2
"""What a pass over the sources is given, and what it tells."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from lakzegel_agent.exclusion import EVERYTHING, Narrowing
from lakzegel_core.age import Recipient
from lakzegel_core.batch import State
from lakzegel_core.keys import SigningKey

ENDED: Final = "ended"  # what the ledger remembers the last batch of a custody by


@dataclass(frozen=True, slots=True)
class SealContext:
    """For whom and as whom a pass seals; limits in bytes."""

    origin: str
    device: str
    epoch: int
    header_key: SigningKey
    recipients: tuple[Recipient, ...]
    policy_id: bytes
    batch_limit: int
    spool_limit: int
    ledger_key: bytes
    labels: tuple[str, ...] = ()  # what segments are looked through for
    state: State = State.OPEN  # final: this pass closes the last batch of the custody


@dataclass(frozen=True, slots=True)
class WatchedSource:
    """One source; ``settle`` in seconds, ``exclude_folders`` as in `exclusion`.

    What is only looked at where it was touched says nothing of the rest: nothing has vanished.

    ``correspondents`` as in `correspondents`: conversations with them alone are left out.
    ``gate`` says why a path of a store's source is left out, as a slug, or None.
    """

    label: str
    reader: str
    root: bytes
    only: Callable[[bytes], bool] | None
    settle: float
    exclude_folders: tuple[str, ...] = ()
    narrowing: Narrowing = EVERYTHING
    correspondents: tuple[str, ...] = ()
    gate: Callable[[bytes], str | None] | None = None
    begins: int = 0  # nanoseconds: what was last changed before is left out
    touched: frozenset[bytes] | None = None  # look at these paths alone; None for all


@dataclass(frozen=True, slots=True)
class Patience:
    """How often, and how many seconds apart, a file that keeps changing is tried."""

    tries: int = 5
    first: float = 0.1
    factor: float = 3.0

    def wait(self, tries: int) -> float:
        """Return the seconds before the next try."""
        return self.first * self.factor**tries


PATIENCE: Final = Patience()
INCOMPLETE_WAITS: Final = 3  # times `settle` that a file may stay incomplete by its format


@dataclass(frozen=True, slots=True)
class Progress:
    """What a pass has done so far: files met, what became of versions, batches and bytes."""

    found: int = 0
    sealed: int = 0
    unchanged: int = 0
    failed: int = 0
    vanished: int = 0
    batches: int = 0
    bytes_read: int = 0
    bytes_sealed: int = 0


@dataclass(frozen=True, slots=True)
class PassReport(Progress):
    """What a whole pass did; labels of sources whose root is not there, is another, or is shut.

    ``lacking`` are sources that were looked at in part, where something known is no longer.
    """

    missing: tuple[str, ...] = ()
    away: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()
    stopped: bool = False
