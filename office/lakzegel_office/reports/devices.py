# SPDX-License-Identifier: EUPL-1.2
"""The facts of one device: what is proven of it, and what it stated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from lakzegel_office.coverage import Coverage, Span, Uncovered
from lakzegel_office.guarded import BAD, Guarded, fold
from lakzegel_office.proven import DeviceProof
from lakzegel_office.replay import POLICY_CODE, Replay
from lakzegel_office.reports.days import RESTING, days_between, states
from lakzegel_office.reports.model import (
    DeviceFacts,
    Gap,
    GuardFacts,
    LedgerFacts,
    ReadOut,
    Risk,
    Scope,
    SourceFacts,
    Week,
)
from lakzegel_office.reports.owning import Own
from lakzegel_office.reports.said import (
    DEVICE,
    DeviceSays,
    Sealed,
    counted,
    moment,
    number,
    plain,
    span,
)

ATTESTATION: Final = "attestation"  # docs/spec/sources.md §7
READINESS: Final = "readiness"  # docs/spec/sources.md §8


class DeviceReader:
    """Makes facts of devices, in one scope."""

    def __init__(self, replay: Replay, scope: Scope, own: Own) -> None:
        """Keep the log and the scope; the days are the same for all devices."""
        self._own = own
        self._replay = replay
        self._scope = scope
        self._days = days_between(scope.first, scope.last)

    def read(self, proof: DeviceProof, says: DeviceSays, covered: Coverage) -> DeviceFacts:
        """Return the facts of one device."""
        state = self._replay.custody.devices[proof.device]
        epochs = (*state.closed_epochs, state.current)
        known = self._known(proof, says)
        gaps = tuple(Gap(g.start, g.end, g.why, g.seconds) for g in covered.gaps if self._in(g))
        return DeviceFacts(
            name=proof.device,
            custody=state.custody,
            enrolled=min(epoch.enrolled for epoch in epochs),
            epochs=len(epochs),
            batches=sum(epoch.batches for epoch in proof.epochs),
            items=sum(epoch.items for epoch in proof.epochs),
            head=proof.epochs[-1].head or "",
            closed=proof.epochs[-1].closed,
            known_policy=self._known_policy(proof),
            revoked=proof.revoked,
            final=state.final,
            clock_back=proof.clock_back,
            not_proven=tuple(proof.gaps),
            attested=covered.attested,
            days=states(self._days, known, _spans(covered, resting=True), _missed(covered)),
            gaps=gaps,
            sources=tuple(self._sources(proof.device, says, covered, known)),
            apps=covered.apps if self._own.whole(proof.device) else (),
            guards=tuple(_guards(says)),
            readouts=tuple(read_outs(says)),
            overdue=tuple(_overdue(says)),
            counts=dict(sorted(says.counts.items())),
        )

    def _in(self, gap: Uncovered) -> bool:

        return gap.start.date() <= self._scope.last and gap.end.date() >= self._scope.first

    def _known(self, proof: DeviceProof, says: DeviceSays) -> Span | None:
        """From the first moment that is known of this device to the last one that counts."""
        attested = [span(p.get("since"), p.get("until")) for _, p in says.of("attestation")]
        begins = [one[0] for one in attested if one is not None]
        ends = [one[1] for one in attested if one is not None]
        closed = [epoch.closed for epoch in proof.epochs if epoch.closed is not None]
        if not (begins or closed):
            return None
        begin = min(begins or closed)
        state = self._replay.custody.devices[proof.device]
        end = max([*ends, *closed])
        if not (state.final or state.revoked):
            end = max(end, self._scope.at)
        return (begin, end) if begin < end else None

    def _known_policy(self, proof: DeviceProof) -> int:
        unknown = sum(
            1
            for one in self._replay.problems
            if one.code == POLICY_CODE and one.record and one.record.header.device == proof.device
        )
        return sum(epoch.batches for epoch in proof.epochs) - unknown

    def _sources(
        self, device: str, says: DeviceSays, covered: Coverage, known: Span | None
    ) -> Iterator[SourceFacts]:
        """Yield each source that was stated or sealed, by its label."""
        spans: dict[str, list[tuple[Span, bool]]] = {}
        newest: dict[str, Mapping[str, Any]] = {}
        told: dict[str, Mapping[str, Any]] = {}  # by an attestation, or by readiness
        for _, (_, payload) in says.said:
            if payload.get("type") not in {ATTESTATION, READINESS}:
                continue
            part = span(payload.get("since"), payload.get("until"))
            for row in _rows(payload.get("sources")):
                label = plain(row.get("source"))
                if not self._own.source(device, str(row.get("source"))):
                    continue
                told[label] = row
                if payload.get("type") == ATTESTATION:
                    newest[label] = row
                if part is not None:
                    spans.setdefault(label, []).append((part, row.get("covered") is True))
        labels = {plain(name) for name in says.sealed} | set(told)
        for label in sorted(labels - {DEVICE, ""}):
            row = newest.get(label, {})
            stated = spans.get(label, [])
            uncovered = [part for part, is_covered in stated if not is_covered]
            own = _from(known, min((part[0] for part, _ in stated), default=None))
            yield SourceFacts(
                label,
                says.sealed[label].kind if label in says.sealed else "",
                states(
                    self._days,
                    own,
                    _spans(covered, resting=True),
                    [*_missed(covered), *uncovered],
                ),
                told[label].get("covered") is True if label in told else None,
                plain(told.get(label, {}).get("why")),
                _ledger(row) if row else None,
                tuple(self._weeks(says.sealed.get(label, Sealed()))),
            )

    def _weeks(self, sealed: Sealed) -> Iterator[Week]:
        first = self._scope.first - timedelta(days=6)
        for monday, (versions, size) in sorted(sealed.weeks.items()):
            if first <= monday <= self._scope.last:
                yield Week(monday, versions, size)


def _from(known: Span | None, begin: datetime | None) -> Span | None:
    if known is None or begin is None:
        return known
    return (max(known[0], begin), known[1]) if begin < known[1] else None


def _spans(covered: Coverage, *, resting: bool) -> list[Span]:
    return [(g.start, g.end) for g in covered.gaps if (g.why in RESTING) is resting]


def _missed(covered: Coverage) -> list[Span]:
    return _spans(covered, resting=False)


def _rows(value: object) -> Iterator[Mapping[str, Any]]:
    for row in value if isinstance(value, list) else ():
        if isinstance(row, Mapping):
            yield row


def _ledger(row: Mapping[str, Any]) -> LedgerFacts:
    reasons = row.get("reasons")
    reasons = reasons if isinstance(reasons, Mapping) else {}
    return LedgerFacts(
        number(row.get("found")),
        number(row.get("sealed")),
        _by_reason(reasons.get("excluded"), number(row.get("excluded"))),
        _by_reason(reasons.get("failed"), number(row.get("failed"))),
    )


def _by_reason(value: object, total: int) -> dict[str, int]:
    """Return counts by reason; what no reason is given for stands as that."""
    found = counted(value)
    rest = total - sum(found.values())
    return {**found, "unnamed": rest} if rest > 0 else found


def _guards(says: DeviceSays) -> Iterator[GuardFacts]:
    for name, one in sorted(fold(said for _, said in says.said).guards.items()):
        subjects = sorted(one.subjects)
        yield GuardFacts(
            plain(name),
            one.rows,
            plain(one.mode),
            one.state,
            len(subjects),
            sum(1 for subject in one.subjects.values() if subject.state in BAD),
            tuple(_risks(name, one, subjects)),
        )


def _risks(name: str, guard: Guarded, subjects: list[str]) -> Iterator[Risk]:
    for place, subject in enumerate(subjects, 1):
        for window in guard.subjects[subject].windows:
            yield Risk(plain(name), place, window.begin, window.end, plain(window.reason))


def read_outs(says: DeviceSays) -> Iterator[ReadOut]:
    """Yield the certificates of read-outs that a device sealed, in the order of its chain."""
    for source, payload in says.of("readout"):
        apps = list(_rows(payload.get("apps")))

        def total(field: str, apps: list[Mapping[str, Any]] = apps) -> int:
            return sum(number(app.get(field)) for app in apps)

        yield ReadOut(
            plain(source),
            plain(payload.get("custody")),
            moment(payload.get("backup")),
            moment(payload.get("read")),
            payload.get("complete") is True,
            total("conversations"),
            total("private"),
            total("failed"),
            total("messages"),
            total("media"),
            total("absent"),
        )


def _overdue(says: DeviceSays) -> Iterator[tuple[str, str]]:
    """Yield the read-outs that are overdue: stated so, and no backup made since."""
    due: dict[str, str] = {}
    for source, (_, payload) in says.said:
        if payload.get("type") == "readout-overdue":
            due[plain(source)] = plain(payload.get("due"))
        elif payload.get("type") == "readout" and _makes_good(payload, due.get(plain(source))):
            del due[plain(source)]
    yield from sorted(due.items())


def _makes_good(payload: Mapping[str, Any], due: str | None) -> bool:
    """Whether a read-out is the one that was due; moments are written so that text compares."""
    return (
        due is not None and payload.get("complete") is True and plain(payload.get("backup")) >= due
    )
