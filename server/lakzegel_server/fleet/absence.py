# SPDX-License-Identifier: EUPL-1.2
"""When a device may be away: its policy plans that all of its sources are silent.

One source that is silent says nothing of the device, which seals at least once a day whatever it
finds; all of them at once are a person on leave. Pure. docs/spec/heartbeat.md §5
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from lakzegel_core.policy import Policy

Span = tuple[datetime, datetime]  # from, and until just before


def planned(policy: Policy) -> tuple[Span, ...]:
    """The spans of a policy in which all of its sources are absent, in order, none adjoining."""
    found: list[Span] = [(policy.not_before, policy.expires)] if policy.sources else []
    for source in policy.sources:
        own = [(one.begin, one.until) for one in policy.absences if one.source == source.name]
        found = _both(found, _joined(own))
    return tuple(found)


def absent_until(spans: Iterable[Span], now: datetime) -> datetime | None:
    """When the planned absence that it is in ends; None when it is in none."""
    return next((until for begin, until in spans if begin <= now < until), None)


def owed(spans: Sequence[Span], since: datetime, until: datetime) -> timedelta:
    """How long the time between is, without what of it was a planned absence."""
    if not spans:
        return until - since
    off = (min(until, end) - max(since, begin) for begin, end in spans)
    return until - since - sum((one for one in off if one > timedelta(0)), timedelta(0))


def _joined(spans: Iterable[Span]) -> list[Span]:
    found: list[Span] = []
    for begin, until in sorted(spans):
        if found and begin <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], until)
        else:
            found.append((begin, until))
    return found


def _both(one: Sequence[Span], other: Sequence[Span]) -> list[Span]:
    """What is in both."""
    pairs = [(max(a[0], b[0]), min(a[1], b[1])) for a in one for b in other]
    return sorted(pair for pair in pairs if pair[0] < pair[1])
