# SPDX-License-Identifier: EUPL-1.2
"""`once`, from configuration to exit code.

    open the home → ask the log where this device stands → capture, while a thread ships → status

Whatever the receiver does, capture goes on by the policy in force and into the spool.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, Final

from lakzegel_agent import completeness, ending, readout
from lakzegel_agent.backoff import Backoff
from lakzegel_agent.capture import PassReport, Progress, WatchedSource
from lakzegel_agent.capturing import Pass, attest, run_last, run_pass, watched
from lakzegel_agent.courier import Courier, Outcome
from lakzegel_agent.coveragepulse import Pulse
from lakzegel_agent.devicekeys import Introduction
from lakzegel_agent.errors import (
    UNWRITABLE,
    AgentError,
    RefusedError,
    RollbackError,
    UnreachableError,
    UnwritableError,
)
from lakzegel_agent.guardtimes import Outcome as Guarded
from lakzegel_agent.guardtimes import Where, guard
from lakzegel_agent.ledgerrows import BatchRow
from lakzegel_agent.policies import InForce
from lakzegel_agent.readoutkeeper import OVERDUE, UNKNOWN
from lakzegel_agent.renewal import Renewal
from lakzegel_agent.sealing.pool import Pool
from lakzegel_agent.settingsconfig import Config
from lakzegel_agent.standing import (
    FIRST_WAIT,
    Say,
    arrive,
    enrolled,
    keep_status,
    policy_in_force,
)
from lakzegel_agent.station import Station, chance, station, wall_clock
from lakzegel_agent.vitals import logged, note_batch

TRIES: Final = 4  # of `once`, in a row, before it leaves the rest to the next run
INTERVAL: Final = 1.0  # seconds between two lines of progress
PATIENCE: Final = 30.0  # seconds that `once` waits for room in a full spool


class StoppedEarlyError(AgentError):
    """What this run did not come to is done by the next one."""


@dataclass(frozen=True, slots=True)
class OnceReport:
    """What one run did; the four counts are the ledger's, over all runs."""

    found: int
    sealed: int
    excluded: int
    failed: int
    batches: int
    bytes_read: int
    bytes_sealed: int
    seconds: float
    faults: tuple[Exception, ...]

    def to_json(self) -> dict[str, Any]:
        """The figures."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "faults"}

    @property
    def exit_code(self) -> int:
        """0 everything is sealed and has its receipt; 1 something is wrong; 3 not reached."""
        if any(isinstance(fault, UnreachableError | RefusedError) for fault in self.faults):
            return 3
        return 1 if self.faults or self.failed else 0


def once(config: Config, *, pool: Pool, say: Say, stop: threading.Event) -> OnceReport:
    """Everything that is there now, read, sealed by ``pool``, which is closed then, and shipped.

    Raises:
        UsageError: not enrolled, or another agent is at work.
        RollbackError, RefusedError, LakzegelError: no policy, and why none could be had.
    """
    started = time.monotonic()
    with station(config) as opened, logged(opened, enrolled(opened, config)):
        current, fault = arrive(opened, enrolled(opened, config), tries=TRIES)
        in_force = policy_in_force(opened, current, fault)
        if fault is None and not ending.is_ended(opened.ledger):
            current, fault = Renewal(opened).attempt(current, in_force)
        keep_status(opened, current, in_force)
        pulse = Pulse(opened.open_ledger)
        pulse.begin(opened.ledger)
        ended = ending.is_ended(opened.ledger)
        if not ended:
            attest(opened, in_force, pulse)
        courier = Courier(
            opened.parts, current, backoff=Backoff(chance, first=FIRST_WAIT), tries=TRIES
        )
        courier.doubt = fault is not None
        alarm = isinstance(fault, RollbackError | RefusedError)
        if not alarm:
            courier.start()
        try:
            report, full = None, None
            if ended:
                pool.close()
            else:
                report, full = _capture(
                    opened, pool, current, in_force, None if alarm else courier, say, stop, pulse
                )
            outcome = Outcome(fault=fault) if alarm else courier.finish(stop)
        finally:
            courier.stop()
            pulse.stop(opened.ledger)
        keep_status(opened, current, opened.liaison(opened.ledger).policy(current))
        _tell(opened, say)
        waiting = len(opened.ledger.waiting())
        faults = [fault for fault in (outcome.fault, full) if fault is not None]
        faults = faults or _left(waiting)
        if report is not None and report.stopped:
            faults.append(StoppedEarlyError("ended as told, before everything was looked at"))
        made = _report(opened, report, faults, started)
        home = opened.home
        if not (ending.is_ended(opened.ledger) and ending.may_leave(home, opened.ledger)):
            return made
        left = ending.told(home, opened.ledger, current.enrolment.device, wall_clock())
    ending.leave(home, left)
    return made


def _capture(
    opened: Station,
    pool: Pool,
    current: Introduction,
    in_force: InForce,
    courier: Courier | None,
    say: Say,
    stop: threading.Event,
    pulse: Pulse,
) -> tuple[PassReport | None, Exception | None]:
    """One pass over everything; and why it ended early, if it did."""
    limit = in_force.policy.spool_limit

    def wait_for_room(size: int) -> bool:
        def has_room() -> bool:
            return opened.spool.used() + size <= limit

        if courier is None:
            return has_room()
        return courier.wait_for_room(has_room, patience=PATIENCE)

    def on_batch(row: BatchRow) -> None:
        note_batch(row)
        if courier is not None:
            courier.kick()

    with pool:
        work = Pass(
            current=current,
            in_force=in_force,
            pool=pool,
            wait_for_room=wait_for_room,
            on_batch=on_batch,
            progress=Teller(say).tell,
            stop=stop,
            pulse=pulse,
        )
        try:
            report = _look_at_all(opened, work)
        except UnwritableError as error:
            with suppress(UnwritableError):  # shipping makes room, so that it has to go on
                opened.problems.add(opened.ledger, error.code, str(error))
            return None, error
    opened.problems.clear(opened.ledger, *UNWRITABLE)
    return report, None


def _look_at_all(opened: Station, work: Pass) -> PassReport:
    """A pass over everything, and over what it left to say; the last one where the term is over."""
    in_force = work.in_force
    sources = watched(opened, in_force)
    log = opened.config.pins.log
    if ending.must_end(opened.home, opened.ledger, in_force, log, wall_clock()):
        return run_last(opened, work, sources)
    report = run_pass(opened, work, sources)
    if not report.stopped and _look_back(opened, in_force, sources):
        report = _together(report, run_pass(opened, work, []))  # seals what it found
    return report


def _look_back(opened: Station, in_force: InForce, sources: Sequence[WatchedSource]) -> bool:
    """State what the pass left open; whether there is news to be sealed."""
    return any(
        [
            completeness.look_back(opened, in_force),
            guard(opened, in_force, _guards_look, wall_clock()),
            readout.look(opened, in_force, sources),
        ]
    )


def _guards_look(opened: Station, in_force: InForce, where: Where, now: datetime) -> Guarded:
    """Let the guards look in this very process."""
    from lakzegel_agent.guarding import attend  # noqa: PLC0415 - most passes come too soon for it

    return attend(opened.ledger, in_force, where, now)


def _tell(opened: Station, say: Say) -> None:
    """Say of phones what is for somebody at hand to do, in a line for each."""
    for problem in opened.problems.listed():
        if problem.code in {OVERDUE, UNKNOWN}:
            say(f"lakzegel-agent: {problem.code}: {problem.detail}; {problem.next}")


def _together(report: PassReport, more: PassReport) -> PassReport:
    """The first pass, with what the second one sealed."""
    return replace(
        report,
        batches=report.batches + more.batches,
        bytes_sealed=report.bytes_sealed + more.bytes_sealed,
    )


class Teller:
    """Tells of progress, at most once a second."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._next = time.monotonic() + INTERVAL

    def tell(self, made: Progress) -> None:
        """Say how far it is, when it is time."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + INTERVAL
            self._say(
                f"{made.found} found, {made.sealed} sealed, {made.unchanged} unchanged,"
                f" {made.failed} failed, {made.batches} batches"
            )


def _left(waiting: int) -> list[Exception]:
    return [UnreachableError(f"{waiting} batches wait in the spool")] if waiting else []


def _report(
    opened: Station, report: PassReport | None, faults: Sequence[Exception], started: float
) -> OnceReport:
    counts = opened.ledger.counts()
    return OnceReport(
        found=counts.found,
        sealed=counts.sealed,
        excluded=counts.excluded,
        failed=counts.failed,
        batches=report.batches if report is not None else 0,
        bytes_read=report.bytes_read if report is not None else 0,
        bytes_sealed=report.bytes_sealed if report is not None else 0,
        seconds=round(time.monotonic() - started, 3),
        faults=tuple(faults),
    )
