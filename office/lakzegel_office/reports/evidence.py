# SPDX-License-Identifier: EUPL-1.2
"""What a mirror shows of each thing that the guidance asks, a line each; no line: no evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from lakzegel_core.encoding import format_time
from lakzegel_office.reports.kinds import CHAT, MAIL, SOCIAL
from lakzegel_office.reports.model import Report, SourceFacts

DISPOSE = "dispose"  # of a keyring change; the others, of a period's end, destroy nothing
_BAD = ("drifted", "unknown")
_PRIVATE = ("excluded-folder", "excluded-correspondents", "private")


@dataclass(frozen=True, slots=True)
class Line:
    """A text of the catalogue, what fills its holes, and whether somebody should look at it."""

    text: str
    holes: Mapping[str, object] = field(default_factory=dict)
    bad: bool = False


def _line(text: str, *, bad: bool = False, **holes: object) -> Line:
    return Line(text, holes, bad)


def nothing(report: Report) -> Iterator[Line]:
    """Yield none: the mirror does not hold it."""
    del report
    yield from ()


def guarded(number: int) -> Callable[[Report], Iterator[Line]]:
    """Return what yields each guard that says it is about a row."""

    def find(report: Report) -> Iterator[Line]:
        for device in report.devices:
            for guard in device.guards:
                if number in guard.rows:
                    yield _line(
                        "{device}: guard {guard}: {state}; subjects: {count}, need a look: {open}, "
                        "times at risk: {risks}",
                        bad=guard.state in _BAD,
                        device=device.name,
                        guard=guard.name,
                        state=guard.state,
                        open=guard.bad,
                        count=guard.subjects,
                        risks=len(guard.risks),
                    )

    return find


def first_day(report: Report) -> Iterator[Line]:
    """Yield since when each device is enrolled, and what is not covered now."""
    for device in report.devices:
        missing = sum(1 for source in device.sources if source.covered is False)
        yield _line(
            "{device}: enrolled {at}; sources: {sources}, not covered: {missing}",
            bad=missing > 0 or not device.batches,
            device=device.name,
            at=format_time(device.enrolled),
            sources=len(device.sources),
            missing=missing,
        )


def channels(report: Report) -> Iterator[Line]:
    """Yield how many sources there are, and apps that none is for."""
    for device in report.devices:
        yield _line(
            "{device}: sources that are registered: {sources}",
            device=device.name,
            sources=len(device.sources),
        )
        for app in device.apps:
            text = "{device}: the app {app} has no source"
            yield _line(text, bad=True, device=device.name, app=app)


def managed(report: Report) -> Iterator[Line]:
    """Yield what is secured, and what was done to it since."""
    batches = sum(device.batches for device in report.devices)
    items = sum(device.items for device in report.devices)
    yield _line("secured: batches {batches}, items {items}", batches=batches, items=items)
    holds = len({mark.name for mark in report.marks if mark.kind == "hold"})
    yield _line(
        "managed: holds {holds}, disposals {disposals}",
        holds=holds,
        disposals=sum(1 for one in report.disposals if one.reason == DISPOSE),
    )


def opened(report: Report) -> Iterator[Line]:
    """Yield how often something was opened."""
    for journal in report.journals:
        if journal.name == "audit":
            text = "{count} acts of staff are in the audit trail"
            yield _line(text, count=journal.count)


def accounts(report: Report) -> Iterator[Line]:
    """Yield what was left out for its account."""
    count = _excluded(report)["other-account"]
    if count:
        yield _line("{count} files of other accounts were left out, unopened", count=count)


def vanished(report: Report) -> Iterator[Line]:
    """Yield what disappeared from the devices, and what of it was not captured."""
    counts = _observed(report)
    gone, lost = counts["vanished"], counts["vanished-uncaptured"]
    yield _line("statements of files that vanished, all captured before: {count}", count=gone)
    if lost:
        text = "statements of files that vanished before they were captured: {count}"
        yield _line(text, bad=True, count=lost)
    if counts["shrunk"]:
        yield _line("statements of files that shrank: {count}", count=counts["shrunk"])


def mail(report: Report) -> Iterator[Line]:
    """Yield what was sealed of mail."""
    yield from _kinds(report, MAIL)
    yield from guarded(12)(report)


def chats(report: Report) -> Iterator[Line]:
    """Yield how much there is of chats."""
    yield from _kinds(report, CHAT)


def social(report: Report) -> Iterator[Line]:
    """Yield what was sealed of archives of social media."""
    yield from _kinds(report, SOCIAL)


def readouts(report: Report) -> Iterator[Line]:
    """Yield read-outs, and those that are overdue."""
    for device in report.devices:
        if device.readouts:
            last = device.readouts[-1]
            yield _line(
                "{device}: read-outs: {count}, the last of a backup of {at}",
                device=device.name,
                count=len(device.readouts),
                at=last.backup,
            )
        for source, due in device.overdue:
            text = "{device}: the read-out of {source} is overdue since {due}"
            yield _line(text, bad=True, device=device.name, source=source, due=due)


def kept(report: Report) -> Iterator[Line]:
    """Yield the ledger's sum."""
    ledgers = [one.ledger for one in _sources(report) if one.ledger is not None]
    if ledgers:
        yield _line(
            "found {found} = sealed {sealed} + excluded {excluded} + failed {failed}",
            bad=not all(one.balanced for one in ledgers) or any(one.failed for one in ledgers),
            found=sum(one.found for one in ledgers),
            sealed=sum(one.sealed for one in ledgers),
            excluded=sum(sum(one.excluded.values()) for one in ledgers),
            failed=sum(sum(one.failed.values()) for one in ledgers),
        )
    yield from decided("zakelijk")(report)


