# SPDX-License-Identifier: EUPL-1.2
"""What differs between systems, behind one interface: `system` is the one this process runs on.

    base.py       what a system gives, as protocols
    posix.py      Linux and macOS
    windows.py    Windows, by the calls of `kernel.py`; not run on a real device
    win32api.py   those calls through ctypes

No other module of the agent uses a name that one of these systems lacks. docs/adr/0035
"""

from __future__ import annotations

import sys
from typing import Final

from lakzegel_agent.platforms.base import NOBODY, System

if sys.platform == "win32":
    from lakzegel_agent.platforms import windows as _system
else:
    from lakzegel_agent.platforms import posix as _system

__all__ = ["NOBODY", "system"]

system: Final[System] = _system
