# SPDX-License-Identifier: EUPL-1.2
"""What lies in ``HOME/witness`` (docs/spec/witness.md §6)."""

from __future__ import annotations

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
