# SPDX-License-Identifier: EUPL-1.2
"""Memory that this process does not use goes back to the system (glibc; elsewhere nothing is done).

glibc gives each thread an arena of its own, and keeps what is freed: of a process that works for
seconds and waits for hours, that is most of what it holds.
"""

import ctypes
import gc
import sys
from collections.abc import Callable
from functools import cache
from typing import Any, Final

ARENA_MAX: Final = -8  # M_ARENA_MAX of <malloc.h>
MMAP_THRESHOLD: Final = -3  # M_MMAP_THRESHOLD: by itself it grows with what is freed
LARGE: Final = 2**17  # bytes of a block that goes back to the system by itself


def begin() -> None:
    """Have threads share an arena, and leave out of every look for cycles what is there now.

    Large blocks have their own pages from here on, which go back with them.

    For the start of a process, once everything that stays is imported.
    """
    gc.freeze()
    found = _function("mallopt")
    if found is not None:
        found(ARENA_MAX, 1)
        found(MMAP_THRESHOLD, LARGE)


def give_back() -> None:
    """Give free memory back, and what only holds itself."""
    gc.collect()
    found = _function("malloc_trim")
    if found is not None:
        found(0)


@cache
def _function(name: str) -> Callable[..., Any] | None:
    if sys.platform != "linux":
        return None
    return getattr(ctypes.CDLL(None), name, None)
