# SPDX-License-Identifier: EUPL-1.2
"""How old keys are, and what is due: a new period, another key, a sample, a check of the trail.

docs/spec/office-keys.md §5.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from lakzegel_core.custody_state import DelegationEntry
from lakzegel_core.delegation import Delegation
from lakzegel_core.encoding import format_time
from lakzegel_core.followed import followed
from lakzegel_office.commands.common import Office
from lakzegel_office.config import Config
from lakzegel_office.keys.delegations import prepared
from lakzegel_office.keys.events import SAMPLE, SPLIT, TRAIL_CHECK, Events
from lakzegel_office.keys.periods import ESCROW, Period, State
from lakzegel_office.replay import Replay

NOTICE: Final = timedelta(days=30)  # a policy that expires within is due


@dataclass(frozen=True, slots=True)
class Due:
    """One thing that is done again and again: since when it stands, and until when it may."""

    what: str
    since: datetime | None
    until: datetime | None
    note: str = ""

    def is_due(self, now: datetime) -> bool:
        """Tell whether its time is over; what was never done is due."""
        return self.until is None or self.until <= now

    def to_json(self, now: datetime) -> dict[str, object]:
        """Return it for a program."""
        times = {"since": self.since, "until": self.until}
        shown = {label: format_time(at) if at else None for label, at in times.items()}
        return {"what": self.what, **shown, "due": self.is_due(now), "note": self.note}

    def line(self, now: datetime) -> str:
        """Return it for a person."""
        since = format_time(self.since)[:10] if self.since else "never"
        until = format_time(self.until)[:10] if self.until else "now"
        word = "DUE" if self.is_due(now) else "until"
        return f"{self.what}\tsince {since}\t{word} {until}\t{self.note}".rstrip()


def all_due(office: Office, replay: Replay | None) -> Iterator[Due]:
    """Yield everything that comes round, in the order of the office's setting."""
    events = Events(office.home, office.journal_key)
    for period in office.config.periods.all:
        yield from _period(office, period, events)
    yield from _keys(office, replay)
    yield from _policies(replay)
    check = events.newest(TRAIL_CHECK, independent="yes")
    at = check.at if check is not None else None
    yield _after("trail-check", at, office.config)


def _period(office: Office, period: Period, events: Events) -> Iterator[Due]:
    if period.state is State.ERASED:
        return
    if period.state is State.OPEN:
        begun = period.begun or _first_issued(office)
        yield _after("period", begun, office.config, name=f"period {period.name}")
    done = events.newest(SAMPLE, period=period.name, result="done")
    at = done.at if done is not None else None
    split = events.newest(SPLIT, period=period.name)
    where = "in the vault: split it" if split is None else f"in shares, set {split.says['set']}"
    if split is not None and office.vault.has(period.secret(ESCROW)):
        where += ", and restored in the vault: split it anew"
    yield _after("sample", at, office.config, name=f"sample {period.name}", note=f"escrow {where}")


def _first_issued(office: Office) -> datetime | None:
    made = prepared(office.home)
    return made[0][1].issued if made else None


def _keys(office: Office, replay: Replay | None) -> Iterator[Due]:
    """Yield the keys that the delegation in force names, since the first that named each."""
    made = [found for _, found in prepared(office.home)]
    entry: DelegationEntry | None = replay.custody.delegation if replay is not None else None
    if entry is None and not made:
        return
    now = entry.delegation if entry is not None else made[0]
    for role, keys in (("enrolment", now.enrolment), ("approval", now.approval)):
        for key in keys:
            since = min((one.issued for one in made if key in _of(one, role)), default=now.issued)
            holder = office.config.people.holder(key)
            note = f"of {holder.name}" if holder is not None else "of the office"
            yield _after(role, since, office.config, name=f"key {key.name}", note=note)
    for one in made:
        if one.serial > now.serial and one is made[-1]:
            yield Due(f"delegation {one.serial}", one.issued, None, "made here, not in force")


def _of(delegation: Delegation, role: str) -> Sequence[object]:
    return delegation.enrolment if role == "enrolment" else delegation.approval


def _policies(replay: Replay | None) -> Iterator[Due]:
    """Yield the policies that a device follows, by when the next one must be signed."""
    if replay is None:
        return
    found = {entry.policy.serial: entry.policy for entry in followed(replay.custody).values()}
    for serial, policy in sorted(found.items()):
        audience = ", ".join(policy.audience)
        yield Due(f"policy {serial}", policy.not_before, policy.expires - NOTICE, audience)


def _after(
    what: str, since: datetime | None, config: Config, *, name: str = "", note: str = ""
) -> Due:
    days: Mapping[str, int] = config.due
    until = since + timedelta(days=days[what]) if since is not None else None
    return Due(name or what, since, until, note)
