# SPDX-License-Identifier: EUPL-1.2
"""What the agent itself costs this device; the only importer of psutil."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import psutil

# Servers of remote logins, as their processes are called; a session below one is not at the device.
REMOTE: Final = frozenset(
    {"sshd", "sshd-session", "sshd.exe", "dropbear", "telnetd", "in.telnetd", "rlogind"}
    | {"in.rlogind", "mosh-server", "tailscaled", "wsmprovhost.exe", "winrshost.exe"}
)


@dataclass(frozen=True, slots=True)
class Load:
    """The agent's processes together: how many, bytes of memory, seconds of processor time."""

    processes: int
    rss: int
    cpu_seconds: float


def own_load() -> Load:
    """What this process and those that it started use now."""
    own = psutil.Process()
    ended = own.cpu_times()  # of processes that this one started and that ended, where known
    count, rss = 0, 0
    cpu = getattr(ended, "children_user", 0.0) + getattr(ended, "children_system", 0.0)
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


def remote_ancestors(pid: int | None = None) -> tuple[str, ...]:
    """The servers of remote logins that a process, this one where none is named, descends from."""
    with suppress(psutil.Error):
        names = [process.name() for process in psutil.Process(pid).parents()]
        return tuple(name for name in names if name.lower() in REMOTE)
    return ()


def on_battery() -> bool | None:
    """Whether this device runs on its battery; None where it has none, or cannot tell."""
    with suppress(AttributeError, OSError, psutil.Error):
        found = psutil.sensors_battery()
        return None if found is None or found.power_plugged is None else not found.power_plugged
    return None
