# SPDX-License-Identifier: EUPL-1.2
"""What a next link of a chain must fulfil: in a log, and among what a savepoint kept of one."""

from __future__ import annotations

from lakzegel_core import custody_rules
from lakzegel_core.batch import Header
from lakzegel_core.custody_state import DeviceState, KeyringState, TrailEntry
from lakzegel_core.errors import ForkError
from lakzegel_core.keyringchange import KeyringChange
from lakzegel_core.trail import Trail


class Links:
    """Each link follows the one before: a log."""

    def header(self, device: DeviceState, found: Header, batch_id: bytes) -> None:
        """Return when the header is the next one of its device's chain."""
        custody_rules.require_next(device, found, batch_id)

    def keyring(self, known: KeyringState | None, found: KeyringChange) -> None:
        """Return when the change is the next one of its keyring."""
        custody_rules.require_generation(known, found)

    def trail(self, known: TrailEntry | None, found: Trail, entry_id: bytes) -> None:
        """Return when the stretch is the next one of the trail."""
        custody_rules.require_next_trail(known, found, entry_id)


class Leaps(Links):
    """Only the newest link of each chain is there: a savepoint (docs/spec/savepoint.md §3).

    What was left out was checked when the log was replayed; whatever does not depend on it is
    demanded here as well.
    """

    def header(self, device: DeviceState, found: Header, batch_id: bytes) -> None:
        """Return when the header can be the newest one of its epoch."""
        if device.head is not None:
            raise ForkError(f"device {device.name} epoch {found.epoch}: two newest batches")
        if found.batch:
            custody_rules.require_sending(device, found)
        else:
            custody_rules.require_next(device, found, batch_id)

    def keyring(self, known: KeyringState | None, found: KeyringChange) -> None:
        """Return when the change can be the newest one of its keyring."""
        if known is not None:
            raise ForkError(f"device {found.device} batch {found.batch}: two newest keyrings")
        if found.generation == 1:
            custody_rules.require_generation(known, found)

    def trail(self, known: TrailEntry | None, found: Trail, entry_id: bytes) -> None:
        """Return when the stretch can be the next one that was kept."""
        if known is None or found.number <= known.trail.number + 1:
            custody_rules.require_next_trail(known, found, entry_id)
