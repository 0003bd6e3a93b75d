# SPDX-License-Identifier: EUPL-1.2
"""Ending processes of Windows."""

from __future__ import annotations

import subprocess
from contextlib import suppress
from typing import Final

_TASKKILL: Final = r"C:\Windows\System32\taskkill.exe"


def end(process: subprocess.Popen[bytes], *, at_once: bool) -> bool:
    """End it and what it started, by the system's own program: there is no asking here."""
    del at_once
    if process.poll() is not None:
        return False
    with suppress(OSError, subprocess.TimeoutExpired):
        subprocess.run(
            [_TASKKILL, "/F", "/T", "/PID", str(process.pid)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=10,
            check=False,
        )
    if process.poll() is None:
        process.kill()
    return True
