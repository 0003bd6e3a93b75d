# SPDX-License-Identifier: EUPL-1.2
"""Runs a PAC file, as a process that ends with it: two seconds, 256 MiB, no file, no program.

Reads ``{"pac": …, "url": …, "host": …}``, writes what the function returns. The limits are set
before the library is loaded; on Windows there are none but the time that `pac.py` waits.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Final

from lakzegel_agent.platforms import system

CPU: Final = 2  # seconds
MEMORY: Final = 2**28  # bytes
DESCRIPTORS: Final = 32
NO_LIBRARY: Final = 3  # as pac.py knows it
MAX_QUESTION: Final = 2**23  # bytes: a file of 1 MiB, escaped


def main() -> int:
    """Answer one question."""
    _limit()
    question = json.loads(sys.stdin.buffer.read(MAX_QUESTION))
    try:
        import pacparser  # noqa: PLC0415 - only here, and only within the limits
    except ImportError:
        return NO_LIBRARY
    pacparser.init()
    pacparser.parse_pac_string(question["pac"])
    found = pacparser.find_proxy(question["url"], question["host"])
    sys.stdout.write(str(found)[:8192])
    sys.stdout.flush()
    return 0


def _limit() -> None:
    """Take from this process what no PAC file needs."""
    system.confine(
        {
            "RLIMIT_CPU": CPU,
            "RLIMIT_AS": MEMORY,
            "RLIMIT_FSIZE": 0,
            "RLIMIT_CORE": 0,
            "RLIMIT_NOFILE": DESCRIPTORS,
            "RLIMIT_NPROC": 0,
        }
    )


if __name__ == "__main__":
    try:
        code = main()
    except Exception:  # noqa: BLE001 - the composition root of this process: any fault is one answer
        code = 1
    os._exit(code)  # nothing of the program's is run at the end
