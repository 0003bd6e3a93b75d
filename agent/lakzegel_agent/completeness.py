# SPDX-License-Identifier: EUPL-1.2
"""What an agent says of its own completeness as it works (docs/spec/sources.md §7 to §9).

begin -> start, with the gap before it
each turn -> the attestation, when one is due
each pass -> what was looked at; a pass over everything -> balance, readiness, claims
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from typing import Final

from lakzegel_agent import attestation, claims, readiness
from lakzegel_agent.capture import PassReport, WatchedSource
from lakzegel_agent.claims import Agreed
from lakzegel_agent.coveragepulse import Pulse
from lakzegel_agent.errors import UsageError
from lakzegel_agent.exclusion import Narrowing, excluder
from lakzegel_agent.ledger import DEVICE, Ledger
from lakzegel_agent.policies import InForce, reader_kind
from lakzegel_agent.readers import reader_of
from lakzegel_agent.sources import locate
from lakzegel_agent.station import Station, wall_clock
from lakzegel_agent.status import UNBALANCED, unbalanced
from lakzegel_core.encoding import JsonValue
from lakzegel_core.policy import Source

OVERDUE: Final = "source-uncovered"


def begin(station: Station, pulse: Pulse) -> None:
    """Leave the first mark, and state the start and the gap before it.

    Raises:
        UnwritableError: it cannot be stated now; the attestation will.
    """
    gaps: list[JsonValue] = [gap.to_json() for gap in pulse.begin(station.ledger)]
    said: dict[str, JsonValue] = {"type": "start", "version": version("lakzegel")}
    station.ledger.observe(DEVICE, {**said, "off": gaps} if gaps else said)


def attest(station: Station, pulse: Pulse) -> bool:
    """Queue the attestation when one is due; whether it was."""
    return attestation.attest(station.ledger, pulse, wall_clock())


def looked(pulse: Pulse, sources: Iterable[WatchedSource], report: PassReport) -> None:
    """Note which sources a pass went through to the end, and whole."""
    if not report.stopped:
        pulse.looked(
            source.label
            for source in sources
            if source.touched is None and source.label not in report.missing
        )


def narrowing(ledger: Ledger, source: Source, label: str) -> Narrowing:
    """Return what a source is narrowed to besides its annex's folders."""
    kind = reader_kind(source)
    late = claims.recall_late(ledger, label)
    return Narrowing(kind, source.accounts, late, reader_of(kind).history)


def look_ahead(station: Station, in_force: InForce) -> None:
    """State readiness once before anything was captured, so that the first batch holds it.

    Raises:
        UnwritableError: it cannot be stated now.
    """
    if readiness.recall(station.ledger) is None:
        home = os.fsencode(station.config.user_home)
        readiness.assess(station.ledger, in_force, home=home, now=wall_clock())


def look_back(station: Station, in_force: InForce) -> bool:
    """State whether the ledger balances and what is covered, after a pass over everything.

    Whether there is news to be sealed.

    Raises:
        UnwritableError: it cannot be stated now.
    """
    problems, ledger, now = station.problems, station.ledger, wall_clock()
    wrong = unbalanced(ledger, now)
    if wrong:
        problems.add(ledger, UNBALANCED, wrong[0].detail)
    else:
        problems.clear(ledger, UNBALANCED)
    home = os.fsencode(station.config.user_home)
    report, news = readiness.assess(ledger, in_force, home=home, now=now)
    overdue = report.overdue(in_force.policy.uncovered, now)
    if overdue:
        problems.add(ledger, OVERDUE, ", ".join(overdue))
    else:
        problems.clear(ledger, OVERDUE)
    return any([news, *(_claim(station, one) for one in _agreed(in_force, home))])


def _agreed(in_force: InForce, home: bytes) -> Iterator[Agreed]:
    """Yield each source that lies somewhere, with its agreed folders."""
    by_class = (("prive", in_force.private_folders), ("partij", in_force.party_folders))
    for entry in in_force.sources:
        kind = reader_kind(entry.source)
        if not in_force.excluded_folders or kind not in claims.KINDS:
            continue
        try:
            root = locate(entry.path, home=home).root
        except UsageError:
            continue
        classes = tuple(
            (class_, excluder(folders, root, Narrowing(kind))) for class_, folders in by_class
        )
        yield Agreed(entry.label, kind, root, classes, in_force.policy.claims)


def _claim(station: Station, agreed: Agreed) -> bool:
    return claims.claim(station.ledger, agreed, wall_clock())
