# SPDX-License-Identifier: EUPL-1.2
"""How the receiver itself fares: its log, who vouches for it, its disk."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from lakzegel_core.checkpoint import open_checkpoint
from lakzegel_core.limits import MAX_CHECKPOINT
from lakzegel_core.note import parse
from lakzegel_server.alerting.observed import is_office_away
from lakzegel_server.cosigners import cosigners
from lakzegel_server.desk import Desk
from lakzegel_server.pages.conditions import Tone
from lakzegel_server.pages.language import text
from lakzegel_server.receivers import OFF_SECONDS, STOPPED, Receiver
from lakzegel_server.standing import Phase
from lakzegel_server.vitals.certificate import State

LOW, LEAST = 15, 5  # hundredths of the disk that are free
PHASES: Final = {
    Phase.SEALING: (Tone.GOOD, text("Takes batches and seals them.")),
    Phase.ASKING: (Tone.WARN, text("Read-only: it asks those who saw the log how far it went.")),
    Phase.CATCHING_UP: (
        Tone.WARN,
        text("Read-only: it rebuilds the log from the records office's mirror."),
    ),
    Phase.SHORT: (
        Tone.BAD,
        text("Read-only: somebody saw more of the log than can be rebuilt. An administrator acts."),
    ),
    Phase.FORKED: (
        Tone.BAD,
        text("Read-only for ever: two logs were shown. Tell the records office at once."),
    ),
}


@dataclass(frozen=True, slots=True)
class Voucher:
    """Somebody who vouches for the log: up to which size, when last, since when not."""

    name: str
    size: int
    at: datetime | None
    failing: datetime | None
    reason: str


@dataclass(frozen=True, slots=True)
class Peer:
    """One of the receivers that share the index, by what it said last."""

    name: str
    is_this: bool
    tone: Tone
    says: str
    seen: datetime
    ahead: float  # seconds that its clock is ahead of the database's
    version: str
    leases: tuple[str, ...]  # what it does for all

    @property
    def clock_tone(self) -> Tone:
        """Whether its clock is right."""
        return Tone.BAD if abs(self.ahead) > OFF_SECONDS else Tone.GOOD


@dataclass(frozen=True, slots=True)
class ReceiverState:
    """Everything that the page shows."""

    origin: str
    size: int
    signed: datetime | None
    held: int
    phase: Phase
    cosigned: tuple[str, ...]  # names of those whose lines the newest checkpoint has
    witnesses: tuple[Voucher, ...]
    authorities: tuple[Voucher, ...]
    free: int  # bytes
    disk: int
    failing: tuple[tuple[str, str], ...]  # chores and the kind of their newest failure
    certificate: State | None = None  # of this receiver; None: plain HTTP
    certificate_tone: Tone = Tone.CALM
    visited: datetime | None = None  # by the records office, which fetched something
    office_tone: Tone = Tone.CALM
    peers: tuple[Peer, ...] = ()  # the receivers of this index, where that is no file

    @property
    def percent_free(self) -> int:
        """Of the disk."""
        return self.free * 100 // self.disk if self.disk else 0

    @property
    def disk_tone(self) -> Tone:
        """Whether there is room."""
        free = self.percent_free
        return Tone.BAD if free < LEAST else Tone.WARN if free < LOW else Tone.GOOD


def state_of(desk: Desk) -> ReceiverState:
    """How this receiver fares, also while it catches up and shows nothing new."""
    with desk.log.looking() as custody:
        shown = desk.log.shown
        known = {name for name, _ in cosigners(custody)}
        size, data = shown.checkpoint.size, shown.data
    signed = open_checkpoint(data, desk.log.keys).signed_at if data else None
    lines = parse(data, max_size=MAX_CHECKPOINT).signatures if data else ()
    disk = os.statvfs(desk.layout.data)
    certificate, now = desk.certificate.state(), desk.fleet.now()
    visit = desk.visits.last
    return ReceiverState(
        origin=desk.log.origin,
        size=size,
        signed=_moment(signed),
        held=desk.register.held_size(),
        phase=desk.log.standing.phase,
        cosigned=tuple(sorted(known & {line.name for line in lines})),
        witnesses=_witnesses(desk),
        authorities=_authorities(desk),
        free=disk.f_bavail * disk.f_frsize,
        disk=disk.f_blocks * disk.f_frsize,
        failing=tuple((one.name, one.failed) for one in _chores(desk) if one.failed),
        certificate=certificate,
        certificate_tone=_tone_of(certificate, desk.settings.watch.certificate, now),
        visited=_moment(visit.at) if visit.came else None,
        office_tone=Tone.WARN if is_office_away(desk, now) else Tone.GOOD,
        peers=_peers(desk, now),
    )


def _peers(desk: Desk, now: datetime) -> tuple[Peer, ...]:
    """All that share the index; none where it is a file."""
    found = () if desk.receivers is None else desk.receivers.all()
    return tuple(
        Peer(
            one.name,
            desk.receivers is not None and one.name == desk.receivers.name,
            *_says(one),
            now - timedelta(seconds=int(one.quiet)),
            one.ahead / 1000,
            one.version,
            one.leases,
        )
        for one in found
    )


def _says(one: Receiver) -> tuple[Tone, str]:
    if one.standing == STOPPED:
        return Tone.CALM, text("Stopped by itself.")
    if one.is_missing:
        return Tone.BAD, text("Says nothing any more.")
    return PHASES[Phase(one.standing)]


def _tone_of(certificate: State | None, ending: timedelta, now: datetime) -> Tone:
    if certificate is None:
        return Tone.CALM
    if now >= certificate.ends:
        return Tone.BAD
    soon = certificate.ends - now < ending
    return Tone.WARN if soon or certificate.unread else Tone.GOOD


def _witnesses(desk: Desk) -> tuple[Voucher, ...]:
    found: Any = getattr(desk, "witnesses", None)
    states: Iterable[Any] = found.states() if found is not None else ()
    return tuple(
        Voucher(
            one.name,
            one.cosigned,
            _moment(one.last_success),
            _moment(one.failing_since),
            one.failure or "",
        )
        for one in states
    )


def _authorities(desk: Desk) -> tuple[Voucher, ...]:
    found: Any = getattr(desk, "timestamps", None)
    states: Iterable[Any] = found.states() if found is not None else ()
    return tuple(
        Voucher(one.name, one.size, _moment(one.at), _moment(one.failing), one.reason or "")
        for one in states
    )


def _chores(desk: Desk) -> Iterable[Any]:
    try:
        return list(iter(desk.chores))
    except (TypeError, KeyError):
        return []


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(int(seconds), UTC)
