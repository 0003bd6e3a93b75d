# SPDX-License-Identifier: EUPL-1.2
"""A lock that many may hold together, or one alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class SharedLock:
    """Who wants to be alone waits for those who share it, and nobody else comes in meanwhile."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._sharing = 0
        self._alone = threading.Lock()

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Hold it with others."""
        with self._alone, self._changed:
            self._sharing += 1
        try:
            yield
        finally:
            with self._changed:
                self._sharing -= 1
                if not self._sharing:
                    self._changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold it with nobody."""
        with self._alone:
            with self._changed:
                self._changed.wait_for(lambda: not self._sharing)
            yield
