# SPDX-License-Identifier: EUPL-1.2
"""How a store fails: as a disk does, so that whoever takes care of the one does of the other."""

from __future__ import annotations

from typing import Self


class StoreError(OSError):
    """The store does not do it now; nothing was acknowledged."""


class RefusalError(StoreError):
    """The store answered, and not as it was asked; ``status`` and ``code`` are its own."""

    status = 0
    code = ""

    @classmethod
    def of(cls, number: int, text: str, *, status: int, code: str) -> Self:
        """What the store said, for people in ``text``."""
        found = cls(number, text)
        found.status, found.code = status, code
        return found


class ExistsError(Exception):
    """Something has this name already."""
