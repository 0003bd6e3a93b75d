# SPDX-License-Identifier: EUPL-1.2
"""Wall time, CPU time and peak memory of a family of processes."""

import os
import re
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import psutil

PERIOD: Final = 0.5  # seconds between two samples: one walks the pages of every process measured
MB: Final = 1_000_000
_PSS: Final = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)


class BenchError(Exception):
    """A program that is to be measured failed."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a run cost, ``peak`` in MB of 10^6 bytes."""

    wall: float
    cpu: float
    peak: float  # highest sum over the family; shared pages counted once where the kernel tells


class Sampler:
    """Samples the memory of a process, of those beside it, and of all their descendants."""

    def __init__(self, pid: int, beside: Sequence[int]) -> None:
        self._pid = pid
        self._beside = tuple(beside)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.alone = 0.0  # highest sum without those beside it
        self.both = 0.0

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
            alone = sum(map(memory_of, _family((self._pid,))))
            both = alone + sum(map(memory_of, _family(self._beside)))
            self.alone = max(self.alone, alone)
            self.both = max(self.both, both)


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
    with Sampler(pid, beside) as sampler:
        _, status, used = os.wait4(pid, 0)
        wall = time.monotonic() - began
    code = os.waitstatus_to_exitcode(status)
    if code:
        lines = log.read_text(errors="replace").splitlines()[-3:]
        raise BenchError(f"{name} ended with {code}: {' / '.join(lines)}")
    cpu = used.ru_utime + used.ru_stime
    more = sum(_cpu(other) for other in beside) - before
    return Usage(wall, cpu, sampler.alone), Usage(wall, cpu + more, sampler.both)


def _family(roots: Iterable[int]) -> Iterator[int]:
    """Yield processes and their descendants, by the kernel's own list of each one's children."""
    waiting = list(roots)
    while waiting:
        pid = waiting.pop()
        yield pid
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            with suppress(OSError):
                waiting.extend(map(int, children.read_text().split()))


def memory_of(pid: int) -> float:
    """Return a process's proportional share in MB; its resident size where need be."""
    with suppress(OSError):
        found = _PSS.search(Path(f"/proc/{pid}/smaps_rollup").read_text())
        if found:
            return int(found[1]) * 1024 / MB
    with suppress(psutil.NoSuchProcess):
        return float(psutil.Process(pid).memory_info().rss / MB)
    return 0.0


def _cpu(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)
