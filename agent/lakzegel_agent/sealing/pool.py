# SPDX-License-Identifier: EUPL-1.2
"""The sealing processes: as many as there are processors, started when there is work for them.

A process takes a while to import what it needs: some hundred milliseconds of processor time, for a
mail of as many bytes that come to five. So a small job is done in the agent itself where that was
said to be safe. docs/adr/0006
"""

import contextlib
import os
import queue
import time
from pathlib import Path
from typing import Final, Self

from lakzegel_agent.errors import SealingError
from lakzegel_agent.sealing.here import Here, is_small
from lakzegel_agent.sealing.jobs import Answer, Cut, CutFailed, Job, JobFailed, Ready, Setup
from lakzegel_agent.sealing.process import Process
from lakzegel_agent.sealing.surveys import Survey, SurveyFailed
from lakzegel_agent.spool import Spool

MOST: Final = 2  # processes; each holds some 30 MB, and a laptop has other things to do
DEPTH: Final = 2  # requests a process has at a time: one at work, one to go on with
LOST: Final = "lost"


class Pool:
    """Hands out requests and brings back answers. One thread uses it."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._setup: Setup | None = None
        self._processes: list[Process] = []
        self._heard: queue.SimpleQueue[tuple[Process, Answer | None]] = queue.SimpleQueue()
        self._here = Here()
        self._may_be_here = False

    @classmethod
    def open(cls, workers: int | None = None) -> Self:
        """Return a pool of ``workers`` processes, none of them started yet."""
        return cls(workers or max(1, min(MOST, os.cpu_count() or 1)))

    def start(self, workers: int) -> None:
        """Work with so many processes from now on; those that do not run yet are started.

        Raises:
            SealingError: no process can be started.
        """
        self._workers = workers
        while len(self._processes) < workers:
            self._begin()
        while len(self._processes) > workers and not self._processes[-1].outstanding:
            self._processes.pop().end(at_once=True)

    def prefer_here(self, *, safe: bool) -> None:
        """Say whether small jobs may be done in this process, where no other one runs.

        What kills a sealing process would kill the agent: it is safe once a look at everything,
        by other processes, has found and set apart what does.
        """
        self._may_be_here = safe

    def start_all(self) -> None:
        """Start as many as the pool was opened for.

        Raises:
            SealingError: no process can be started.
        """
        self.start(self._workers)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End every process; what was asked and not answered is left undone."""
        self.abandon()

    def rest(self) -> None:
        """End the processes, which have nothing to do, to give back their memory."""
        for process in self._processes:
            process.end(at_once=bool(process.outstanding))
        self._forget()
        self._here.rest()

    def abandon(self) -> None:
        """Kill the processes; nothing of what they were asked is left in the spool."""
        for process in self._processes:
            process.end(at_once=True)
        for process in self._processes:
            for request in process.outstanding:
                self._discard(request)
        for job in self._here.outstanding:
            self._discard(job)
        self._forget()
        self._here.rest()

    def set_up(self, setup: Setup) -> None:
        """Say what the requests to come have in common; there must be none outstanding."""
        if setup == self._setup:
            return
        self._setup = setup
        self._here.rest()
        for process in self._processes:
            process.set_up(setup)

    def pids(self) -> tuple[int, ...]:
        """Return the ids of the running processes."""
        return tuple(process.pid for process in self._processes)

    def room(self) -> bool:
        """Return whether another request would be taken up soon."""
        return self._outstanding() < DEPTH * self._workers

    def ask(self, request: Job | Cut | Survey) -> None:
        """Give a request to the process that has the least to do; do it at once if that is here.

        Raises:
            SealingError: no process can be started.
        """
        if self._may_be_here and not self._processes and self._setup and is_small(request):
            self._here.do(request, self._setup)
            return
        self._choose().ask(request)

    def hear(self, timeout: float) -> Answer | None:
        """Return the next answer, or None after ``timeout`` seconds without one.

        The request that a process died of is answered ``lost``; its others are asked again.

        Raises:
            SealingError: a process died before it could be set up.
        """
        own = self._here.answer()
        if own is not None:
            return own
        until = time.monotonic() + timeout
        while True:
            try:
                process, answer = self._heard.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                return None
            if process not in self._processes:
                continue
            if answer is None:
                answer = self._lost(process)
            else:
                process.answered(answer)
            if answer is not None and not isinstance(answer, Ready):
                return answer

    def _lost(self, process: Process) -> Answer | None:
        self._processes.remove(process)
        process.end(at_once=True)
        if not process.ready:
            raise SealingError("sealing: a process ended before it could begin")
        if not process.outstanding:
            return None
        request = process.outstanding.popleft()
        self._discard(request)
        for other in process.outstanding:
            self._discard(other)
            self.ask(other)
        if isinstance(request, Survey):
            return SurveyFailed(request.ticket, LOST)
        if isinstance(request, Cut):
            return CutFailed(request.ticket, LOST)
        return JobFailed(request.batch, request.token, LOST, "")

    def _choose(self) -> Process:
        if self._setup is None:
            raise SealingError("sealing: not set up")
        idle = min(self._processes, key=lambda p: len(p.outstanding), default=None)
        if idle is None or (idle.outstanding and len(self._processes) < self._workers):
            idle = self._begin()
        return idle

    def _begin(self) -> Process:
        process = Process(lambda who, answer: self._heard.put((who, answer)))
        self._processes.append(process)
        if self._setup is not None:
            process.set_up(self._setup)
        return process

    def _outstanding(self) -> int:
        here = len(self._here.outstanding)
        return here + sum(len(process.outstanding) for process in self._processes)

    def _discard(self, request: Job | Cut | Survey) -> None:
        if isinstance(request, Job) and self._setup is not None:
            spool = Spool(Path(os.fsdecode(self._setup.spool)))
            with contextlib.suppress(OSError):
                spool.discard(self._setup.epoch, request.batch, request.token)

    def _forget(self) -> None:
        self._processes.clear()
        self._heard = queue.SimpleQueue()
