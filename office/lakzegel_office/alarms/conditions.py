# SPDX-License-Identifier: EUPL-1.2
"""What is wrong now, by cause and by what it is about: a device's pseudonym, or nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Final

from lakzegel_core.enrolment import Reason
from lakzegel_core.errors import LakzegelError
from lakzegel_core.followed import followed
from lakzegel_core.limits import MAX_CHECKPOINT
from lakzegel_core.quorum import require_quorum
from lakzegel_office.alarms.settings import Limits
from lakzegel_office.checkpoints import office_cosigners, strict
from lakzegel_office.config import Config
from lakzegel_office.doubts import Doubt
from lakzegel_office.errors import DoubtError
from lakzegel_office.mirror import Mirror, read_limited
from lakzegel_office.replay import POLICY_CODE, SEEN_CODE, Replay, quorums_of
from lakzegel_office.timestamps import names_in

FORKS: Final = frozenset({SEEN_CODE, "fork", "root-mismatch", "consistency"})
KEYRINGS: Final = frozenset({"decrypt", "keyring", "not-destroyed", "destroyed"})
CHAINS: Final = frozenset({"chain", "epoch"})
PULL: Final = "pull-failing"
MISSING: Final = frozenset({"missing", "not-as-sealed", "digest-mismatch", "unreadable"})
SOME: Final = 256  # batches, of those without a token of time the oldest, that are looked at


@dataclass(frozen=True, slots=True, order=True)
class Condition:
    """One thing that is wrong."""

    cause: str
    about: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """What is known at one moment."""

    now: datetime
    doubts: tuple[Doubt, ...]
    heard: datetime | None  # when the receiver last answered
    free: int  # bytes of the mirror's disk
    overdue: Mapping[str, str]  # device: since when a read-out is


def conditions(
    look: Look, replay: Replay | None, mirror: Mirror, config: Config, limits: Limits
) -> set[Condition]:
    """Return everything that is wrong."""
    found = {_of_doubt(doubt) for doubt in look.doubts}
    found |= {Condition("readout-late", device) for device in look.overdue}
    if limits.disk and look.free < limits.disk:
        found.add(Condition("disk"))
    late = look.heard is None or look.now - look.heard > limits.unreachable
    if limits.unreachable and late:
        found.add(Condition("unreachable"))
    if replay is not None and replay.size:
        found |= set(_of_devices(replay, look.now, limits))
        found |= set(_of_annexes(replay))
        found |= set(_of_findings(replay))
        found |= set(_of_others(replay, mirror, config))
        found |= set(_of_time(mirror, replay, look.now, limits))
    return found


def _of_doubt(doubt: Doubt) -> Condition:
    device = (doubt.batch or "").partition("/")[0]
    return Condition(_cause(doubt.code), device)


def _cause(code: str) -> str:
    causes: Iterable[tuple[frozenset[str], str]] = (
        (FORKS, "fork"),
        (KEYRINGS, "keyring-unreadable"),
        (CHAINS, "gap"),
        (MISSING, "missing"),
        (frozenset({POLICY_CODE}), "policy-unsigned"),
        (frozenset({PULL}), PULL),
    )
    return next((cause for codes, cause in causes if code in codes), "finding")


def _of_devices(replay: Replay, now: datetime, limits: Limits) -> Iterator[Condition]:
    """Yield devices that a token took the place of, or that should have sealed something since."""
    for name, device in replay.custody.devices.items():
        if device.revoked or device.final:
            continue
        came = device.current.enrolled
        if device.current.reason is Reason.UNREADABLE and now - came < limits.anew:
            yield Condition("enrolled-anew", name)
        if not limits.silent:
            continue
        last = device.head.closed if device.head is not None else device.current.enrolled
        if now - last > limits.silent:
            yield Condition("silent", name)


def _of_annexes(replay: Replay) -> Iterator[Condition]:
    """Yield devices that were enrolled anew since their annex was sealed, for keys that are gone.

    They capture nothing before a policy with another one is signed.
    """
    policies = followed(replay.custody)
    for name, device in replay.custody.devices.items():
        entry = policies.get(name)
        if device.revoked or device.final or entry is None or name not in entry.policy.annexes:
            continue
        lost = device.current.reason is Reason.UNREADABLE
        if lost and entry.index < device.current.index:
            yield Condition("annex-unreadable", name)


def _of_findings(replay: Replay) -> Iterator[Condition]:
    """Yield what the log's findings are about: such an alarm stays, as a finding does."""
    for rows in replay.findings.values():
        for _, finding in rows:
            yield Condition(_cause(finding.code), finding.device)


def _of_others(replay: Replay, mirror: Mirror, config: Config) -> Iterator[Condition]:
    try:
        quorums = list(quorums_of(replay))
        named = [key for quorum in quorums for key in quorum.witnesses]
        known = list(dict.fromkeys((*office_cosigners(config), *named)))
        signed = strict(read_limited(mirror.checkpoint, MAX_CHECKPOINT), config.log, known)
        for quorum in quorums:
            require_quorum(signed, quorum)
    except (LakzegelError, DoubtError, OSError):
        yield Condition("witness-missing")


def _of_time(mirror: Mirror, replay: Replay, now: datetime, limits: Limits) -> Iterator[Condition]:
    """Yield that the newest token is of a tree from too long ago."""
    if not limits.timestamp:
        return
    sizes = [name.number for name in names_in(mirror) if not name.renewal]
    newest = max(sizes, default=0)
    later = islice(replay.accepted.since(newest), SOME)  # the oldest of those without a token
    oldest = min((one.header.closed for one in later), default=None)
    if oldest is not None and now - oldest.astimezone(UTC) > limits.timestamp:
        yield Condition("timestamp-missing")
