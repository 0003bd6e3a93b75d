# SPDX-License-Identifier: EUPL-1.2
"""What a batch's results mean: rows of the ledger, files to be tried again, big files' progress."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from lakzegel_agent.captureadmit import Admission
from lakzegel_agent.captureshrunk import shrunk
from lakzegel_agent.capturetarget import Watched
from lakzegel_agent.capturework import Backlog, BigFile
from lakzegel_agent.ledgercipher import Cipher
from lakzegel_agent.ledgerfiles import Work
from lakzegel_agent.ledgerrows import CapturedFile, FileState
from lakzegel_agent.sealing.jobs import (
    CaptureUnit,
    CutFailed,
    CutResult,
    Done,
    FileUnit,
    GrownUnit,
    Job,
    JobResult,
    Labelled,
    Missed,
    ObservationUnit,
    RangeUnit,
    Same,
    Sealed,
    Unit,
    UnitResult,
)
from lakzegel_agent.sealing.pool import LOST
from lakzegel_agent.sealing.reading import CHANGED
from lakzegel_agent.sealing.surveys import ConversationUnit

UNSEALABLE: Final = "unsealable"  # a process died, or failed, of this file
_FAULTS: Final = (LOST, "crash")

Noted = Callable[[int, Sequence[Labelled]], list[tuple[str, bytes]]]
"""What the ledger is to remember of a batch's segments in which something was found."""


@dataclass(slots=True)
class Tally:
    """Numbers of a pass."""

    sealed: int = 0
    unchanged: int = 0
    failed: int = 0
    vanished: int = 0
    batches: int = 0
    bytes_read: int = 0
    bytes_sealed: int = 0

    def add(self, work: Work) -> None:
        """Count what a transaction keeps."""
        self.sealed += len(work.captured)
        self.unchanged += len(work.same)
        self.failed += sum(mark.outcome == "failed" for mark in work.marks)
        self.vanished += len(work.vanished)


class Outcomes:
    """Turns results into work for the ledger."""

    def __init__(
        self,
        watched: Sequence[Watched],
        admission: Admission,
        backlog: Backlog,
        cipher: Cipher,
        noted: Noted,
    ) -> None:
        self._watched = watched
        self._cipher = cipher
        self._admission = admission
        self._backlog = backlog
        self._noted = noted

    def of_job(self, job: Job, made: JobResult) -> Work:
        """Return what is kept with the job's batch."""
        work = Work()
        for unit, result in zip(job.units, made.results, strict=True):
            self._unit(unit, result, work)
        if made.labelled:
            work.named += self._noted(made.batch, made.labelled)
        return work

    def of_cut(self, answer: CutResult | CutFailed) -> Work:
        """Return what is kept of a cut; its ranges go to the backlog."""
        work = Work()
        big = self._backlog.cutting.pop(answer.ticket)
        name = big.target.name
        if isinstance(answer, CutFailed):
            why = answer.why
            if why in _FAULTS:
                why = CHANGED if big.target.tries == 0 else UNSEALABLE
            self._admission.miss(name, why, work)
            return work
        self._backlog.add_ranges(big, answer)
        if big.same:
            del self._backlog.big[name]
            self._admission.settle(name)
            work.same.append((self._admission.mark(answer.stat), name))
        elif not big.open:
            self._backlog.add_capture(big)
        return work

    def unsealable(self, unit: Unit) -> Work:
        """Return what is kept of a unit that no process survives."""
        work = Work()
        if isinstance(unit, ObservationUnit):
            work.taken.append(unit.id)
        elif isinstance(unit, RangeUnit):
            self._range(unit, Missed(UNSEALABLE), work)
        else:
            self._backlog.big.pop(unit.name, None)
            self._admission.miss(unit.name, UNSEALABLE, work)
        return work

    def _unit(self, unit: Unit, result: UnitResult, work: Work) -> None:
        if isinstance(unit, ObservationUnit):
            work.taken.append(unit.id)
        elif isinstance(unit, RangeUnit):
            self._range(unit, result, work)
        elif isinstance(result, Missed):
            self._admission.miss(unit.name, result.why, work)
        elif isinstance(result, Same):
            self._admission.settle(unit.name)
            work.same.append((result.mark, unit.name))
        elif isinstance(result, Done):
            self._done(unit, result, work)

    def _done(
        self, unit: FileUnit | GrownUnit | CaptureUnit | ConversationUnit, result: Done, work: Work
    ) -> None:
        self._admission.settle(unit.name)
        big = self._backlog.big.pop(unit.name, None)
        number = self._watched[unit.source].info.number
        work.captured.append(CapturedFile(unit.name, number, result.mark, result.secret))
        if isinstance(unit, FileUnit) and unit.secret is not None:
            self._shrunk(unit, self._state(unit.secret, unit.name), result, work)
        elif isinstance(unit, CaptureUnit) and big is not None:
            self._shrunk(unit, big.before, result, work)

    def _shrunk(
        self, unit: FileUnit | CaptureUnit, before: FileState, result: Done, work: Work
    ) -> None:
        """Note that a file lacks what it had."""
        info = self._watched[unit.source].info
        said = shrunk(info.reader, unit.name, before, self._state(result.secret, unit.name))
        if said is not None:
            work.observed.append((info.label, said))

    def _state(self, secret: bytes, name: bytes) -> FileState:
        return FileState.unpack(self._cipher.open(secret, name))

    def _range(self, unit: RangeUnit, result: UnitResult, work: Work) -> None:
        big = self._backlog.big[unit.name]
        big.open -= 1
        rows = b""
        if isinstance(result, Sealed):
            rows = result.rows
            big.grew = big.grew or result.grew
            big.fill(unit.ranges, rows)
        elif isinstance(result, Missed):
            rows, big.missed = result.rows, result.why
        if rows:
            work.parts.append((unit.name, rows))
        if not big.open:
            self._finish(big, work)

    def _finish(self, big: BigFile, work: Work) -> None:
        if big.missed is None:
            self._backlog.add_capture(big)
            return
        del self._backlog.big[big.target.name]
        self._admission.miss(big.target.name, big.missed, work)
