# SPDX-License-Identifier: EUPL-1.2
"""Jobs that are out, and batches that come back: any order in, the chain's order out.

A job whose process died is made again, with the same number and fresh keys. When that fails too,
its units are tried one by one, so that one file cannot stop the others.
"""

import os
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from lakzegel_agent.captureclose import Closer
from lakzegel_agent.captureoutcome import Outcomes, Tally
from lakzegel_agent.errors import DiskFailedError, SealingError, SpoolFullError
from lakzegel_agent.ledgerfiles import LedgerFiles
from lakzegel_agent.sealing.jobs import Job, JobFailed, JobResult, Unit
from lakzegel_agent.sealing.pool import Pool
from lakzegel_agent.spool import Spool

_TRIES: Final = 2  # of a job, before its units are tried one by one


class Chain:
    """The numbers from the next batch on: which are being made, which wait to be closed."""

    def __init__(
        self,
        epoch: int,
        pool: Pool,
        spool: Spool,
        closer: Closer,
        outcomes: Outcomes,
        files: LedgerFiles,
        tally: Tally,
    ) -> None:
        self._epoch = epoch
        self._pool = pool
        self._spool = spool
        self._closer = closer
        self._outcomes = outcomes
        self._files = files
        self._tally = tally
        self._next = closer.next_batch
        self._jobs: dict[int, Job] = {}
        self._made: dict[int, JobResult] = {}
        self._failures: dict[int, int] = {}
        self._sizes: dict[int, int] = {}
        self.alone: deque[Unit] = deque()

    def __bool__(self) -> bool:
        """Whether a job is out or a batch waits to be closed."""
        return bool(self._jobs)

    @property
    def reserved(self) -> int:
        """Bytes that the spool will need for what is out."""
        return sum(self._sizes.values())

    def give(self, units: Sequence[Unit], size: int, seen: str, limit: int) -> None:
        """Have a batch of about ``limit`` bytes made of these units, planned as ``size`` bytes."""
        job = Job(self._next, _token(), seen, limit, tuple(units))
        self._next += 1
        self._sizes[job.batch] = size
        self._ask(job)

    def answer(self, answer: JobResult | JobFailed) -> None:
        """Take a job's answer; close what can be closed.

        Raises:
            UnwritableError: no room, or a disk that fails; batches that were not closed are gone.
            SealingError: the spool cannot be written for another reason.
        """
        if isinstance(answer, JobFailed):
            self._again(answer)
            return
        self._made[answer.batch] = answer
        while (number := self._closer.next_batch) in self._made:
            self._close(number)

    def discard(self) -> None:
        """Remove what was made and not closed; the pool knows what is still being made."""
        for made in self._made.values():
            self._spool.discard(self._epoch, made.batch, made.token)
        self._made.clear()
        self._jobs.clear()

    def _close(self, number: int) -> None:
        made = self._made[number]
        work = self._outcomes.of_job(self._jobs[number], made)
        row = self._closer.close(made, work)
        del self._made[number], self._jobs[number], self._sizes[number]
        self._tally.add(work)
        self._tally.batches += 1
        self._tally.bytes_read += made.bytes_read
        self._tally.bytes_sealed += row.size

    def _again(self, failed: JobFailed) -> None:
        for kind in (SpoolFullError, DiskFailedError):
            if failed.why == kind.code:
                raise kind(failed.detail)
        if failed.why == "spool":
            raise SealingError(failed.detail)
        job = self._jobs[failed.batch]
        failures = self._failures[job.batch] = self._failures.get(job.batch, 0) + 1
        if failures >= _TRIES and job.units:
            self._isolate(job.units)
            job = job._replace(units=())
        elif failures >= 2 * _TRIES:
            raise SealingError(f"sealing: a batch cannot be made ({failed.detail or failed.why})")
        self._ask(job._replace(token=_token()))

    def _isolate(self, units: Sequence[Unit]) -> None:
        """Try units one by one; one that was alone already is given up."""
        if len(units) > 1:
            self.alone.extend(units)
            return
        work = self._outcomes.unsealable(units[0])
        self._files.apply(work)
        self._tally.add(work)

    def _ask(self, job: Job) -> None:
        self._jobs[job.batch] = job
        self._pool.ask(job)


class SpoolRoom:
    """Whether the spool may take another batch.

    Looking at every file of a spool that fills takes longer with each batch. So it is looked at
    again once an eighth of what was free is planned for: a batch comes to twice its plan at most.
    """

    def __init__(
        self, limit: int, spool: Spool, chain: Chain, wait_for_room: Callable[[int], bool]
    ) -> None:
        self._limit = limit
        self._spool = spool
        self._chain = chain
        self._wait_for_room = wait_for_room
        self._unseen = 0  # bytes that may be planned before the spool is looked at again

    def take(self, size: int) -> bool:
        """Return whether a batch of ``size`` bytes may be made now; False: when others are closed.

        Raises:
            SpoolFullError: the spool is full, and nothing makes room in it.
        """
        if size > self._unseen:
            used = self._spool.used()
            free = self._limit - used - self._chain.reserved
            self._unseen = free // 8
            if used and size > free:
                return self._wait(size, used)
        self._unseen -= size
        return True

    def _wait(self, size: int, used: int) -> bool:
        self._unseen = 0
        if self._chain:
            return False
        if not self._wait_for_room(size):
            raise SpoolFullError(
                f"spool: {used} bytes of {self._limit} wait to be sent; no room for more"
            )
        return True


def _token() -> str:
    """Return what tells the files of one attempt from those of any other."""
    return os.urandom(8).hex()
