# SPDX-License-Identifier: EUPL-1.2
"""What was shown since this machine started, where a restored DATA does not reach it.

    log.example/lakzegel
    1042
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
    0f5c3a52-9d5e-4c0e-8f57-5a6e0f6c4a10
    81234

docs/spec/recovery.md §3: a restart of the service need not wait for the office.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from lakzegel_core.checkpoint import Checkpoint
from lakzegel_core.errors import LakzegelError

EVERY: Final = 20.0  # seconds; how often it says that this receiver is still there
MAX_AGE: Final = 120  # seconds; longer ago, another machine may have taken over
MAX_SIZE: Final = 4096  # bytes
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")


def boot_id() -> str | None:
    """Which start of this machine it is; None where the system does not say."""
    try:
        return _BOOT.read_text("ascii").strip()
    except OSError:
        return None


def uptime() -> float:
    """Seconds since the machine started, those asleep among them."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Continuity:
    """One file in a folder that does not outlive the machine's running."""

    def __init__(
        self, folder: Path, *, boot: str | None, uptime: Callable[[], float] = uptime
    ) -> None:
        self._folder = folder
        self._path = folder / "shown"
        self._boot = boot
        self._uptime = uptime

    def note(self, shown: Checkpoint) -> None:
        """Say what is about to be shown, or is still; where that cannot be said, say nothing.

        Raises:
            OSError: what was said before cannot be taken back.
        """
        if self._boot is None:
            return
        text = shown.to_text().decode() + f"{self._boot}\n{int(self._uptime())}\n"
        part = self._folder / f"{secrets.token_hex(8)}.part"
        try:
            part.write_text(text, "utf-8")
            part.replace(self._path)
        except OSError:
            part.unlink(missing_ok=True)
            self.forget()

    def newest(self) -> Checkpoint | None:
        """What was shown last, when it was on this machine, since its start and just now."""
        try:
            with self._path.open("rb") as file:
                lines = file.read(MAX_SIZE).decode().split("\n")
            *shown, boot, noted, end = lines
            checkpoint = Checkpoint.from_text(("\n".join(shown) + "\n").encode())
            age = self._uptime() - int(noted)
        except (OSError, ValueError, LakzegelError):
            return None
        fresh = self._boot is not None and boot == self._boot and -1 <= age <= MAX_AGE
        return checkpoint if fresh and not end else None

    def forget(self) -> None:
        """Let the next start ask: nothing of what was noted counts any more."""
        self._path.unlink(missing_ok=True)
