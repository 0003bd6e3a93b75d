# SPDX-License-Identifier: EUPL-1.2
"""Where everything lies below the agent's home, and that one agent works there at a time.

keys/                   0600: ledger; annex-N of each epoch N, header-N and witness-N of the newest
keys/enrolment-N.note   the note that introduced epoch N, kept before it is sent
ledger.sqlite           what was found and sealed; files are known by keyed hash
spool/                  closed batches that may not go yet: ciphertext alone
given-up/               closed batches that will never be sent: kept, ciphertext alone
evidence/               signed checkpoints that contradict each other
status.json             what `status` shows while an agent is at work
ended                   there once a term of office ended; then keys, ledger and spool are gone
decommission            there once somebody asked to take this device out of use
rotate                  there while somebody's wish for new keys is not fulfilled
version/                which version of the agent is proven here (docs/spec/updates.md §1)
log/                    what the agent did, without a name (docs/spec/health.md §3)
lock                    held by the one agent of this home
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lakzegel_agent.errors import UsageError
from lakzegel_agent.platforms import system

FOLDER: Final = 0o700
_TRIES: Final = 3
_PAUSE: Final = 0.05  # seconds


@dataclass(frozen=True, slots=True)
class Home:
    """The paths below one agent's home."""

    root: Path

    @property
    def keys(self) -> Path:
        """The folder of private keys."""
        return self.root / "keys"

    @property
    def ledger(self) -> Path:
        """The ledger's database."""
        return self.root / "ledger.sqlite"

    @property
    def spool(self) -> Path:
        """The folder of closed batches."""
        return self.root / "spool"

    @property
    def evidence(self) -> Path:
        """The folder of signed checkpoints that contradict each other."""
        return self.root / "evidence"

    @property
    def status(self) -> Path:
        """What a working agent says of itself."""
        return self.root / "status.json"

    @property
    def ended(self) -> Path:
        """What stays of a term of office that ended here."""
        return self.root / "ended"

    @property
    def decommission(self) -> Path:
        """There once this device is to be taken out of use."""
        return self.root / "decommission"

    @property
    def asked(self) -> Path:
        """Which epoch's keys somebody asked to have replaced."""
        return self.root / "rotate"

    @property
    def log(self) -> Path:
        """The folder of what the agent did."""
        return self.root / "log"

    @property
    def lock(self) -> Path:
        """The lock of the one agent at work."""
        return self.root / "lock"

    def create(self) -> None:
        """Make the folders, closed to others.

        Raises:
            UsageError: a folder cannot be made or used.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True, mode=FOLDER)
            system.close_to_others(self.root)
            for folder in (self.keys, self.spool, self.evidence, self.log):
                folder.mkdir(exist_ok=True, mode=FOLDER)
        except OSError as error:
            raise UsageError(f"{self.root}: cannot be the agent's home: {error.strerror}") from None

    def open_to_others(self) -> list[Path]:
        """The folders and keys here that somebody else on this machine could open."""
        suspects = [self.root, self.keys, *(self.keys.glob("*") if self.keys.is_dir() else ())]
        return [p for p in suspects if p.exists() and system.is_open_to_others(p)]

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the home for one agent.

        Raises:
            UsageError: another agent holds it.
        """
        self.create()
        descriptor = system.open_to_write(self.lock, os.O_RDWR | os.O_CREAT)
        try:
            if not _flock(descriptor):
                raise UsageError(
                    f"{self.root}: another agent is at work here; wait for it, or stop it"
                )
            yield
        finally:
            os.close(descriptor)

    def is_locked(self) -> bool:
        """Whether an agent is at work here now."""
        try:
            descriptor = system.open_to_write(self.lock, os.O_RDWR)
        except OSError:
            return False
        try:
            return not system.lock(descriptor, shared=True)
        finally:
            os.close(descriptor)


def _flock(descriptor: int) -> bool:
    """Whether the lock is ours; a few tries, for ``status`` takes it for an instant to look."""
    for attempt in range(_TRIES):
        if attempt:
            time.sleep(_PAUSE)
        if system.lock(descriptor, shared=False):
            return True
    return False
