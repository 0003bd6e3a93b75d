# SPDX-License-Identifier: EUPL-1.2
"""One pass over the sources: everything that is new or changed is sealed into closed batches.

Whatever ends it (an error, the stop event, a kill at any moment), a file is either captured in a
closed batch that the ledger and the spool agree on, or will be captured by the next pass.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial

from lakzegel_agent.captureadmit import Admission
from lakzegel_agent.capturechain import Chain
from lakzegel_agent.captureclose import Closer
from lakzegel_agent.capturefind import Finder
from lakzegel_agent.captureoutcome import Outcomes, Tally
from lakzegel_agent.capturerun import Run, Tools
from lakzegel_agent.capturestill import Still, rules, still_name
from lakzegel_agent.capturestores import Shelf, Surveys
from lakzegel_agent.capturetarget import Watched
from lakzegel_agent.capturewhole import away
from lakzegel_agent.capturework import Backlog
from lakzegel_agent.correspondents import agreed
from lakzegel_agent.exclusion import excluder
from lakzegel_agent.guards import of_content
from lakzegel_agent.ledger import Ledger
from lakzegel_agent.ledgerrows import BatchRow
from lakzegel_agent.passes import (
    PATIENCE,
    PassReport,
    Patience,
    Progress,
    SealContext,
    WatchedSource,
)
from lakzegel_agent.readers import reader_of
from lakzegel_agent.roots import Places, remembered_as
from lakzegel_agent.rootsaway import Standing
from lakzegel_agent.sealing.jobs import Setup, SourceInfo
from lakzegel_agent.sealing.pool import Pool
from lakzegel_agent.spool import Spool
from lakzegel_agent.stores import store_of
from lakzegel_agent.watchmounts import read_mounts

__all__ = [
    "PATIENCE",
    "BatchRow",
    "PassReport",
    "Patience",
    "Progress",
    "SealContext",
    "WatchedSource",
    "capture_pass",
]

Clock = Callable[[], datetime]


def capture_pass(  # noqa: PLR0913  # every side effect is an argument
    sources: Sequence[WatchedSource],
    context: SealContext,
    *,
    ledger: Ledger,
    spool: Spool,
    pool: Pool,
    clock: Callable[[], datetime],
    wait_for_room: Callable[[int], bool],
    on_batch: Callable[[BatchRow], None],
    progress: Callable[[Progress], None],
    stop: threading.Event,
    patience: Patience = PATIENCE,
) -> PassReport:
    """Return what the pass did, once everything in reach lies in closed batches.

    ``wait_for_room(bytes)`` is asked when the spool's limit is met: True once there is room, False
    when there will be none. ``on_batch`` hears of each batch after it is durable. All are called
    in this thread. With ``stop`` set the pass ends within about two seconds.

    Raises:
        UnwritableError: no room, or a disk that fails; what is closed stays, the same call goes on
            later.
        SealingError: the sealing processes cannot work.
        LedgerDamagedError: the ledger cannot be read, or is in another epoch.
        UnknownReaderError: a source of a kind that there is no reader for.
    """
    around = _Around(ledger, spool, pool, clock, wait_for_room, on_batch, progress, stop, patience)
    finder, run = _prepared(sources, context, around)
    stopped = run.run()
    spool.sweep()
    made = asdict(run.progress())
    return PassReport(
        **made,
        missing=tuple(finder.noticed.missing),
        away=away(finder.sources),
        unread=tuple(finder.noticed.unread),
        lacking=tuple(finder.noticed.lacking),
        stopped=stopped,
    )


@dataclass(frozen=True, slots=True)
class _Around:
    """What lies around a pass, as it was given."""

    ledger: Ledger
    spool: Spool
    pool: Pool
    clock: Clock
    wait_for_room: Callable[[int], bool]
    on_batch: Callable[[BatchRow], None]
    progress: Callable[[Progress], None]
    stop: threading.Event
    patience: Patience


def _prepared(
    sources: Sequence[WatchedSource], context: SealContext, around: _Around
) -> tuple[Finder, Run]:
    """Return what finds and what runs, their parts put together and the processes told."""
    ledger, spool, clock = around.ledger, around.spool, around.clock
    watched = [_watched(number, source, ledger, clock) for number, source in enumerate(sources)]
    surveys = Surveys(ledger.recall, lambda: clock().timestamp(), context.ledger_key)
    finder = Finder(watched, ledger.files, context.ledger_key, surveys)
    backlog, tally = Backlog(context.batch_limit), Tally()
    admission = Admission(
        sources,
        watched,
        finder.second,
        backlog,
        ledger.files,
        clock,
        around.patience,
        context.ledger_key,
    )
    finder.in_flight = admission.targets
    labels = [source.label for source in sources]
    noted = partial(of_content.noted, ledger, context.labels, context.epoch, labels)
    outcomes = Outcomes(watched, admission, backlog, ledger.files.cipher, noted)
    closer = Closer(context, ledger, spool, clock, around.on_batch)
    chain = Chain(context.epoch, around.pool, spool, closer, outcomes, ledger.files, tally)
    around.pool.set_up(_setup(context, spool, watched))
    tools = Tools(
        ledger=ledger,
        spool=spool,
        pool=around.pool,
        finder=finder,
        backlog=backlog,
        admission=admission,
        outcomes=outcomes,
        chain=chain,
        tally=tally,
        clock=clock,
        wait_for_room=around.wait_for_room,
        progress=around.progress,
        stop=around.stop,
        batch_limit=context.batch_limit,
        spool_limit=context.spool_limit,
    )
    return finder, Run(tools)


def _watched(place: int, source: WatchedSource, ledger: Ledger, clock: Clock) -> Watched:
    number = ledger.files.source(source.label)
    shelf = _shelf(source)
    touched = source.touched if shelf is None else None  # of a store, nothing is known by its parts

    def recalled(name: str) -> bytes | None:
        return ledger.recall(name) if touched is None else None  # costs as much as a small pass

    return Watched(
        place,
        SourceInfo(source.label, source.reader, source.root, number),
        reader_of(source.reader),
        source.only,
        excluder(source.exclude_folders, source.root, source.narrowing),
        Still(
            recalled(still_name(source.label)) or b"",
            ledger.files.cipher,
            rules(source.reader, source.root, _rules(source)),
            ledger.files.marks,
        ),
        Standing(Places.unpack(recalled(remembered_as(source.label))), read_mounts, clock),
        shelf=shelf,
        begins=source.begins,
        touched=touched,
    )


def _rules(source: WatchedSource) -> tuple[str, ...]:
    """Return what besides kind and root decides on a source's files."""
    begins = (f"begins {source.begins}",) if source.begins else ()
    return (*source.exclude_folders, *source.narrowing.rules(), *begins)


def _shelf(source: WatchedSource) -> Shelf | None:
    store = store_of(source.reader)
    if store is None:
        return None
    listed = agreed(source.correspondents)
    return Shelf(store, source.root, source.label, listed, source.gate)


def _setup(context: SealContext, spool: Spool, watched: Sequence[Watched]) -> Setup:
    return Setup(
        context.origin,
        context.device,
        context.epoch,
        tuple(recipient.public for recipient in context.recipients),
        context.ledger_key,
        bytes(spool.folder),
        tuple(source.info for source in watched),
        context.labels,
    )
