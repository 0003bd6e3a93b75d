# SPDX-License-Identifier: EUPL-1.2
"""What is proven complete for what was asked, what is not, and why (docs/spec/report.md §4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lakzegel_core.encoding import format_time
from lakzegel_office.reports.days import GAP, NONE
from lakzegel_office.reports.evidence import DISPOSE, Line
from lakzegel_office.reports.model import DeviceFacts, LedgerFacts, Report, SourceFacts


@dataclass(frozen=True, slots=True)
class Completeness:
    """Two lists; nothing is silently left out of both."""

    proven: tuple[Line, ...]
    missing: tuple[Line, ...]

    @property
    def complete(self) -> bool:
        """Whether nothing is known to be missing."""
        return not self.missing


def judge(report: Report) -> Completeness:
    """Return both lists for a report's scope."""
    proven, missing = [*_proven_log(report), *_found(report)], [*_missing_log(report)]
    for device in report.devices:
        proven += _proven(device)
        missing += _missing(device)
    missing += [*_missing_items(report), *_missing_units(report)]
    return Completeness(tuple(proven), tuple(missing))


def _proven_log(report: Report) -> Iterator[Line]:
    log = report.log
    holes = {"size": log.size, "at": format_time(log.signed)}
    yield Line("the log of {size} entries, signed at {at}, is whole and only grew", holes)
    if log.witnesses:
        yield Line("{names} have seen this same log", {"names": ", ".join(log.witnesses)})
    if log.stamped_at is not None:
        at = format_time(log.stamped_at)
        text = "its first {size} entries existed at {at}, by a time-stamp token"
        yield Line(text, {"size": log.stamped, "at": at})


def _missing_log(report: Report) -> Iterator[Line]:
    for doubt in report.log.doubts:
        yield Line("verification has a doubt: {doubt}", {"doubt": doubt}, bad=True)
    if report.log.stamped_at is None:
        yield Line("no time-stamp token of another party says since when the log exists")
    if not report.devices:
        yield Line("no device is in this scope", bad=True)


def _found(report: Report) -> Iterator[Line]:
    """Yield what was found of what was asked for, each unit in one count."""
    if report.units is not None:
        counts = {name.replace("-", "_"): n for name, n in report.units.counts.items()}
        text = (
            "of what was asked for {found} were found = {exported} that may leave + {left_out} "
            "that stay, for a reason + {gone} that were destroyed + {failed} that do not open"
        )
        yield Line(text, counts)


def _missing_units(report: Report) -> Iterator[Line]:
    """Yield what may have been asked for and cannot be counted."""
    units = report.units
    if units is not None and units.counts["failed"]:
        text = "of what was asked for {failed} do not open or are not as they were sealed"
        yield Line(text, {"failed": units.counts["failed"]}, bad=True)
    if units is not None and (units.items or units.batches):
        text = "sealed items that do not open: {items}, batches that are not here: {batches}"
        yield Line(text, {"items": units.items, "batches": units.batches}, bad=True)


def _missing_items(report: Report) -> Iterator[Line]:
    """Yield what was sealed and cannot be shown: it does not open or fit, or was destroyed."""
    for one in report.findings:
        text = "{batch}: the office found {code}; items concerned: {items}"
        holes = {"batch": one.batch, "code": one.code, "items": one.items or "all"}
        yield Line(text, holes, bad=True)
    for device in report.devices:
        own = (d for d in report.disposals if d.batch.startswith(f"{device.name}/"))
        gone = [one for one in own if one.reason == DISPOSE]
        if gone:
            text = "{device}: items destroyed: {items}, certificates: {count}"
            count = len({one.certificate for one in gone if one.certificate})
            holes = {"device": device.name, "items": sum(d.items for d in gone), "count": count}
            yield Line(text, holes, bad=any(not one.certificate for one in gone))


def _proven(device: DeviceFacts) -> Iterator[Line]:
    if not device.batches:
        return
    yield Line(
        "{device}: {batches} batches with {items} items; unbroken chains: {epochs}",
        {
            "device": device.name,
            "batches": device.batches,
            "items": device.items,
            "epochs": device.epochs,
        },
    )
    for source in device.sources:
        ledger = source.ledger
        if _uncovered(device, source) or not source.covered:
            continue
        if ledger is not None and ledger.balanced and not ledger.failed:
            yield Line(
                "{device}: {source}: every file that was found is sealed, or left out for a reason "
                "({found} = {sealed} + {excluded})",
                {"device": device.name, "source": source.label, **_counts(ledger)},
            )


def _missing(device: DeviceFacts) -> Iterator[Line]:
    name = device.name
    if not device.batches:
        yield Line("{device}: nothing was sealed by it", {"device": name}, bad=True)
        return
    days = sum(1 for day in device.days if day in {GAP, NONE})
    if days:
        text = "{device}: on {days} days nobody looked for a while, or at all"
        yield Line(text, {"device": name, "days": days}, bad=True)
    if not device.attested:
        yield Line("{device}: its own statements of coverage cannot be read", {"device": name})
    for gap in device.not_proven:
        yield Line("{device}: {gap} is not proven", {"device": name, "gap": gap}, bad=True)
    for app in device.apps:
        yield Line("{device}: the app {app} has no source", {"device": name, "app": app}, bad=True)
    for source, due in device.overdue:
        holes = {"device": name, "source": source, "due": due}
        yield Line("{device}: the read-out of {source} is overdue since {due}", holes, bad=True)
    lost = device.counts.get("vanished-uncaptured", 0)
    if lost:
        text = "{device}: {count} statements of files that vanished before they were captured"
        yield Line(text, {"device": name, "count": lost}, bad=True)
    yield from _missing_sources(device)


def _missing_sources(device: DeviceFacts) -> Iterator[Line]:
    for source in device.sources:
        holes = {"device": device.name, "source": source.label}
        days = _uncovered(device, source)
        if days:
            text = "{device}: {source} was not covered on {days} days"
            yield Line(text, {**holes, "days": days}, bad=True)
        if source.covered is None:
            yield Line("{device}: {source}: nothing says yet whether it is covered", holes)
        elif not source.covered:
            text = "{device}: {source} is not covered now: {why}"
            yield Line(text, {**holes, "why": source.why or "-"}, bad=True)
        if source.ledger is None:
            yield Line("{device}: {source} has no ledger yet", holes)
        elif source.ledger.failed:
            reasons = ", ".join(f"{name} {count}" for name, count in source.ledger.failed.items())
            text = "{device}: {source}: files that could not be captured: {reasons}"
            yield Line(text, {**holes, "reasons": reasons}, bad=True)
        if source.ledger is not None and not source.ledger.balanced:
            yield Line("{device}: {source}: the counts do not add up", holes, bad=True)


def _uncovered(device: DeviceFacts, source: SourceFacts) -> int:
    """Return on how many days a source was not covered while its device was."""
    pairs = zip(source.days, device.days, strict=True)
    return sum(1 for one, own in pairs if one in {GAP, NONE} and own not in {GAP, NONE})


def _counts(ledger: LedgerFacts) -> dict[str, object]:
    return {
        "found": ledger.found,
        "sealed": ledger.sealed,
        "excluded": sum(ledger.excluded.values()),
    }
