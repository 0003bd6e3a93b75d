# SPDX-License-Identifier: EUPL-1.2
"""Memory that a receiver uses again and again stays at hand (glibc; elsewhere nothing is done)."""

from __future__ import annotations

import ctypes
import gc
import sys
from typing import Final

MMAP_THRESHOLD: Final = -3  # M_MMAP_THRESHOLD of <malloc.h>
LARGE: Final = 2**22  # bytes of a block with pages of its own; what is read at once has a quarter
TRIM_THRESHOLD: Final = -1  # M_TRIM_THRESHOLD
KEPT: Final = 2**23  # bytes of free memory that stay: more than an upload has on its way
YOUNG: Final = 10_000  # objects that are new before a look for cycles; a request makes hundreds


def begin() -> None:
    """Keep what an upload needs, and leave out of every look for cycles what is there now.

    Each MiB of an upload would else be new memory, whose pages cost the system as much to find as
    the bytes to copy. What was imported stays for good: to look through it for cycles, which it
    does not have, is most of what such a look costs.

    For the start of a process, once everything that stays is imported.
    """
    gc.freeze()
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(MMAP_THRESHOLD, LARGE)
            mallopt(TRIM_THRESHOLD, KEPT)
