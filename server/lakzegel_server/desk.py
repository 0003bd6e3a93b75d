# SPDX-License-Identifier: EUPL-1.2
"""Everything that requests work with, opened and closed in the right order."""

from __future__ import annotations

import fcntl
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Final

from lakzegel_server.chores import Chores
from lakzegel_server.database import Database
from lakzegel_server.errors import ConfigError
from lakzegel_server.fleet.records import TEND_SECONDS, FleetRecords
from lakzegel_server.housekeeping import adopt, sweep_unfinished
from lakzegel_server.intake import Intake
from lakzegel_server.layout import Layout, LogSigner, prepare
from lakzegel_server.logstate import LogState
from lakzegel_server.people.people import People
from lakzegel_server.recovery.recovery import Recovery
from lakzegel_server.register import Register
from lakzegel_server.sequencer import Sequencer
from lakzegel_server.settings import Settings
from lakzegel_server.witnessing.witnesses import Witnesses
from lakzegel_server.workers import Workers

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Desk:
    """One receiver at work."""

    layout: Layout
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


@contextmanager
def open_desk(
    layout: Layout,
    signer: LogSigner,
    *,
    clock: Callable[[], float],
    settings: Settings | None = None,
) -> Iterator[Desk]:
    """A receiver that is ready for requests; everything is durable when it was left.

    Raises:
        ConfigError: another process serves this DATA.
        DamageError: DATA is not what its log says.
    """
    with layout.serving.open("a") as lock:
        _claim(lock, layout)
        prepare(layout, signer.keys)
        log = LogState.open(layout, signer, clock=clock)
        register = Register.open(layout.database, clock)
        fleet = FleetRecords.open(layout, clock)
        people = People.open(layout.database, clock)
        accounts = Database.open_readonly(layout.database)
        workers, chores = Workers(), Chores()
        sequencer = Sequencer(log)
        witnesses: Witnesses | None = None
        try:
            _tidy_up(layout, log, register)
            decided = settings or Settings()
            recovery = Recovery(layout, log, register, decided)
            recovery.begin(chores)
            witnesses = Witnesses(log, decided, clock=clock, suspect=recovery.suspect)
            witnesses.begin(chores)
            sequencer.start()
            intake = Intake(layout, log, sequencer, register, workers, fleet.sealed)
            desk = Desk(
                layout,
                log,
                sequencer,
                register,
                intake,
                workers,
                accounts,
                decided,
                chores,
                recovery,
                fleet,
                witnesses,
                people,
            )
            chores.add("arrivals", TEND_SECONDS, lambda: fleet.tend(log))
            chores.start()
            yield desk
        finally:
            chores.stop()
            if witnesses is not None:
                witnesses.close()
            workers.close()
            sequencer.stop()
            accounts.close()
            fleet.close()
            people.close()
            register.close()
            log.close()


def _claim(lock: IO[str], layout: Layout) -> None:
    layout.serving.chmod(0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ConfigError(f"{layout.data}: is served by another process; stop that first") from None


def _tidy_up(layout: Layout, log: LogState, register: Register) -> None:
    with log.turn():
        swept = sweep_unfinished(layout)
        adopt(layout, log, register)
    if swept:
        _log.info("took away %d files of uploads that were cut off", swept)
