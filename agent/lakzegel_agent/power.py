# SPDX-License-Identifier: EUPL-1.2
"""Whether this device runs on its battery, and whether its network is metered.

NetworkManager's ``Metered`` property is a number: 0 not known, 1 yes, 2 no, 3 a guess of yes, 4 a
guess of no. It is asked through ``busctl``, a process; what cannot be told is None.
docs/spec/policy.md §7
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from typing import Final

from lakzegel_agent.health import on_battery

KEEP: Final = 60.0  # seconds that an answer is used
TIMEOUT: Final = 5.0  # seconds for the process
MAX_SAID: Final = 200  # characters
PLACES: Final = "/usr/bin:/bin"
_ASK: Final = (
    "--system",
    "get-property",
    "org.freedesktop.NetworkManager",
    "/org/freedesktop/NetworkManager",
    "org.freedesktop.NetworkManager",
    "Metered",
)
_METERED: Final = {"u 1": True, "u 2": False, "u 3": True, "u 4": False}


Run = Callable[[Sequence[str]], str | None]


def said_by(command: Sequence[str]) -> str | None:
    """What a program of the system printed; None when it is not there, fails or takes too long."""
    program = shutil.which(command[0], path=PLACES)
    if program is None:
        return None
    try:
        done = subprocess.run(
            [program, *command[1:]],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=TIMEOUT,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout[:MAX_SAID].decode("ascii", "replace").strip()


class OwnSurroundings:
    """Those of this device, asked at most once a minute."""

    def __init__(self, run: Run = said_by, clock: Callable[[], float] = time.monotonic) -> None:
        self._run = run
        self._clock = clock
        self._asked: float | None = None
        self._metered: bool | None = None

    def on_battery(self) -> bool | None:
        """Whether it runs on its battery."""
        return on_battery()

    def metered(self) -> bool | None:
        """Whether NetworkManager knows or guesses that the network is metered."""
        now = self._clock()
        if self._asked is None or now - self._asked > KEEP:
            self._asked = now
            self._metered = _METERED.get(self._run(("busctl", *_ASK)) or "")
        return self._metered
