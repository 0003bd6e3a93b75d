# SPDX-License-Identifier: EUPL-1.2
"""Which hours of a device are not covered, by what it sealed (docs/spec/sources.md §7).

    attested   |--------------||--------------------|              | checkpoint
    off              |----|                                        |
    so:              asleep                          |- unattested -|  where longer than 30 hours

What a device says is believed as its statement, never as more: a gap that it names is one, and
what it does not attest is not covered. Without keys only the times of batches tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final

from lakzegel_core.encoding import format_time, parse_time
from lakzegel_core.errors import FormatError

PATIENCE: Final = timedelta(hours=30)  # a day, four hours between passes, and what they take
LEAST: Final = timedelta(seconds=60)  # between two attestations that meet
WHYS: Final = frozenset({"stopped", "killed", "off", "asleep", "stalled"})
UNATTESTED: Final = "unattested"
NO_BATCH: Final = "no batch"
_HOUR: Final = 3600

Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True, order=True)
class Uncovered:
    """A stretch that is not covered; ``seconds`` as the device measured them, else their length."""

    start: datetime
    end: datetime
    why: str
    seconds: int

    def __str__(self) -> str:
        """Return the line for people."""
        hours = self.seconds / _HOUR
        span = f"{format_time(self.start)} to {format_time(self.end)}"
        return f"not covered {span}, {hours:.1f} h: {self.why}"

    def to_json(self) -> dict[str, Any]:
        """Return the same for a program."""
        return {
            "from": format_time(self.start),
            "to": format_time(self.end),
            "why": self.why,
            "seconds": self.seconds,
        }


@dataclass(frozen=True, slots=True)
class Coverage:
    """What is known of one device's coverage; ``attested``: from what it stated, opened here."""

    attested: bool
    gaps: tuple[Uncovered, ...]
    sources: tuple[tuple[str, str], ...] = ()  # label and why, of the newest readiness
    apps: tuple[str, ...] = ()

    @property
    def hours(self) -> float:
        """Hours that are not covered, each counted once."""
        spans = union((gap.start, gap.end) for gap in self.gaps)
        return round(sum((end - start).total_seconds() for start, end in spans) / _HOUR, 1)

    def lines(self) -> Iterator[str]:
        """Yield what people are told."""
        yield from (str(gap) for gap in self.gaps)
        yield from (f"source {label} not covered: {why}" for label, why in self.sources)
        yield from (f"app {app} has no source" for app in self.apps)
        how = "by its attestations" if self.attested else "by its batches alone; --open tells more"
        yield f"{self.hours} h not covered, {how}"

    def to_json(self) -> dict[str, Any]:
        """Return the same for a program."""
        return {
            "by": "attestations" if self.attested else "batches",
            "hours_not_covered": self.hours,
            "not_covered": [gap.to_json() for gap in self.gaps],
            "sources_not_covered": [{"source": label, "why": why} for label, why in self.sources],
            "apps_without_source": list(self.apps),
        }


def by_batches(closed: Iterable[datetime], until: datetime | None) -> Coverage:
    """Return where no batch was closed for longer than a day with patience allows.

    ``closed`` in the order of the chain; ``until`` is the newest checkpoint's time, None for a
    device whose custody has ended.
    """
    times = [*closed, *([] if until is None else [until])]
    gaps = (_gap(a, b, NO_BATCH) for a, b in pairwise(times) if b - a > PATIENCE)
    return Coverage(attested=False, gaps=tuple(gaps))


def by_statements(
    said: Sequence[Mapping[str, Any]], closed: Sequence[datetime], until: datetime | None
) -> Coverage:
    """Return what a device's observations, in the order of the chain, leave uncovered.

    What is not well formed states nothing.
    """
    attested: list[Span] = []
    stated: set[Uncovered] = set()
    ready: Mapping[str, Any] = {}
    for value in said:
        if value.get("type") == "attestation":
            span = _span(value.get("since"), value.get("until"))
            attested += [span] if span is not None else []
        if value.get("type") in {"attestation", "start"}:
            stated.update(_stated(value.get("off")))
        elif value.get("type") == "readiness":
            ready = value
    gaps = [*stated, *_unattested(attested, stated, closed, until)]
    return Coverage(True, tuple(sorted(gaps)), tuple(_sources(ready)), tuple(_apps(ready)))


def bounded(value: Mapping[str, Any], latest: datetime) -> Mapping[str, Any]:
    """Return an observation that attests nothing beyond a moment."""
    span = _span(value.get("since"), value.get("until"))
    if value.get("type") != "attestation" or span is None or span[1] <= latest:
        return value
    return {**value, "until": format_time(latest)}


def union(spans: Iterable[Span]) -> list[Span]:
    """Return these stretches, joined where they meet; what ends before it begins is none."""
    joined: list[Span] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def _unattested(
    attested: Sequence[Span],
    stated: Iterable[Uncovered],
    closed: Sequence[datetime],
    until: datetime | None,
) -> Iterator[Uncovered]:
    """Yield what is neither attested nor named as a gap, from the first time known to the last."""
    begins = [start for start, _ in attested] or list(closed)
    if not begins:
        return
    end = max([stop for _, stop in attested] or list(closed)) if until is None else until
    reached = min(begins)
    known = union([*attested, *((gap.start, gap.end) for gap in stated)])
    for start, stop in known:
        if start - reached >= LEAST and start <= end:
            yield _gap(reached, start, UNATTESTED)
        reached = max(reached, stop)
    if end - reached > PATIENCE:
        yield _gap(reached, end, UNATTESTED)


def _gap(start: datetime, end: datetime, why: str) -> Uncovered:
    return Uncovered(start, end, why, int((end - start).total_seconds()))


def _stated(rows: object) -> Iterator[Uncovered]:
    for row in rows if isinstance(rows, list) else ():
        if not isinstance(row, dict) or row.get("why") not in WHYS:
            continue
        span, seconds = _span(row.get("from"), row.get("to")), row.get("seconds")
        if span is not None:
            length = max(0, int((span[1] - span[0]).total_seconds()))
            measured = seconds if type(seconds) is int and seconds >= 0 else length
            yield Uncovered(*span, row["why"], measured)


def _span(start: object, end: object) -> Span | None:
    if not isinstance(start, str) or not isinstance(end, str):
        return None
    try:
        return parse_time(start, what="from"), parse_time(end, what="to")
    except FormatError:
        return None


def _sources(ready: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    rows = ready.get("sources")
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, dict) and row.get("covered") is not True:
            yield _plain(row.get("source")), _plain(row.get("why"))


def _apps(ready: Mapping[str, Any]) -> Iterator[str]:
    apps = ready.get("apps")
    yield from (_plain(app) for app in (apps if isinstance(apps, list) else ()))


def _plain(text: object) -> str:
    """Return a text that fits a line: what a device says is printed as nothing else."""
    return "".join(c if c.isprintable() else "?" for c in str(text))[:255]
