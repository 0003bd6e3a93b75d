# SPDX-License-Identifier: EUPL-1.2
"""Everything that requests work with, opened and closed in the right order."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from lakzegel_server.alerting.alerts import Alerts
from lakzegel_server.chores import Chores
from lakzegel_server.claiming import claimed
from lakzegel_server.counter import Counter
from lakzegel_server.database import Database
from lakzegel_server.fleet.hearing import Hearing
from lakzegel_server.fleet.records import TEND_SECONDS, FleetRecords
from lakzegel_server.handover.folder import Ties
from lakzegel_server.handover.handover import Handover
from lakzegel_server.housekeeping import adopt, sweep_unfinished
from lakzegel_server.intake import Intake
from lakzegel_server.layout import Layout
from lakzegel_server.limiting import Limits
from lakzegel_server.logsigner import LogSigner, prepare
from lakzegel_server.logstate import LogState
from lakzegel_server.migrating.migrating import require_complete
from lakzegel_server.people import trail as audit
from lakzegel_server.people.people import People
from lakzegel_server.people.trail import AuditTrail
from lakzegel_server.receivers import Receivers
from lakzegel_server.recovery.recovery import Recovery
from lakzegel_server.register import FLUSH_SECONDS, Register
from lakzegel_server.sequencer import Sequencer
from lakzegel_server.settings import Settings
from lakzegel_server.sharedkeys import require_same
from lakzegel_server.sweeping import Sweeping
from lakzegel_server.timestamping.desk import Timestamps
from lakzegel_server.unsealed import Unsealed
from lakzegel_server.vitals.certificate import Served
from lakzegel_server.vitals.office import EVERY, Visits
from lakzegel_server.vitals.vitals import Vitals
from lakzegel_server.waiting import Waiting
from lakzegel_server.witnessing.witnesses import Witnesses
from lakzegel_server.workers import Workers

STORE: Final = "store-"  # the chore that asks one whether it answers, before what it keeps
STORE_SECONDS: Final = 30.0
SAVE_SECONDS: Final = 60.0  # how often it looks whether a savepoint is due
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
    hearing: Hearing
    witnesses: Witnesses
    people: People
    timestamps: Timestamps
    vitals: Vitals
    trail: AuditTrail
    limits: Limits
    waiting: Waiting
    alerts: Alerts
    handover: Handover
    receivers: Receivers | None  # those that share the index; None where it is a file


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
        require_complete(layout)
        prepare(layout, signer.keys)
        require_same(layout, signer.keys)
        with ExitStack() as stack:
            desk = _assemble(
                stack, layout, signer, clock, settings or Settings(), certificate or Served(None)
            )
            if desk.receivers is not None:
                desk.vitals.probes.add("database-clock", desk.receivers.test)
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
    books = _Books.open(stack, layout, log, clock, settings)
    unsealed = _kept(stack, Unsealed.open(layout))
    sweeping = Sweeping(layout, log, books.register, unsealed)
    books.fleet.begin(log, settings.fleet)
    sequencer = Sequencer(log)
    stack.callback(sequencer.stop)
    workers, chores = _kept(stack, Workers()), Chores(log.lease if layout.shared else None)
    limits = Limits(settings.limits)
    _tidy_up(layout, log, books.register)
    others = _Others.open(stack, layout, log, books, sweeping, clock, settings)
    _give_chores(chores, layout, log, books, others)
    sweeping.add_chore(chores)
    told = books.fleet.sealed
    intake = Intake(layout, log, sequencer, books.register, workers, unsealed, told, limits)
    stack.callback(intake.close)
    intake.start()
    receivers = _kept(stack, Receivers.open(layout, log, clock)) if layout.shared else None
    _begin(stack, layout, log, sequencer, books, chores)
    return Desk(
        layout=layout,
        certificate=certificate,
        visits=books.visits,
        log=log,
        sequencer=sequencer,
        register=books.register,
        intake=intake,
        workers=workers,
        accounts=books.accounts,
        settings=settings,
        chores=chores,
        recovery=others.recovery,
        fleet=books.fleet,
        hearing=_kept(stack, Hearing(log, limits, books.fleet)),
        witnesses=others.witnesses,
        people=books.people,
        timestamps=others.timestamps,
        vitals=Vitals.open(layout, log, intake, chores, others.handover, settings, clock=clock),
        trail=books.trail,
        limits=limits,
        waiting=Waiting(log),
        alerts=books.alerts,
        handover=others.handover,
        receivers=receivers,
    )


@dataclass(frozen=True, slots=True)
class _Books:
    """What is kept beside the log, open."""

    register: Register
    trail: AuditTrail
    people: People
    fleet: FleetRecords
    visits: Visits
    alerts: Alerts
    accounts: Database

    @classmethod
    def open(
        cls,
        stack: ExitStack,
        layout: Layout,
        log: LogState,
        clock: Callable[[], float],
        settings: Settings,
    ) -> _Books:
        """All of them; the stack closes them."""
        index = layout.database
        register = _kept(stack, Register.open(index, clock))
        trail = _kept(stack, AuditTrail.open(layout, log.origin, clock))
        return cls(
            register=register,
            trail=trail,
            people=_kept(stack, People.open(index, clock, trail, settings.login)),
            fleet=_kept(stack, FleetRecords.open(layout, clock)),
            visits=_kept(stack, Visits.open(index, clock)),
            alerts=_kept(stack, Alerts.open(index, settings, log.origin, clock=clock)),
            accounts=_kept(stack, Database.open_readonly(index)),
        )


@dataclass(frozen=True, slots=True)
class _Others:
    """What speaks with others: witnesses, a time-stamp authority, whoever takes the log over."""

    recovery: Recovery
    witnesses: Witnesses
    timestamps: Timestamps
    handover: Handover

    @classmethod
    def open(
        cls,
        stack: ExitStack,
        layout: Layout,
        log: LogState,
        books: _Books,
        sweeping: Sweeping,
        clock: Callable[[], float],
        settings: Settings,
    ) -> _Others:
        """All of them; the stack closes what has to be."""
        missed = books.trail.take_back  # whoever looks from now on finds written down what is lost
        recovery = Recovery(layout, log, books.register, sweeping, settings, before_sealing=missed)
        witnesses = Witnesses(log, settings, clock=clock, suspect=recovery.suspect)
        stack.callback(witnesses.close)
        ties = Ties(witnesses.quorum_met, books.trail.note, books.visits.fetched)
        return cls(
            recovery=recovery,
            witnesses=witnesses,
            timestamps=Timestamps.open(layout, log, settings.timestamp, clock=clock),
            handover=Handover.open(layout, log, settings.handover, ties, clock=clock),
        )


def _give_chores(
    chores: Chores, layout: Layout, log: LogState, books: _Books, others: _Others
) -> None:
    """What is done again and again."""
    others.recovery.begin(chores)
    others.witnesses.begin(chores)
    others.timestamps.add_chores(chores)
    others.handover.begin(chores)
    chores.add("arrivals", TEND_SECONDS, lambda: books.fleet.tend(log))
    chores.add("office", EVERY, books.visits.tend)
    chores.add("refusals", FLUSH_SECONDS, books.register.flush)
    chores.add("savepoint", SAVE_SECONDS, log.save)
    for name, store in layout.stores.apart().items():
        chores.add(f"{STORE}{name}", STORE_SECONDS, store.test)  # so that alerts tell of it


def _begin(
    stack: ExitStack,
    layout: Layout,
    log: LogState,
    sequencer: Sequencer,
    books: _Books,
    chores: Chores,
) -> None:
    """Set to work what works by itself; the stack stops it before anything is closed."""
    sequencer.start()
    counter = Counter(layout, log, sequencer, books.register)
    stack.callback(counter.stop)
    _keep_trail(layout, log, sequencer, books.trail, chores)
    stack.callback(books.trail.stop, log, sequencer)
    stack.callback(chores.stop)
    chores.start()
    counter.start()


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
    if layout.shared:
        chores.add("trail-counted", audit.TEND_SECONDS, trail.flush)
    tend = chores.add(
        "trail", audit.TEND_SECONDS, lambda: trail.tend(log, sequencer), alone="trail"
    )
    trail.when_full(tend.wake)


def _tidy_up(layout: Layout, log: LogState, register: Register) -> None:
    swept = sweep_unfinished(layout)
    with nullcontext() if layout.shared else log.turn():  # others go on meanwhile
        adopt(layout, log, register)
    if swept:
        _log.info("took away %d files of uploads that were cut off", swept)
