# SPDX-License-Identifier: EUPL-1.2
"""What a store keeps as rows of the index: it has a connection to that of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from lakzegel_server.database import Database


class IndexedStore:
    """A connection of its own, opened when it is needed; for any thread."""

    def __init__(self, opening: Callable[[], Database]) -> None:
        self._opening = opening
        self._database: Database | None = None
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the connection; the next question opens another."""
        with self._lock:
            if self._database is not None:
                self._database.close()
                self._database = None

    @contextmanager
    def _index(self) -> Iterator[Database]:
        """The index, for one thread at a time."""
        with self._lock:
            if self._database is None:
                self._database = self._opening()
            yield self._database
