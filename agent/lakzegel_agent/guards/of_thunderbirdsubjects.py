# SPDX-License-Identifier: EUPL-1.2
"""Which subjects each profile had at the last look: who cannot be read now has them still.

Otherwise what deletes would be gone from the office's view, as if it had been set right.
"""

from __future__ import annotations

import json
from typing import Final

from lakzegel_agent.guards.base import Notes

SUBJECTS: Final = "subjects"  # the name of the note


class Subjects:
    """Subjects by the folder of their profile."""

    def __init__(self, found: dict[str, list[str]] | None = None) -> None:
        self._found = found or {}

    @classmethod
    def of(cls, notes: Notes) -> Subjects:
        """Return those of the last look."""
        found = json.loads(notes.get(SUBJECTS) or b"{}")
        return cls(found if isinstance(found, dict) else {})

    def add(self, root: str, subjects: list[str]) -> None:
        """Take over a profile's."""
        self._found[root] = subjects

    def get(self, root: str) -> list[str]:
        """Return a profile's."""
        return self._found.get(root, [])

    def roots(self) -> list[str]:
        """Return the profiles."""
        return list(self._found)

    def beside(self, others: Subjects) -> list[str]:
        """Return the profiles that the others lack."""
        return [root for root in self._found if root not in others._found]

    def keep(self, notes: Notes) -> None:
        """Keep them for the next look."""
        notes.put(SUBJECTS, json.dumps(self._found).encode())
