# SPDX-License-Identifier: EUPL-1.2
"""What others signed and is in force: delegation, admissions, policies, revocations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from lakzegel_core.custody import Custody
from lakzegel_core.followed import followed
from lakzegel_server.desk import Desk
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
    """What is in force, in the order in which somebody may have to act.

    Raises:
        BusyError: what was committed last could not be shown yet.
    """
    with desk.log.reading() as (custody, _):
        entry = custody.delegation
        admissions = sorted(_admissions(custody, now), key=_pressing)
        policies = sorted(_policies(custody, now), key=lambda row: (not row.devices, -row.serial))
        ended = sorted(_ended(custody), key=_newest)
    return InForce(
        entry.delegation.serial if entry else None,
        entry.delegation.threshold if entry else 0,
        admissions[:MOST],
        policies[:MOST],
        ended[:MOST],
        (_beyond(admissions), _beyond(policies), _beyond(ended)),
    )


def _beyond(rows: Sequence[object]) -> int:
    return max(0, len(rows) - MOST)


def _newest(row: EndedRow) -> tuple[int, str]:
    """The one that ended last in the log first."""
    return -1 if row.index is None else -row.index, row.device


def _pressing(row: AdmissionRow) -> tuple[bool, float]:
    """Those that can still be used first, the one that ends soonest first; then the newest."""
    over = row.tone is Tone.CALM
    return over, -row.index if over else row.expires.timestamp()


def _admissions(custody: Custody, now: datetime) -> Iterator[AdmissionRow]:
    for state in custody.admissions.values():
        found = state.admission
        if state.withdrawn is not None:
            tone, said = Tone.CALM, text("taken back")
        elif state.used >= found.count:
            tone, said = Tone.CALM, text("used up")
        elif now >= found.expires:
            tone, said = Tone.CALM, text("expired")
        else:
            tone, said = Tone.GOOD, text("can be used")
        yield AdmissionRow(
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


def _policies(custody: Custody, now: datetime) -> Iterator[PolicyRow]:
    devices = Counter(one.id for one in followed(custody).values())
    for entry in custody.policies.values():
        policy = entry.policy
        yield PolicyRow(
            policy.serial,
            policy.audience,
            policy.expires,
            entry.index,
            devices[entry.id],
            policy.expires <= now,
        )


def _ended(custody: Custody) -> Iterator[EndedRow]:
    for device in custody.devices.values():
        revocation = device.revocation
        if revocation is not None:
            yield EndedRow(
                device.name,
                device.group,
                revocation.reason,
                revocation.at,
                revocation.last,
                device.revocation_index,
            )
        elif device.final:
            head = device.head
            last = (device.epoch, head.batch) if head else None
            closed, index = (head.closed, head.index) if head else (None, None)
            yield EndedRow(device.name, device.group, None, closed, last, index)
