# SPDX-License-Identifier: EUPL-1.2
"""What replaying a log leaves behind: heads, not history (docs/spec/entries.md §2)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from lakzegel_core.admission import Admission
from lakzegel_core.age import Recipient
from lakzegel_core.delegation import Delegation
from lakzegel_core.enrolment import Reason
from lakzegel_core.entries import Entry
from lakzegel_core.keys import VerifierKey
from lakzegel_core.policy import Policy
from lakzegel_core.revocation import Revocation
from lakzegel_core.trail import Trail


@dataclass(frozen=True, slots=True)
class HeadState:
    """The newest batch of a device's epoch."""

    batch: int
    id: bytes
    closed: datetime
    index: int


@dataclass(frozen=True, slots=True)
class EpochState:
    """One epoch of a device: its keys, its enrolment, why it was opened, its newest batch."""

    epoch: int
    enrolment_id: bytes
    header_key: VerifierKey
    witness_key: VerifierKey
    annex: Recipient
    index: int
    reason: Reason
    enrolled: datetime
    head: HeadState | None = None
    inherited: int = 0  # epochs in a row, this one included, that an old header key opened


@dataclass(slots=True)
class DeviceState:
    """A device: its current epoch, those that are closed, and whether it may go on."""

    name: str
    group: str | None
    custody: str
    current: EpochState
    closed_epochs: list[EpochState] = field(default_factory=list)
    revocation: Revocation | None = None
    revocation_index: int | None = None
    final: bool = False

    @property
    def epoch(self) -> int:
        """The number of the current epoch."""
        return self.current.epoch

    @property
    def head(self) -> HeadState | None:
        """The newest batch of the current epoch."""
        return self.current.head

    @property
    def header_key(self) -> VerifierKey:
        """The key that signs this epoch's headers."""
        return self.current.header_key

    @property
    def witness_key(self) -> VerifierKey:
        """The key that cosigns for this device in this epoch."""
        return self.current.witness_key

    @property
    def annex(self) -> Recipient:
        """The recipient of this device's annexes."""
        return self.current.annex

    @property
    def enrolment_id(self) -> bytes:
        """The id of the current epoch's enrolment note."""
        return self.current.enrolment_id

    @property
    def revoked(self) -> bool:
        """Whether a revocation names this device."""
        return self.revocation is not None

    @property
    def newest_id(self) -> bytes | None:
        """The id of the device's newest header in the log, of whatever epoch."""
        for epoch in (self.current, *reversed(self.closed_epochs)):
            if epoch.head is not None:
                return epoch.head.id
        return None


@dataclass(slots=True)
class AdmissionState:
    """An admission and how often its token was used."""

    id: bytes
    admission: Admission
    index: int
    used: int = 0
    withdrawn: int | None = None  # the index of what took it back

    @property
    def has_leave(self) -> bool:
        """Whether it lets anybody in yet, as far as the log tells."""
        return self.withdrawn is None and self.used < self.admission.count


@dataclass(frozen=True, slots=True)
class PolicyEntry:
    """A logged policy: its exact note, id and place in the log."""

    id: bytes
    data: bytes
    policy: Policy
    index: int


@dataclass(frozen=True, slots=True)
class DelegationEntry:
    """A logged delegation: its exact note and place in the log."""

    data: bytes
    delegation: Delegation
    index: int


class KeyringState(NamedTuple):
    """The keyring in force of a batch: how often it was changed, and the SHA-256 of its file."""

    generation: int
    sha256: bytes
    logged: int  # the index of the newest change


@dataclass(frozen=True, slots=True)
class TrailEntry:
    """The newest entry of the receiver's trail: its id, content and place in the log."""

    id: bytes
    trail: Trail
    index: int


@dataclass(frozen=True, slots=True)
class CheckedEntry:
    """An entry that holds: kind, id, typed content, and what the office should hear of."""

    kind: str
    id: bytes
    data: bytes
    entry: Entry
    warnings: tuple[str, ...] = ()
