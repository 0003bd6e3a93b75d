# SPDX-License-Identifier: EUPL-1.2
"""Who sits at the machine, for the trail (docs/spec/people.md §8)."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import Final

from lakzegel_server.people.records import COMMAND, Who

_LOGIN: Final = Path("/proc/self/loginuid")  # who logged in, whoever he has become since
_NOBODY: Final = 2**32 - 1


def operator() -> Who:
    """The user who logged in, where the system keeps that; else the one that this runs as."""
    try:
        uid = int(_LOGIN.read_text("ascii"))
    except (OSError, ValueError):
        uid = _NOBODY
    return Who(_name(os.getuid() if uid == _NOBODY else uid), way=COMMAND)


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
