# SPDX-License-Identifier: EUPL-1.2
"""Durations and sizes as people write them in a policy: ``15m``, ``2 GiB``."""

from __future__ import annotations

import re
from typing import Final

from lakzegel_core.errors import PolicyError
from lakzegel_core.limits import MAX_INT

_DURATION: Final = re.compile(r"(0|[1-9][0-9]{0,8}) ?(ms|s|m|h|d)\Z")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE: Final = re.compile(r"(0|[1-9][0-9]{0,8}) ?(B|KiB|MiB|GiB|TiB)\Z")
_BYTES: Final = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}


def parse_duration(text: str, *, what: str) -> float:
    """Seconds of ``500ms``, ``2s``, ``15m``, ``1h`` or ``7d``.

    Raises:
        PolicyError: any other spelling.
    """
    match = _DURATION.match(text)
    if match is None:
        raise PolicyError(f"{what}: not a duration like 500ms, 2s, 15m, 1h or 7d")
    return int(match[1]) * _SECONDS[match[2]]


def parse_size(text: str, *, what: str) -> int:
    """Bytes of ``16 MiB``.

    Raises:
        PolicyError: any other spelling, or 2^53 bytes and more.
    """
    match = _SIZE.match(text)
    if match is None or int(match[1]) * _BYTES[match[2]] > MAX_INT:
        raise PolicyError(f"{what}: not a size like 512 KiB, 16 MiB or 2 GiB")
    return int(match[1]) * _BYTES[match[2]]
