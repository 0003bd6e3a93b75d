# SPDX-License-Identifier: EUPL-1.2
"""What others signed and is in force: delegation, admissions, policies, revocations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import nsmallest
from itertools import islice
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from lakzegel_core.custody import Custody
from lakzegel_core.custody_state import AdmissionState, DeviceState
from lakzegel_server.desk import Desk
from lakzegel_server.fleet.counts import CONDITION, FOLLOWS, read_census
from lakzegel_server.fleet.model import Condition
from lakzegel_server.fleet.states import names_ended
from lakzegel_server.pages.conditions import Tone
from lakzegel_server.pages.language import text
from lakzegel_server.pages.rendering import timed_page

MOST: Final = 500  # rows of a table; a log keeps each used admission for ever


@dataclass(frozen=True, slots=True)
class AdmissionRow:
    """Leave to enrol, and how much of it was used."""

    token: str
    device: str | None
    group: str | None
    used: int
    count: int
    expires: datetime
    custody: str
    index: int
    tone: Tone
    state: str


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """A policy, for whom, until when; how many devices are to follow it."""

    serial: int
    audience: tuple[str, ...]
    expires: datetime
    index: int
    devices: int
    over: bool


@dataclass(frozen=True, slots=True)
class EndedRow:
    """A device that is not to seal any more: revoked, or its custody closed."""

    device: str
    group: str | None
    reason: str | None  # of the revocation; None: its last batch closed the custody
    at: datetime | None
    last: tuple[int, int] | None  # the last epoch and batch that count; -1: none
    index: int | None


@dataclass(frozen=True, slots=True)
class InForce:
    """Everything that the page lists."""

    delegation: int | None  # its serial
    threshold: int
    admissions: list[AdmissionRow]
    policies: list[PolicyRow]
    ended: list[EndedRow]
    left_out: tuple[int, int, int] = (0, 0, 0)  # of each: rows beyond the most that are shown


async def in_force(desk: Desk, request: Request) -> Response:
    """The page of what is in force."""
    now = desk.fleet.now()
    found = await desk.workers.run(read_in_force, desk, now)
    return timed_page(desk, request, "inforce.html", now, found=found)


def read_in_force(desk: Desk, now: datetime) -> InForce:
    """What is in force, in the order in which somebody may have to act; what is shown alone.

    Raises:
        BusyError: what was committed last could not be shown yet.
    """
    desk.fleet.refresh(now)
    with desk.fleet.reading() as connection:
        census = read_census(connection, CONDITION, FOLLOWS)
        names = names_ended(connection, MOST)
    with desk.log.reading() as (custody, _):
        entry = custody.delegation
        admissions = _shown_admissions(custody, desk.fleet.roll.admissions(), now)
        policies = sorted(
            _policies(custody, census.follows, now), key=lambda row: (not row.devices, -row.serial)
        )
        ended = [_ended(custody.devices[name]) for name in names if name in custody.devices]
        beyond = len(custody.admissions) - len(admissions)
    count = sum(census.conditions.get(one, 0) for one in (Condition.REVOKED, Condition.CLOSED))
    return InForce(
        entry.delegation.serial if entry else None,
        entry.delegation.threshold if entry else 0,
        admissions,
        policies[:MOST],
        ended,
        (beyond, max(0, len(policies) - MOST), max(0, count - len(ended))),
    )


def _shown_admissions(
    custody: Custody, leave: Sequence[AdmissionState], now: datetime
) -> list[AdmissionRow]:
    """Those that can be used, then the newest of the others: no more are looked at than are shown.

    Of those that may be used yet, all are: they are the ones that a page is opened for.
    """
    usable = (one for one in leave if one.has_leave and now < one.admission.expires)
    chosen = nsmallest(MOST, usable, key=lambda one: one.admission.expires)
    here = {one.id for one in chosen}
    rest = (one for one in custody.admissions.newest() if one.id not in here)
    if len(chosen) < MOST:
        chosen += islice(rest, MOST - len(chosen))
    return [_admission(one, now) for one in chosen]


def _admission(state: AdmissionState, now: datetime) -> AdmissionRow:
    found = state.admission
    if state.withdrawn is not None:
        tone, said = Tone.CALM, text("taken back")
    elif state.used >= found.count:
        tone, said = Tone.CALM, text("used up")
    elif now >= found.expires:
        tone, said = Tone.CALM, text("expired")
    else:
        tone, said = Tone.GOOD, text("can be used")
    return AdmissionRow(
        found.token.name.rpartition("/")[2],
        found.device,
        found.group,
        state.used,
        found.count,
        found.expires,
        found.custody,
        state.index,
        tone,
        said,
    )


def _policies(custody: Custody, follows: Mapping[str, int], now: datetime) -> Iterator[PolicyRow]:
    for entry in custody.policies.values():
        policy = entry.policy
        yield PolicyRow(
            policy.serial,
            policy.audience,
            policy.expires,
            entry.index,
            follows.get(entry.id.hex(), 0),
            policy.expires <= now,
        )


def _ended(device: DeviceState) -> EndedRow:
    revocation, head = device.revocation, device.head
    if revocation is not None:
        return EndedRow(
            device.name,
            device.group,
            revocation.reason,
            revocation.at,
            revocation.last,
            device.revocation_index,
        )
    last = (device.epoch, head.batch) if head else None
    closed, index = (head.closed, head.index) if head else (None, None)
    return EndedRow(device.name, device.group, None, closed, last, index)
