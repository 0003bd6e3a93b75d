# SPDX-License-Identifier: EUPL-1.2
"""Which sources are covered, which are not and why, and which apps have no source.

    {"type":"readiness","apps":["signal"],"elsewhere":["teams"],
     "sources":[{"source":"Postvak IN","covered":true,"why":""}]}

Stated on day one and whenever it changes. docs/spec/sources.md §8
"""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from lakzegel_agent.errors import UnknownReaderError, UsageError
from lakzegel_agent.ledger import DEVICE, Ledger
from lakzegel_agent.ledgerfiles import Work
from lakzegel_agent.policies import InForce, reader_kind
from lakzegel_agent.readers import reader_of
from lakzegel_agent.readinessapps import uncovered_apps
from lakzegel_agent.sources import Root, locate
from lakzegel_core.annex import EffectiveSource
from lakzegel_core.encoding import JsonValue, canonical_json, format_time, parse_time
from lakzegel_core.errors import FormatError

NAME: Final = "readiness"  # what the ledger remembers it by
Present = Mapping[str, Mapping[tuple[str, str], int]]
"""Files that are there now, by source's label, outcome and reason."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """How one source fares; ``why`` is empty for one that is covered."""

    name: str  # the policy's
    label: str
    why: str

    @property
    def covered(self) -> bool:
        """Whether it is captured, as far as it is there."""
        return not self.why


@dataclass(frozen=True, slots=True)
class Report:
    """How all sources fare, the apps without one, and since when what is uncovered is so."""

    sources: tuple[Readiness, ...]
    apps: tuple[str, ...]
    since: Mapping[str, str]  # "source <name>" or "app <name>": RFC 3339
    elsewhere: tuple[str, ...] = ()  # apps without a source that the policy says are covered

    def overdue(self, term: float, now: datetime) -> list[str]:
        """Return what has been uncovered for longer than this many seconds."""
        limit = timedelta(seconds=term)
        return [
            name
            for name, since in sorted(self.since.items())
            if now - parse_time(since, what="readiness") >= limit
        ]

    def payload(self) -> bytes:
        """Return the observation."""
        rows: list[JsonValue] = [
            {"source": one.label, "covered": one.covered, "why": one.why} for one in self.sources
        ]
        said: dict[str, JsonValue] = {"type": "readiness", "sources": rows, "apps": [*self.apps]}
        if self.elsewhere:
            said["elsewhere"] = [*self.elsewhere]
        return canonical_json(said)

    def shown(self) -> dict[str, Any]:
        """Return the section of `status`, by the policy's names."""
        return {
            "sources": [
                {
                    "name": one.name,
                    "covered": one.covered,
                    "why": one.why,
                    "since": self.since.get(f"source {one.name}"),
                }
                for one in self.sources
            ],
            "apps": [{"name": app, "since": self.since.get(f"app {app}")} for app in self.apps],
            "elsewhere": list(self.elsewhere),
        }


def assess(ledger: Ledger, in_force: InForce, *, home: bytes, now: datetime) -> tuple[Report, bool]:
    """Return how everything fares after a pass over everything; and whether news was queued.

    Raises:
        UnwritableError: it is stated the next time.
    """
    present = present_files(ledger)
    roots = {entry.label: _root(entry, home) for entry in in_force.sources}
    sources = tuple(
        Readiness(entry.source.name, entry.label, _why(roots[entry.label], present[entry.label]))
        for entry in in_force.sources
    )
    watched = [root.root for root in roots.values() if isinstance(root, Root)]
    uncovered = uncovered_apps(home, watched)
    attested = {one.app for one in in_force.policy.elsewhere if now < one.until}
    apps = tuple(app for app in uncovered if app not in attested)
    elsewhere = tuple(app for app in uncovered if app in attested)
    before = recall(ledger)
    since = dict(_since(sources, apps, {} if before is None else before.since, now))
    report = Report(sources, apps, since, elsewhere)
    news = before is None or before.payload() != report.payload()
    if report != before:
        observed = [(DEVICE, report.payload())] if news else []
        ledger.files.apply(Work(observed=observed, named=[(NAME, _pack(report))]))
    return report, news


def recall(ledger: Ledger) -> Report | None:
    """Return what was found last, or None before the first time."""
    data = ledger.recall(NAME)
    if data is None:
        return None
    try:
        value = json.loads(data)
        sources = tuple(Readiness(*row) for row in value["sources"])
        elsewhere = tuple(value.get("elsewhere", ()))  # versions before this key had none
        return Report(sources, tuple(value["apps"]), dict(value["since"]), elsewhere)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def present_files(ledger: Ledger) -> defaultdict[str, Counter[tuple[str, str]]]:
    """Return the files that are there now."""
    found: defaultdict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    for label, outcome, reason, files in ledger.present():
        found[label][(outcome, reason)] += files
    return found


def _root(entry: EffectiveSource, home: bytes) -> Root | str:
    """Return where a source lies, or why it cannot be looked at."""
    try:
        reader_of(reader_kind(entry.source))
        found = locate(entry.path, home=home)
    except UnknownReaderError:
        return "reader-unknown"
    except UsageError:
        return "path-unusable"
    if found.missing:
        return "missing"
    try:
        with os.scandir(found.root) as entries:
            next(entries, None)
    except OSError:
        return "unreadable"
    return found


def _why(root: Root | str, present: Counter[tuple[str, str]]) -> str:
    """Return why a source is not covered, "" for one that is."""
    if isinstance(root, str):
        return root
    if any(outcome == "sealed" for outcome, _ in present):
        return ""
    for wanted in ("failed", "excluded"):
        reasons = [
            (files, reason) for (outcome, reason), files in present.items() if outcome == wanted
        ]
        if reasons:
            return max(reasons)[1]
    return ""


def _since(
    sources: Sequence[Readiness], apps: Sequence[str], before: Mapping[str, str], now: datetime
) -> Iterator[tuple[str, str]]:
    """Yield what is uncovered and since when; a clock that was set back begins it anew."""
    uncovered = [f"source {one.name}" for one in sources if not one.covered]
    for name in (*uncovered, *(f"app {app}" for app in apps)):
        moment = format_time(now)
        yield name, min(_valid(before.get(name)) or moment, moment)


def _valid(text: str | None) -> str | None:
    try:
        return None if text is None else format_time(parse_time(text, what="readiness"))
    except FormatError:
        return None


def _pack(report: Report) -> bytes:
    value = {
        "sources": [[one.name, one.label, one.why] for one in report.sources],
        "apps": report.apps,
        "elsewhere": report.elsewhere,
        "since": dict(report.since),
    }
    return json.dumps(value).encode()
