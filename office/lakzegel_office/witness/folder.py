# SPDX-License-Identifier: EUPL-1.2
"""What lies in ``HOME/witness`` (docs/spec/witness.md §6)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Folder:
    """The paths of one witness."""

    root: Path

    @classmethod
    def below(cls, home: Path) -> Folder:
        """Return the folder of the witness that has this home."""
        return cls(home / "witness")

    @property
    def tokens(self) -> Path:
        """Who may fetch more than hashes: names and SHA-256 of secrets."""
        return self.root / "tokens"

    @property
    def key(self) -> Path:
        """The signing key of a witness without an office."""
        return self.root / "key"

    @property
    def lock(self) -> Path:
        """Taken by whoever cosigns."""
        return self.root / "lock"

    @property
    def evidence(self) -> Path:
        """Signed checkpoints that are not of the log that was cosigned."""
        return self.root / "evidence"

    def log(self, origin: str) -> Path:
        """Return where the newest cosigned checkpoint of a log lies."""
        return self.root / "logs" / hashlib.sha256(origin.encode()).hexdigest()