def decided(*classes: str) -> Callable[[Report], Iterator[Line]]:
    """Return what yields of how many units review decided that they are of a class."""

    def find(report: Report) -> Iterator[Line]:
        for one in classes:
            if report.reviewed.get(one):
                text = "units that review decided of, {class_}: {count}"
                yield _line(text, class_=one, count=report.reviewed[one])

    return find


def left_out(report: Report) -> Iterator[Line]:
    """Yield what was left out as private."""
    reasons = _excluded(report)
    for reason in _PRIVATE:
        if reasons[reason]:
            text = "{count} left out on the device: {reason}"
            yield _line(text, count=reasons[reason], reason=reason)
    yield from decided("prive")(report)


def claims(report: Report) -> Iterator[Line]:
    """Yield claims that were made in agreed folders."""
    count = _observed(report)["claim"]
    if count:
        yield _line("{count} claims that mail is private or the party's", count=count)
    yield from decided("partij")(report)


def policies(report: Report) -> Iterator[Line]:
    """Yield how many batches are under a policy that the log holds."""
    known = sum(device.known_policy for device in report.devices)
    batches = sum(device.batches for device in report.devices)
    yield _line(
        "{known} of {batches} batches name a policy that the office signed",
        bad=known < batches,
        known=known,
        batches=batches,
    )


def holds(report: Report) -> Iterator[Line]:
    """Yield which holds are on."""
    on = {mark.name for mark in report.marks if mark.kind == "hold" and mark.state == "on"}
    off = {mark.name for mark in report.marks if mark.kind == "hold" and mark.state == "off"}
    if on:
        yield _line("holds that were placed: {on}, lifted: {off}", on=len(on), off=len(off))


def safe(report: Report) -> Iterator[Line]:
    """Yield that items are encrypted to the office alone, and that openings are logged."""
    items = sum(device.items for device in report.devices)
    yield _line("{items} items, each under a key of its own, for the office alone", items=items)
    yield from opened(report)


def lasting(report: Report) -> Iterator[Line]:
    """Yield what outsiders say of the log's age."""
    log = report.log
    yield _line(
        "the log's {size} entries are cosigned by {count} witnesses",
        bad=not log.witnesses,
        size=log.size,
        count=len(log.witnesses),
    )
    if log.stamped_at is not None:
        yield _line(
            "the first {size} entries existed at {at}, by a time-stamp token",
            size=log.stamped,
            at=format_time(log.stamped_at),
        )


def by_scope(report: Report) -> Iterator[Line]:
    """Yield that this report is by custody and period, with a statement of completeness."""
    yield _line(
        "the completeness statement of this report, {first} to {last}",
        first=report.scope.first.isoformat(),
        last=report.scope.last.isoformat(),
    )


def disposed(report: Report) -> Iterator[Line]:
    """Yield what was destroyed, with how many certificates."""
    gone = [one for one in report.disposals if one.reason == DISPOSE]
    if gone:
        yield _line(
            "items destroyed: {items}, certificates: {count}",
            items=sum(one.items for one in gone),
            count=len({one.certificate for one in gone if one.certificate}),
            bad=any(not one.certificate for one in gone),
        )


def minimised(report: Report) -> Iterator[Line]:
    """Yield how much stayed on the devices."""
    count = sum(_excluded(report).values())
    if count:
        yield _line("{count} files were left out on the devices, each with a reason", count=count)
    yield from disposed(report)


def logged(report: Report) -> Iterator[Line]:
    """Yield the office's journals; each chain was proven when its head was read."""
    for journal in report.journals:
        text = "journal {name}: {count} lines in one chain"
        yield _line(text, name=journal.name, count=journal.count)


def terms(report: Report) -> Iterator[Line]:
    """Yield terms of office that the log holds."""
    for mark in report.marks:
        if mark.kind == "term":
            text = "term {name}: {state} at {at}"
            yield _line(text, name=mark.name, state=mark.state, at=format_time(mark.at))


def effort(report: Report) -> Iterator[Line]:
    """Yield for how many moments a person was needed."""
    months = max(1, round(((report.scope.last - report.scope.first).days + 1) / 30))
    count = sum(len(device.readouts) for device in report.devices)
    text = "read-outs that needed a person, in {months} months: {count}; mail needed nobody"
    yield _line(text, count=count, months=months)


def _kinds(report: Report, kinds: frozenset[str]) -> Iterator[Line]:
    for device in report.devices:
        for source in device.sources:
            if source.kind in kinds:
                yield _line(
                    "{device}: {source}: {versions} versions sealed in the period",
                    device=device.name,
                    source=source.label,
                    versions=sum(week.versions for week in source.weeks),
                )


def _sources(report: Report) -> Iterator[SourceFacts]:
    for device in report.devices:
        yield from device.sources


def _excluded(report: Report) -> Counter[str]:
    found: Counter[str] = Counter()
    for source in _sources(report):
        if source.ledger is not None:
            found.update(source.ledger.excluded)
    return found


def _observed(report: Report) -> Counter[str]:
    found: Counter[str] = Counter()
    for device in report.devices:
        found.update(device.counts)
    return found
