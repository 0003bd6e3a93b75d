# SPDX-License-Identifier: EUPL-1.2
"""What the agent itself costs this device; the only importer of psutil."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Load:
    """The agent's processes together: how many, bytes of memory, seconds of processor time."""

    processes: int
    rss: int
    cpu_seconds: float


def own_load() -> Load:
    """What this process and those that it started use now."""
    own = psutil.Process()
    count, rss, cpu = 0, 0, 0.0
    for process in (own, *own.children(recursive=True)):
        with suppress(psutil.Error):
            times = process.cpu_times()
            rss += process.memory_info().rss
            cpu += times.user + times.system
            count += 1
    return Load(count, rss, round(cpu, 2))


def free_bytes(path: str) -> int:
    """Room on the disk of a path."""
    return int(psutil.disk_usage(path).free)
