# SPDX-License-Identifier: EUPL-1.2
"""Room on the disk that is kept for the ledger: without it a full disk could never empty.

A receipt must be written down before its batch may go, and that takes a few pages. So a file of
zeros lies beside the ledger; when the disk is full it makes way for exactly such writes, and is
made anew once there is room.
"""

import contextlib
import os
from pathlib import Path
from typing import Final

from lakzegel_agent.platforms import system

SIZE: Final = 256 * 2**10  # bytes; a receipt and what it changes take some 40 KiB in the WAL
_SUFFIX: Final = ".reserve"


def keep(ledger: Path) -> None:
    """Have the reserve lie beside the ledger, when there is room for it."""
    path = _path(ledger)
    with contextlib.suppress(OSError):
        if path.stat().st_size == SIZE:
            return
    try:
        descriptor = system.open_to_write(path, os.O_WRONLY | os.O_CREAT)
        try:
            system.reserve(descriptor, SIZE)
        finally:
            os.close(descriptor)
    except OSError:
        spend(ledger)


def spend(ledger: Path) -> None:
    """Give the reserve up, so that the ledger can be written."""
    with contextlib.suppress(OSError):
        _path(ledger).unlink()


def _path(ledger: Path) -> Path:
    return ledger.with_name(ledger.name + _SUFFIX)
