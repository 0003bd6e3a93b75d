# SPDX-License-Identifier: EUPL-1.2
"""Everything that requests work with, opened and closed in the right order."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from lakzegel_server.alerting.alerts import Alerts
from lakzegel_server.chores import Chores
from lakzegel_server.claiming import claimed
from lakzegel_server.counter import Counter
from lakzegel_server.database import Database
from lakzegel_server.fleet.records import TEND_SECONDS, FleetRecords
from lakzegel_server.handover.folder import Ties
from lakzegel_server.handover.handover import Handover
from lakzegel_server.housekeeping import adopt, sweep_unfinished
from lakzegel_server.intake import Intake
from lakzegel_server.layout import Layout, LogSigner, prepare
from lakzegel_server.limiting import Limits
from lakzegel_server.logstate import LogState
from lakzegel_server.people import trail as audit
from lakzegel_server.people.people import People
from lakzegel_server.people.trail import AuditTrail
from lakzegel_server.recovery.recovery import Recovery
from lakzegel_server.register import FLUSH_SECONDS, Register
from lakzegel_server.sequencer import Sequencer
from lakzegel_server.settings import Settings
from lakzegel_server.timestamping.desk import Timestamps
from lakzegel_server.vitals.certificate import Served
from lakzegel_server.vitals.office import EVERY, Visits
from lakzegel_server.vitals.vitals import Vitals
from lakzegel_server.waiting import Waiting
from lakzegel_server.witnessing.witnesses import Witnesses
from lakzegel_server.workers import Workers

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Desk:
    """One receiver at work."""

    layout: Layout
    certificate: Served  # of this receiver, as it is served
    visits: Visits  # of the records office
    log: LogState
    sequencer: Sequencer
    register: Register
    intake: Intake
    workers: Workers
    accounts: Database  # the event loop's own connection: reading never waits
    settings: Settings
    chores: Chores
    recovery: Recovery
    fleet: FleetRecords
    witnesses: Witnesses
    people: People
    timestamps: Timestamps
    vitals: Vitals
    trail: AuditTrail
    limits: Limits
    waiting: Waiting
    alerts: Alerts
    handover: Handover


@contextmanager
def open_desk(
    layout: Layout,
    signer: LogSigner,
    *,
    clock: Callable[[], float],
    settings: Settings | None = None,
    certificate: Served | None = None,
) -> Iterator[Desk]:
    """A receiver that is ready for requests; everything is durable when it was left.

    Raises:
        ConfigError: another process serves this DATA.
        DamageError: DATA is not what its log says.
    """
    with claimed(layout):
        prepare(layout, signer.keys)
        with ExitStack() as stack:
            desk = _assemble(
                stack, layout, signer, clock, settings or Settings(), certificate or Served(None)
            )
            desk.vitals.probes.add("certificate", lambda: desk.certificate.test(clock))
            yield desk


def _assemble(
    stack: ExitStack,
    layout: Layout,
    signer: LogSigner,
    clock: Callable[[], float],
    settings: Settings,
    certificate: Served,
) -> Desk:
    """All parts, at work; the stack ends them, the last one first."""
    log = _kept(stack, LogState.open(layout, signer, clock=clock))
    register = _kept(stack, Register.open(layout.database, clock))
    trail = _kept(stack, AuditTrail.open(layout, log.origin, clock))
    people = _kept(stack, People.open(layout.database, clock, trail, settings.login))
    fleet = _kept(stack, FleetRecords.open(layout, clock))
    visits = _kept(stack, Visits.open(layout.database, clock))
    alerts = _kept(stack, Alerts.open(layout.database, settings, log.origin, clock=clock))
    accounts = _kept(stack, Database.open_readonly(layout.database))
    sequencer = Sequencer(log)
    stack.callback(sequencer.stop)
    workers, chores = _kept(stack, Workers()), Chores()
    limits = Limits(settings.limits)
    _tidy_up(layout, log, register)
    recovery = Recovery(layout, log, register, settings)
    witnesses = Witnesses(log, settings, clock=clock, suspect=recovery.suspect)
    stack.callback(witnesses.close)
    timestamps = Timestamps.open(layout, log, settings.timestamp, clock=clock)
    handover = Handover.open(
        layout,
        log,
        settings.handover,
        Ties(witnesses.quorum_met, trail.note, visits.fetched),
        clock=clock,
    )
    recovery.begin(chores)
    witnesses.begin(chores)
    timestamps.add_chores(chores)
    handover.begin(chores)
    chores.add("arrivals", TEND_SECONDS, lambda: fleet.tend(log))
    chores.add("office", EVERY, visits.tend)
    chores.add("refusals", FLUSH_SECONDS, register.flush)
    intake = Intake(layout, log, sequencer, register, workers, fleet.sealed, limits)
    sequencer.start()
    counter = Counter(layout, log, sequencer, register)
    stack.callback(counter.stop)
    _keep_trail(layout, log, sequencer, trail, chores)
    stack.callback(trail.stop, log, sequencer)
    stack.callback(chores.stop)
    chores.start()
    counter.start()
    return Desk(
        layout=layout,
        certificate=certificate,
        visits=visits,
        log=log,
        sequencer=sequencer,
        register=register,
        intake=intake,
        workers=workers,
        accounts=accounts,
        settings=settings,
        chores=chores,
        recovery=recovery,
        fleet=fleet,
        witnesses=witnesses,
        people=people,
        timestamps=timestamps,
        vitals=Vitals.open(layout, log, intake, chores, handover, settings, clock=clock),
        trail=trail,
        limits=limits,
        waiting=Waiting(log),
        alerts=alerts,
        handover=handover,
    )


class _Closes(Protocol):
    def close(self) -> None: ...


T = TypeVar("T", bound=_Closes)


def _kept(stack: ExitStack, part: T) -> T:
    """The part, which the stack closes."""
    stack.callback(part.close)
    return part


def _keep_trail(
    layout: Layout, log: LogState, sequencer: Sequencer, trail: AuditTrail, chores: Chores
) -> None:
    """Record the start, and have the trail sealed as time goes on."""
    trail.started(layout.settings.read_bytes() if layout.settings.exists() else b"")
    tend = chores.add("trail", audit.TEND_SECONDS, lambda: trail.tend(log, sequencer))
    trail.when_full(tend.wake)


def _tidy_up(layout: Layout, log: LogState, register: Register) -> None:
    with log.turn():
        swept = sweep_unfinished(layout)
        adopt(layout, log, register)
    if swept:
        _log.info("took away %d files of uploads that were cut off", swept)
