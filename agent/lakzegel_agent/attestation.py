# SPDX-License-Identifier: EUPL-1.2
"""The daily statement of coverage: what was looked at and what was not (docs/spec/sources.md §7).

At least one a day, also when nothing changed: so that absence is provable.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from lakzegel_agent.coverage import Record
from lakzegel_agent.coveragepulse import Pulse
from lakzegel_agent.ledger import DEVICE, Ledger
from lakzegel_agent.readiness import recall
from lakzegel_core.encoding import JsonValue, canonical_json, format_time

ATTEST: Final = timedelta(days=1)


def attest(ledger: Ledger, pulse: Pulse, now: datetime) -> bool:
    """Queue the attestation when one is due; whether it was.

    Raises:
        UnwritableError: it is queued the next time.
    """
    since = pulse.since()
    if since <= now < since + ATTEST:
        return False
    pulse.attest(ledger, lambda record: [(DEVICE, payload(ledger, record))])
    return True


def payload(ledger: Ledger, record: Record) -> bytes:
    """Return what states a record, with the ledger's counts of each source."""
    report = recall(ledger)
    whys = {} if report is None else {one.label: one.why for one in report.sources}
    counts: defaultdict[str, dict[str, dict[str, int]]] = defaultdict(dict)
    for label, outcome, reason, versions in ledger.outcomes():
        counts[label].setdefault(outcome, {})[reason] = versions
    labels = sorted({*counts, *whys, *record.looked})
    rows: list[JsonValue] = [
        {"source": label, **_row(counts[label], whys.get(label), record.looked.get(label))}
        for label in labels
    ]
    return canonical_json(
        {
            "type": "attestation",
            "since": format_time(record.since),
            "until": format_time(record.mark.at),
            "off": [gap.to_json() for gap in record.gaps],
            "steps": [step.to_json() for step in record.steps],
            "more": record.more,
            "sources": rows,
        }
    )


def _row(
    counts: Mapping[str, Mapping[str, int]], why: str | None, looked: tuple[int, str] | None
) -> dict[str, JsonValue]:
    totals = {name: sum(counts.get(name, {}).values()) for name in ("sealed", "excluded", "failed")}
    reasons: dict[str, JsonValue] = {
        name: {why: many for why, many in sorted(counts.get(name, {}).items()) if many}
        for name in ("excluded", "failed")
    }
    passes, last = looked or (0, None)
    return {
        "covered": why == "",  # of a source of former policies nothing is known
        "why": "not-in-policy" if why is None else why,
        "found": sum(totals.values()),
        **totals,
        "reasons": reasons,
        "passes": passes,
        "looked": last,
    }
