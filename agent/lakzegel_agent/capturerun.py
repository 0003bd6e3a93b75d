# SPDX-License-Identifier: EUPL-1.2
"""One pass on its way: jobs out, answers in, until nothing is left to do."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from lakzegel_agent import captureevents
from lakzegel_agent.captureadmit import Admission
from lakzegel_agent.capturechain import Chain, SpoolRoom
from lakzegel_agent.capturefind import Finder
from lakzegel_agent.captureoutcome import Outcomes, Tally
from lakzegel_agent.capturestill import still_name
from lakzegel_agent.capturetarget import Target
from lakzegel_agent.capturewhole import folders, places, still
from lakzegel_agent.capturework import Backlog
from lakzegel_agent.ledger import Ledger
from lakzegel_agent.ledgerfiles import Work
from lakzegel_agent.passes import Progress
from lakzegel_agent.roots import remembered_as
from lakzegel_agent.sealing.jobs import Answer, CutFailed, CutResult, JobFailed, JobResult, Unit
from lakzegel_agent.sealing.pool import Pool
from lakzegel_agent.sealing.surveys import SurveyFailed, SurveyResult
from lakzegel_agent.spool import Spool
from lakzegel_core.encoding import format_time

STOP_WAIT: Final = 1.5  # seconds that jobs at work get to finish once the pass is to stop
_LISTEN: Final = 0.1  # seconds between looks at the stop event
_MARKS: Final = 1_000  # files noted together
_OBSERVATIONS: Final = 256  # taken from the queue at a time
_BEFORE_ALL: Final = -(2**62)  # below every number of an observation


@dataclass(frozen=True, slots=True)
class Tools:
    """What a pass works with."""

    ledger: Ledger
    spool: Spool
    pool: Pool
    finder: Finder
    backlog: Backlog
    admission: Admission
    outcomes: Outcomes
    chain: Chain
    tally: Tally
    clock: Callable[[], datetime]
    wait_for_room: Callable[[int], bool]
    progress: Callable[[Progress], None]
    stop: threading.Event
    batch_limit: int
    spool_limit: int


class Run:
    """The state of one pass."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._found: Iterator[Target] = tools.finder.find()
        self._held: tuple[list[Unit], int] | None = None  # a batch for which there is no room yet
        self._last_observation = _BEFORE_ALL
        self._foldered = False
        self._room = SpoolRoom(tools.spool_limit, tools.spool, tools.chain, tools.wait_for_room)

    def run(self) -> bool:
        """Do everything; return whether the stop event ended it early.

        Raises:
            UnwritableError: no room, and none is made; or the disk fails.
            SealingError: the sealing processes cannot work.
        """
        try:
            stopped = self._loop()
        except BaseException:
            self._abandon()
            raise
        if stopped:
            self._wind_up()
        return stopped

    def _loop(self) -> bool:
        tools = self._tools
        while not tools.stop.is_set():
            self._fill()
            if tools.chain or tools.backlog.cutting or tools.finder.surveys.out:
                self._listen(_LISTEN)
            elif not self._wait() and not self._more():
                return False
        return True

    def _fill(self) -> None:
        """Hand out requests while there is work and a process to do it."""
        tools = self._tools
        while tools.pool.room() and not tools.stop.is_set():
            cut = tools.admission.next_cut()
            if cut is not None:
                tools.pool.ask(cut)
                continue
            survey = tools.finder.surveys.next()
            if survey is not None:
                tools.pool.ask(survey)
                continue
            held = self._held = self._held or self._gather()
            if held is None:
                # of a file, or a store, that was only just found
                if tools.admission.can_cut() or tools.finder.surveys.waiting:
                    continue
                return
            units, size = held
            if not self._room.take(size):
                return
            self._held = None
            tools.chain.give(units, size, format_time(tools.clock()), tools.batch_limit)

    def _gather(self) -> tuple[list[Unit], int] | None:
        """Return the units of the next batch, or None where there is none to be made now."""
        tools = self._tools
        if tools.chain.alone:
            return [tools.chain.alone.popleft()], tools.batch_limit
        self._observations()
        units: list[Unit] = []
        spent = items = 0
        while True:
            taken = tools.backlog.take(spent, items)
            if taken is not None:
                unit, spent, items = taken
                units.append(unit)
            elif tools.backlog or not self._pull():
                break
        return (units, spent) if units else None

    def _observations(self) -> None:
        queued = self._tools.ledger.files.queued(after=self._last_observation, limit=_OBSERVATIONS)
        if queued:
            self._last_observation = queued[-1].id
            self._tools.backlog.observe(queued)

    def _pull(self) -> bool:
        """Take in one more file; False where there is none now."""
        tools = self._tools
        if tools.admission.due():
            return True
        target = next(self._found, None)
        if target is None and tools.finder.unshelved():
            self._found = tools.finder.talks()
            target = next(self._found, None)
        if target is None:
            return False
        tools.admission.admit(target)
        if len(tools.finder.noticed.work.marks) >= _MARKS:
            self._note()
        if tools.finder.noticed.found % _MARKS == 0:
            tools.progress(self.progress())
        return True

    def _listen(self, timeout: float) -> None:
        answer = self._tools.pool.hear(timeout)
        if answer is not None:
            self._take(answer)

    def _take(self, answer: Answer) -> None:
        tools = self._tools
        if isinstance(answer, JobResult | JobFailed):
            tools.chain.answer(answer)
        elif isinstance(answer, CutResult | CutFailed):
            self._apply(tools.outcomes.of_cut(answer))
        elif isinstance(answer, SurveyResult | SurveyFailed):
            tools.finder.surveys.answer(answer)
        tools.progress(self.progress())

    def _wait(self) -> bool:
        """Wait for the next file that has to settle; False where none has."""
        seconds = self._tools.admission.waits()
        if seconds is None:
            return False
        self._tools.stop.wait(seconds)
        return True

    def _more(self) -> bool:
        """Look again for work when all is done; False where there is none."""
        tools = self._tools
        if self._note():
            return True
        if tools.finder.second.is_needed():
            self._found = tools.finder.second.look()
            return True
        if not self._foldered:
            self._foldered = True
            return self._summary()
        return False

    def _note(self) -> bool:
        """Keep what the finder noticed."""
        noticed = self._tools.finder.noticed
        work, noticed.work = noticed.work, Work()
        return self._apply(work)

    def _summary(self) -> bool:
        """Keep what the next pass is to know of the whole, for each source where that is news."""
        work = Work()
        for label, kept in still(self._tools.finder.sources):
            packed = kept.packed()
            if packed != kept.before:
                work.named.append((still_name(label), packed))
        for label, packed in places(self._tools.finder.sources):
            if packed != self._tools.ledger.recall(remembered_as(label)):
                work.named.append((remembered_as(label), packed))
        self._folders(work)
        return self._apply(work)

    def _folders(self, work: Work) -> None:
        """Say which folders are empty."""
        tools = self._tools
        for label, empty in folders(tools.finder.sources):
            said = captureevents.folders(empty)
            name = f"folders/{label}"
            before = tools.ledger.recall(name)
            if said != before and (empty or before is not None):
                work.observed.append((label, said))
                work.named.append((name, said))

    def _apply(self, work: Work) -> bool:
        if not work:
            return False
        self._tools.ledger.files.apply(work)
        self._tools.tally.add(work)
        return True

    def progress(self) -> Progress:
        """Return the numbers so far."""
        tally = self._tools.tally
        return Progress(
            self._tools.finder.noticed.found,
            tally.sealed,
            tally.unchanged,
            tally.failed,
            tally.vanished,
            tally.batches,
            tally.bytes_read,
            tally.bytes_sealed,
        )

    def _wind_up(self) -> None:
        """Let what is at work finish, for a moment; the rest was never begun."""
        try:
            self._note()
            until = time.monotonic() + STOP_WAIT
            while self._tools.chain and (left := until - time.monotonic()) > 0:
                self._listen(left)
        finally:
            self._abandon()

    def _abandon(self) -> None:
        tools = self._tools
        if tools.chain or tools.backlog.cutting or tools.finder.surveys.out:
            self._tools.pool.abandon()
            self._tools.chain.discard()
