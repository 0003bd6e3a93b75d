# SPDX-License-Identifier: EUPL-1.2
"""One device: its condition, its problems, what was sealed when, its guards and read-outs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from lakzegel_server.desk import Desk
from lakzegel_server.errors import MissingError
from lakzegel_server.fleet.absence import absent_until
from lakzegel_server.fleet.cause import OWNERS, Cause, Severity
from lakzegel_server.fleet.causes import cause_of
from lakzegel_server.fleet.model import Condition, DeviceHealth, GuardCount, Trouble
from lakzegel_server.fleet.timeline import EpochOf
from lakzegel_server.pages import sources
from lakzegel_server.pages.conditions import Tone, code_of, said_of, since
from lakzegel_server.pages.coverage import Span, calendar, gaps
from lakzegel_server.pages.fleet import full
from lakzegel_server.pages.language import text
from lakzegel_server.pages.problems import TONES, URGENCY
from lakzegel_server.pages.rendering import timed_page

RECEIPTS: Final = 10  # that are listed
STATES: Final = {  # of a guard's subjects, the worst first
    "drifted": (text("drifted"), Tone.BAD),
    "unknown": (text("unknown"), Tone.WARN),
    "repaired": (text("set right"), Tone.GOOD),
    "compliant": (text("in order"), Tone.GOOD),
    "not-applicable": (text("does not apply"), Tone.CALM),
}
OVERDUE: Final = "readout-overdue"  # a heartbeat can lack the name (docs/spec/heartbeat.md §1)
ENDED: Final = frozenset({Condition.CLOSED, Condition.REVOKED})


@dataclass(frozen=True, slots=True)
class Guard:
    """A guard, its worst state, and how many subjects are in each."""

    name: str
    worst: str
    counts: dict[str, int]


async def device(desk: Desk, request: Request) -> Response:
    """The page of one device.

    Raises:
        MissingError: nobody admitted a device of this name.
    """
    name = str(request.path_params["name"])
    now = desk.fleet.now()
    found = await desk.workers.run(sources.device_of, desk, name, now)
    if found is None:
        raise MissingError(text("no device has this name"))
    timeline = await desk.workers.run(sources.timeline_of, desk, name, now)
    epochs = timeline.epochs if timeline else ()
    weeks = calendar(timeline.days if timeline else (), span_of(found, epochs), now)
    return timed_page(
        desk,
        request,
        "device.html",
        now,
        device=found,
        said=said_of(found),
        since=since(found),
        absent=absent_until(found.away, now),
        step=cause_of(code) if (code := code_of(found)) else None,
        troubles=troubles_of(found),
        tones=TONES,
        urgency=URGENCY,
        owners=OWNERS,
        weeks=weeks,
        gaps=[one.day for one in gaps(weeks)],
        receipts=timeline.arrivals[:RECEIPTS] if timeline else (),
        guards=guards_of(found.guards),
        states=STATES,
        epochs=epochs[::-1],
        used=full(found),
        nameless=any(one.code == OVERDUE for one in found.troubles),
    )


def troubles_of(device: DeviceHealth) -> list[tuple[Trouble, Cause]]:
    """The device's problems with their causes, the gravest and oldest first."""
    order = list(Severity)
    found = [(one, cause_of(one.code)) for one in device.troubles]
    return sorted(found, key=lambda pair: (order.index(pair[1].severity), pair[0].since))


def span_of(device: DeviceHealth, epochs: Sequence[EpochOf]) -> Span:
    """The days of which the device owes something: one batch each, from its enrolment on.

    That is of its first epoch: whoever opens a new one hides no day before it.
    """
    first = _day(epochs[0].enrolled if epochs else device.enrolled)
    ended = device.newest.at if device.newest and device.condition in ENDED else None
    return Span(first, _day(ended) or (first if device.condition in ENDED else None), device.away)


def guards_of(counts: Iterable[GuardCount]) -> list[Guard]:
    """Guards, the one that fares worst first."""
    found: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for one in counts:
        found[one.guard][one.state] = one.count
    order = list(STATES)

    def worst(states: dict[str, int]) -> str:
        return min(states, key=lambda state: order.index(state) if state in order else len(order))

    guards = [Guard(name, worst(states), states) for name, states in found.items()]
    rank = {state: place for place, state in enumerate(order)}
    return sorted(guards, key=lambda one: (rank.get(one.worst, len(order)), one.name))


def _day(moment: datetime | None) -> date | None:
    return None if moment is None else moment.astimezone(UTC).date()
