# SPDX-License-Identifier: EUPL-1.2
"""Waiting, with patience, for a lock that another process may have; it goes with its process."""

from __future__ import annotations

import fcntl
import time
from typing import Final

SHARED: Final = fcntl.LOCK_SH
ALONE: Final = fcntl.LOCK_EX
LOOK: Final = 0.05  # seconds between two looks


def is_locked(descriptor: int, how: int, *, patience: float) -> bool:
    """Tell whether an open file was locked within `patience` seconds; 0 looks once.

    Args:
        descriptor: the lock is let go where it is closed.
        how: `SHARED` or `ALONE`.
        patience: seconds.
    """
    until = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, how | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                return False
            time.sleep(LOOK)
        else:
            return True
