# SPDX-License-Identifier: EUPL-1.2
"""What becomes of a cause from one look to the next (docs/spec/alerts.md §2); pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

DAY: Final = 86_400  # seconds that a cause which recovered is remembered
MOST_DOUBLINGS: Final = 4  # of the time that one which comes back must be gone


class Kind(StrEnum):
    """What an alert says."""

    RAISED = "raised"
    RECOVERED = "recovered"


@dataclass(frozen=True, slots=True)
class Standing:
    """One cause that holds, or held a moment ago; times are POSIX seconds."""

    cause: str
    since: int
    count: int  # how many devices or parts it is of
    told: bool = False
    gone: int | None = None  # since when it does not hold
    until: int = 0  # it holds at least so long: for what happens in a moment
    raised: int = 0  # how often it was, each time within a day of when it had recovered


@dataclass(frozen=True, slots=True)
class Alert:
    """What is told of one cause, however many devices have it."""

    kind: Kind
    cause: str
    count: int
    since: int
    at: int

    @property
    def id(self) -> str:
        """The same for one alert however often it is sent, so that whoever gets it can tell."""
        text = f"{self.kind}\n{self.cause}\n{self.since}\n"
        return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Damping:
    """How long a cause must hold, and be gone, before either is told."""

    settle: int
    recover: int

    def hold(self, standing: Standing) -> int:
        """How long this cause must be gone: the longer, the oftener it came back."""
        again = 0 if standing.until else min(max(standing.raised - 1, 0), MOST_DOUBLINGS)
        return self.recover << again


def step(
    before: Mapping[str, Standing], found: Mapping[str, int], damping: Damping, *, now: int
) -> tuple[dict[str, Standing], list[Alert]]:
    """How every cause stands now, and what there is to tell.

    1. A cause that holds for ``settle`` is raised, once; what is away for less than that meanwhile
       was never away.
    2. One that was raised and is gone for ``recover`` has recovered, once; what comes back before
       that was never gone.
    3. One that is raised again within a day must be gone for twice as long, and so on.
    """
    after: dict[str, Standing] = {}
    alerts = []
    for cause in sorted({*before, *found}):
        known = before.get(cause)
        count = found.get(cause, known.count if known and now < known.until else 0)
        standing, alert = _one(cause, known, count, damping, now)
        if standing is not None:
            after[cause] = standing
        if alert is not None:
            alerts.append(alert)
    return after, alerts


def _one(
    cause: str, known: Standing | None, count: int, damping: Damping, now: int
) -> tuple[Standing | None, Alert | None]:
    if not count:
        return _gone(known, damping, now)
    known = known or Standing(cause, now, count)
    away = 0 if known.gone is None or known.told else now - known.gone
    since = known.since if away < damping.settle else now
    if not known.told:  # a clock that was ahead, and is right now, puts nothing off
        since = min(since, now)
    standing = replace(known, since=since, count=count, gone=None)
    due = now - standing.since >= damping.settle or standing.until
    if standing.told or not due:
        return standing, None
    told = replace(standing, told=True, raised=standing.raised + 1)
    return told, Alert(Kind.RAISED, cause, count, standing.since, now)


def _gone(
    known: Standing | None, damping: Damping, now: int
) -> tuple[Standing | None, Alert | None]:
    if known is None:
        return None, None
    gone = now if known.gone is None else min(known.gone, now)
    if not known.told:
        kept = now - gone < (DAY if known.raised else damping.settle)
        return replace(known, gone=gone, until=0) if kept else None, None
    if now - gone < damping.hold(known):
        return replace(known, gone=gone), None
    resting = Standing(known.cause, now, known.count, gone=now, raised=known.raised)
    return resting, Alert(Kind.RECOVERED, known.cause, known.count, known.since, now)
