# SPDX-License-Identifier: EUPL-1.2
"""The batches that are coming in: one upload of each at a time."""

from __future__ import annotations

import threading

from lakzegel_server.errors import BusyError


class Names:
    """Any thread may ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._names: set[str] = set()

    def __len__(self) -> int:
        """How many there are."""
        return len(self._names)

    def __contains__(self, name: str) -> bool:
        """Whether this one is coming in."""
        return name in self._names

    def add(self, name: str) -> None:
        """One comes.

        Raises:
            BusyError: it does so already.
        """
        with self._lock:
            if name in self._names:
                raise BusyError(f"batch {name}: is being received already")
            self._names.add(name)

    def discard(self, name: str) -> None:
        """It has come, or not."""
        with self._lock:
            self._names.discard(name)
