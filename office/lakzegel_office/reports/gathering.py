# SPDX-License-Identifier: EUPL-1.2
"""Facts of a report out of a verified mirror; the same for the same mirror, scope and moment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from lakzegel_office.catalog import Catalog
from lakzegel_office.coverage import Coverage
from lakzegel_office.coveragefound import coverage_of
from lakzegel_office.errors import DoubtError, UsageError
from lakzegel_office.proven import proven_devices
from lakzegel_office.replay import Replay
from lakzegel_office.reports.devices import DeviceReader
from lakzegel_office.reports.model import (
    DisposalFacts,
    FindingFacts,
    JournalHead,
    LogFacts,
    MarkFacts,
    Report,
    Scope,
)
from lakzegel_office.reports.owning import own_of
from lakzegel_office.reports.said import listen
from lakzegel_office.verification import Verification

MAX_DAYS: Final = 366 * 5  # of one report


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person asked for; None: all there is."""

    custodies: Sequence[str] = ()  # or devices
    first: date | None = None
    last: date | None = None
    request: str = ""
    at: datetime | None = None


def gather(
    found: Verification,
    catalog: Catalog,
    journals: Sequence[JournalHead],
    reviewed: Mapping[str, int],
    asked: Asked,
) -> Report:
    """Return the facts.

    Raises:
        DoubtError: the log in the mirror does not verify; there is nothing to report on.
        UsageError: no such custody, or a period that is none.
    """
    if found.replay is None or found.signed is None:
        raise DoubtError("the mirror's log does not verify; run: lakzegel-office verify")
    replay = found.replay
    own = own_of(replay, asked.custodies)
    says = listen(catalog, own)
    devices = [name for name, one in says.items() if own.whole(name) or one.of_sources]
    scope = _scope(found, replay, devices, own.custodies, asked)
    covered = coverage_of(found, catalog)
    proofs = {p.device: p for p in proven_devices(found) if p.device in devices}
    reader = DeviceReader(replay, scope, own)
    facts = tuple(
        reader.read(proofs[name], says[name], covered.get(name, Coverage(False, ())))
        for name in devices
    )
    return Report(
        scope,
        _log(found, replay),
        facts,
        tuple(_findings(replay, devices)),
        tuple(_disposals(replay, devices)),
        tuple(
            MarkFacts(at, mark.kind, mark.name, mark.state, mark.at) for at, mark in replay.marks
        ),
        tuple(journals),
        dict(sorted(reviewed.items())),
    )


def _scope(
    found: Verification,
    replay: Replay,
    devices: Iterable[str],
    custodies: tuple[str, ...],
    asked: Asked,
) -> Scope:
    assert found.signed is not None  # noqa: S101 - seen to by gather
    signed = datetime.fromtimestamp(found.signed.signed_at, UTC)
    at = asked.at or signed
    states = [replay.custody.devices[name] for name in devices]
    began = [
        min(epoch.enrolled for epoch in (*one.closed_epochs, one.current)).date() for one in states
    ]
    last = asked.last or at.date()
    first = asked.first or min([last, *began])
    if first > last or (last - first) > timedelta(days=MAX_DAYS):
        raise UsageError(f"{first}..{last}: from a day to a later one, at most {MAX_DAYS} days")
    return Scope(custodies, first, last, asked.request, at)


def _log(found: Verification, replay: Replay) -> LogFacts:
    assert found.signed is not None  # noqa: S101 - seen to by gather
    signed = found.signed
    stamped = found.times.newest
    return LogFacts(
        replay.custody.origin,
        signed.checkpoint.size,
        signed.checkpoint.root,
        datetime.fromtimestamp(signed.signed_at, UTC),
        tuple(sorted({one.key.name for one in found.cosigned})),
        None if stamped is None else stamped[0],
        None if stamped is None else datetime.fromtimestamp(stamped[1].at, UTC),
        tuple(str(doubt) for doubt in found.doubts if not doubt.excepted),
    )


def _findings(replay: Replay, devices: Sequence[str]) -> Iterator[FindingFacts]:
    rows = [row for rows in replay.findings.values() for row in rows]
    for index, one in sorted(rows, key=lambda row: row[0]):
        if one.device in devices:
            batch = f"{one.device}/{one.epoch}/{one.batch}"
            yield FindingFacts(index, batch, one.code, len(one.items), one.at)


def _disposals(replay: Replay, devices: Sequence[str]) -> Iterator[DisposalFacts]:
    counted: set[tuple[str, int]] = set()  # of a segment more may go later, by another change
    for index, one in ((row.index, row.change) for row in replay.changes):
        if one.device in devices:
            batch = f"{one.device}/{one.epoch}/{one.batch}"
            said = "" if one.certificate is None else one.certificate.hex()
            fresh = {(batch, item) for item in one.destroyed} - counted
            counted |= fresh
            yield DisposalFacts(index, batch, one.reason, len(fresh), said, one.at)
