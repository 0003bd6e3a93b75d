# SPDX-License-Identifier: EUPL-1.2
"""Wall time, CPU time and peak memory of a family of processes."""

import os
import re
import subprocess
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import psutil

PERIOD: Final = 0.05  # seconds between two samples
MB: Final = 1_000_000
_PSS: Final = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)


class BenchError(Exception):
    """A program that is to be measured failed."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a run cost. Peaks are in MB of 10^6 bytes."""

    wall: float
    cpu: float
    peak: float  # highest sum over the family; shared pages counted once where the kernel tells
    largest: float  # highest resident size of one process


class Sampler:
    """Samples the memory of processes and all their descendants, 20 times a second."""

    def __init__(self, pids: Iterable[int]) -> None:
        self._roots = tuple(pids)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.peak = 0.0
        self.largest = 0.0

    def __enter__(self) -> Self:
        """Start sampling."""
        self._thread.start()
        return self

    def __exit__(self, *unused: object) -> None:
        """Stop sampling."""
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._end.wait(PERIOD):
            total = 0.0
            for pid in _family(self._roots):
                resident, share = _memory(pid)
                total += share
                self.largest = max(self.largest, resident)
            self.peak = max(self.peak, total)


def run(
    command: Sequence[str], *, environment: Mapping[str, str], folder: Path, log: Path
) -> Usage:
    """Return what a command cost.

    Raises:
        BenchError: it did not end with 0.
    """
    os.sync()  # what an earlier run left to write is not this one's
    with log.open("ab") as output:
        began = time.monotonic()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        return wait(process.pid, began, name=command[0], log=log)


def wait(pid: int, began: float, *, name: str, log: Path) -> Usage:
    """Return what a started child of ours cost, once it has ended.

    Raises:
        BenchError: it did not end with 0.
    """
    return wait_beside(pid, began, (), name=name, log=log)[0]


def wait_beside(
    pid: int, began: float, beside: Sequence[int], *, name: str, log: Path
) -> tuple[Usage, Usage]:
    """Return what a started child cost, and what it cost with the processes beside it.

    Raises:
        BenchError: it did not end with 0.
    """
    before = sum(_cpu(other) for other in beside)
    with Sampler((pid,)) as alone, Sampler((pid, *beside)) as both:
        _, status, used = os.wait4(pid, 0)
        wall = time.monotonic() - began
    code = os.waitstatus_to_exitcode(status)
    if code:
        lines = log.read_text(errors="replace").splitlines()[-3:]
        raise BenchError(f"{name} ended with {code}: {' / '.join(lines)}")
    cpu = used.ru_utime + used.ru_stime
    more = sum(_cpu(other) for other in beside) - before
    largest = max(alone.largest, used.ru_maxrss * 1024 / MB)
    return (
        Usage(wall, cpu, alone.peak, largest),
        Usage(wall, cpu + more, both.peak, max(both.largest, largest)),
    )


def _family(roots: Iterable[int]) -> Iterable[int]:
    for pid in roots:
        try:
            yield from (pid, *(child.pid for child in psutil.Process(pid).children(recursive=True)))
        except psutil.NoSuchProcess:
            continue


def _memory(pid: int) -> tuple[float, float]:
    """Return resident size and proportional share in MB; the first for both where need be."""
    try:
        resident = psutil.Process(pid).memory_info().rss / MB
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except psutil.NoSuchProcess:
        return 0.0, 0.0
    except OSError:
        return resident, resident
    found = _PSS.search(text)
    return resident, int(found[1]) * 1024 / MB if found else resident


def _cpu(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)
