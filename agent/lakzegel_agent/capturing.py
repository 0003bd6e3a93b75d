# SPDX-License-Identifier: EUPL-1.2
"""One pass over the sources of the policy in force."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Final

from lakzegel_agent import completeness, ending, readout
from lakzegel_agent.beforeterm import nanoseconds
from lakzegel_agent.capture import (
    PassReport,
    Progress,
    SealContext,
    WatchedSource,
    capture_pass,
)
from lakzegel_agent.coveragepulse import Pulse
from lakzegel_agent.devicekeys import Introduction
from lakzegel_agent.errors import UnknownReaderError, UsageError
from lakzegel_agent.failures import state_failures
from lakzegel_agent.guards.of_content import asked
from lakzegel_agent.ledger import DEVICE
from lakzegel_agent.ledgerrows import BatchRow
from lakzegel_agent.policies import InForce, reader_kind
from lakzegel_agent.policyexpiry import state_expiry
from lakzegel_agent.readers import reader_of
from lakzegel_agent.readoutphones import gate_of
from lakzegel_agent.rootstold import ABSENT, AWAY, UNREAD, UNUSABLE, tell, told
from lakzegel_agent.sealing.pool import Pool
from lakzegel_agent.sources import locate
from lakzegel_agent.station import Station, wall_clock
from lakzegel_core.batch import State

_OBSERVED: Final = ("reader-unknown",)  # the pass itself tells of the rest


@dataclass(frozen=True, slots=True)
class Pass:
    """What a pass works with, besides its station."""

    current: Introduction
    in_force: InForce
    pool: Pool
    wait_for_room: Callable[[int], bool]
    on_batch: Callable[[BatchRow], None]
    progress: Callable[[Progress], None]
    stop: threading.Event
    pulse: Pulse


def run_pass(station: Station, work: Pass, sources: Sequence[WatchedSource]) -> PassReport:
    """What one pass found and sealed.

    Raises:
        UnwritableError: nothing is lost, and the next pass goes on.
    """
    seal = _sealer(station, work)
    report = seal(sources)
    completeness.looked(work.pulse, sources, report)
    state_failures(station.problems, station.ledger)
    if not report.stopped:
        _state_roots(station, work.in_force, _roots_of(report, sources))
    if not report.stopped and readout.certified(station.ledger, sources):
        more = seal(())  # what was certified
        report = _together(report, more)
    return report


def run_last(station: Station, work: Pass, sources: Sequence[WatchedSource]) -> PassReport:
    """What the last pass of a term, or of this device, found and sealed; its last batch is final.

    Raises:
        UnwritableError: nothing is lost, and the next such pass goes on.
    """
    report = run_pass(station, work, sources)
    said = ending.statement(station.home, work.in_force.ends, wall_clock())
    if report.stopped or said is None:
        return report
    seal = _sealer(station, work)
    ending.drain(station.ledger, lambda: seal(()))
    if work.stop.is_set():
        return replace(report, stopped=True)
    ending.state(station.ledger, said)
    return _together(report, _sealer(station, work, State.FINAL)(()))


def _together(report: PassReport, more: PassReport) -> PassReport:
    return replace(
        report,
        batches=report.batches + more.batches,
        bytes_sealed=report.bytes_sealed + more.bytes_sealed,
    )


def _sealer(
    station: Station, work: Pass, state: State = State.OPEN
) -> Callable[[Sequence[WatchedSource]], PassReport]:
    """What seals sources, as this policy has it."""
    made, policy = work.current.enrolment, work.in_force.policy
    context = SealContext(
        origin=made.origin,
        device=made.device,
        epoch=made.epoch,
        header_key=work.current.keys.header,
        recipients=policy.recipients,
        policy_id=work.in_force.id,
        batch_limit=policy.batch_limit,
        spool_limit=policy.spool_limit,
        ledger_key=station.ledger_key,
        labels=asked(policy),
        state=state,
    )
    return partial(
        capture_pass,
        context=context,
        ledger=station.ledger,
        spool=station.spool,
        pool=work.pool,
        clock=lambda: datetime.now(UTC),  # to the microsecond: a file's age decides
        wait_for_room=work.wait_for_room,
        on_batch=work.on_batch,
        progress=work.progress,
        stop=work.stop,
    )


def watched(station: Station, in_force: InForce) -> list[WatchedSource]:
    """The policy's sources that are there and that this agent can read; what is not is stated."""
    found: list[WatchedSource] = []
    unknown: list[str] = []
    roots: dict[str, str | None] = {}
    before = told(station.ledger)
    for entry in in_force.sources:
        name = entry.source.name
        try:
            kind = reader_kind(entry.source)
            reader_of(kind)
            root = locate(entry.path, home=os.fsencode(station.config.user_home))
        except UnknownReaderError:
            unknown.append(f"{name} (kind {entry.source.kind})")
            continue
        except UsageError:
            roots[entry.label] = UNUSABLE
            continue
        if root.missing:
            roots[entry.label] = ABSENT
        elif before.get(entry.label) in {ABSENT, UNUSABLE}:  # of the rest a pass knows more
            roots[entry.label] = None
        found.append(
            WatchedSource(
                label=entry.label,
                reader=kind,
                root=root.root,
                only=root.only,
                settle=entry.source.settle,
                exclude_folders=in_force.excluded_folders,
                correspondents=in_force.correspondents,
                begins=nanoseconds(None if entry.source.custody else in_force.begins),
                gate=gate_of(entry.source, root.root, in_force.phones),
                narrowing=completeness.narrowing(station.ledger, entry.source, entry.label),
            )
        )
    _state(station, "reader-unknown", unknown)
    _state_roots(station, in_force, roots)
    return found


def attest(station: Station, in_force: InForce, pulse: Pulse) -> bool:
    """Queue the day's attestation of coverage when one is due; whether it was."""
    state_expiry(station.problems, station.ledger, in_force, wall_clock())
    completeness.look_ahead(station, in_force)
    return completeness.attest(station, pulse)


def _state(station: Station, code: str, names: Sequence[str]) -> None:
    """State a problem of these sources, or that it is over; the office hears of a new one."""
    if not names:
        station.problems.clear(station.ledger, code)
    elif station.problems.add(station.ledger, code, ", ".join(names)) and code in _OBSERVED:
        station.ledger.observe(DEVICE, {"type": code, "sources": list(names)})


def _roots_of(report: PassReport, sources: Sequence[WatchedSource]) -> dict[str, str | None]:
    whole = (source.label for source in sources if source.touched is None)
    roots: dict[str, str | None] = dict.fromkeys(whole)
    for labels, why in ((report.away, AWAY), (report.unread, UNREAD), (report.missing, ABSENT)):
        roots.update(dict.fromkeys(labels, why))
    return roots


def _state_roots(station: Station, in_force: InForce, found: Mapping[str, str | None]) -> None:
    """State which sources are not there; the office hears when that begins and ends."""
    names = {entry.label: entry.source.name for entry in in_force.sources}
    _state(station, "source-missing", tell(station.ledger, found, names))
