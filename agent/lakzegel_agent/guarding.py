# SPDX-License-Identifier: EUPL-1.2
"""The guards of one agent: when they look, what they may look at, what becomes of what they find.

docs/spec/guards.md §3
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from lakzegel_agent.errors import LedgerDamagedError, UsageError
from lakzegel_agent.guards import guards
from lakzegel_agent.guards.base import CONTESTED, Guard, State, Surroundings, Watched
from lakzegel_agent.guards.checking import (
    OFF,
    Found,
    check,
    compare,
    mode_of,
    shown,
    unsupported,
)
from lakzegel_agent.guards.enforcing import Enforcer
from lakzegel_agent.guards.places import Files
from lakzegel_agent.guards.remembered import NAME, GuardNotes, Looked, pack, recall
from lakzegel_agent.ledger import DEVICE, Ledger
from lakzegel_agent.ledgerfiles import Work
from lakzegel_agent.policies import InForce, reader_kind
from lakzegel_agent.problems import Found as Told
from lakzegel_agent.problems import Problems
from lakzegel_agent.sources import locate
from lakzegel_agent.station import Station, wall_clock
from lakzegel_core.encoding import format_time, parse_time

LEAST: Final = timedelta(minutes=5)  # between two looks under one policy
SYSTEM: Final = Path("/")
CODES: Final = {
    State.DRIFTED: "guard-drifted",
    State.UNKNOWN: "guard-unknown",
}


@dataclass(frozen=True, slots=True)
class Where:
    """Which system and whose home is looked at; other ones in tests."""

    home: Path
    system: Path = SYSTEM
    platform: str = sys.platform


def guard(station: Station, in_force: InForce) -> bool:
    """Let the guards look after a pass over everything; whether there is news to be sealed.

    Raises:
        UnwritableError: it cannot be kept now; the next look finds it again.
    """
    where = Where(station.config.user_home)
    return attend(station.ledger, station.problems, in_force, where, wall_clock())


def attend(
    ledger: Ledger, problems: Problems, in_force: InForce, where: Where, now: datetime
) -> bool:
    """Let the guards look when it is time; whether there is news to be sealed.

    Raises:
        UnwritableError: it cannot be kept now; the next look finds it again.
    """
    before = _recall(ledger)
    policy = in_force.id.hex()
    if not _is_time(ledger, before, policy, now):
        return False
    enforcer = Enforcer(ledger, policy)
    looks: dict[str, Looked] = {}
    work = Work()
    found = []
    for id_, guard in guards().items():
        notes = GuardNotes(ledger, id_)
        surroundings = surroundings_of(in_force, where, now, notes)
        one = check(guard, surroundings, mode_of(in_force.policy, guard), enforcer)
        looks[id_], payloads = compare(one, before.get(id_), format_time(now))
        found.append(one)
        work.observed += [(DEVICE, payload) for payload in payloads]
        work.named += notes.named()
    work.named += [(NAME, pack(looks)), (f"{NAME}-policy", policy.encode())]
    ledger.files.apply(work)
    _state(ledger, problems, in_force, found)
    return bool(work.observed)


def surroundings_of(
    in_force: InForce, where: Where, now: datetime, notes: GuardNotes
) -> Surroundings:
    """Return what a guard may look at."""
    accounts = [name for source in in_force.policy.sources for name in source.accounts]
    return Surroundings(
        home=where.home,
        system=where.system,
        platform=where.platform,
        now=now,
        sources=tuple(_watched(in_force, where.home)),
        domains=frozenset(
            [name.rpartition("@")[2].lower() for name in accounts if "@" in name]
            + [*in_force.policy.domains]
        ),
        places={"file": Files()},
        notes=notes,
        policy=in_force.policy,
    )


def rows(ledger: Ledger, in_force: InForce | None) -> list[dict[str, Any]]:
    """Return the section of `status`: a row a guard that is not off."""
    if in_force is None:
        return []
    looks = _recall(ledger)
    modes = {id_: mode_of(in_force.policy, guard) for id_, guard in guards().items()}
    return [
        shown(looks.get(id_), guard, modes[id_])
        for id_, guard in guards().items()
        if modes[id_] != OFF
    ]


def _watched(in_force: InForce, home: Path) -> list[Watched]:
    found = []
    for entry in in_force.sources:
        with suppress(UsageError):  # an unknown kind, or a path that cannot be used
            root = locate(entry.path, home=os.fsencode(home))
            if not root.missing:
                found.append(
                    Watched(
                        entry.source.name,
                        entry.label,
                        reader_kind(entry.source),
                        Path(os.fsdecode(root.root)),
                        entry.source.apps,
                    )
                )
    return found


def _is_time(ledger: Ledger, before: Mapping[str, Looked], policy: str, now: datetime) -> bool:
    """Whether a look is due: never looked, another policy, or long enough ago."""
    if not before or (ledger.recall(f"{NAME}-policy") or b"").decode() != policy:
        return True
    latest = max(parse_time(look.at, what="guards") for look in before.values())
    return not timedelta(0) <= now - latest < LEAST


def _recall(ledger: Ledger) -> dict[str, Looked]:
    try:
        return recall(ledger)
    except LedgerDamagedError:  # of another version: everything is found anew
        return {}


def _state(ledger: Ledger, problems: Problems, in_force: InForce, found: list[Found]) -> None:
    """State which guards found what; IT reads of it guards, numbers and reasons."""
    for state, code in CODES.items():
        told = {
            one.guard.declaration.id: _told(one.guard, one, state)
            for one in found
            if one.state is state
        }
        problems.state(ledger, code, told)
    contested = {
        one.guard.declaration.id: _told(one.guard, one, State.DRIFTED)
        for one in found
        if any(reading.reason == CONTESTED for reading in one.readings)
    }
    problems.state(ledger, "guard-contested", contested)
    names = unsupported(in_force.policy, guards())
    if names:
        problems.add(ledger, "guard-unsupported", ", ".join(names))
    else:
        problems.clear(ledger, "guard-unsupported")


def _told(guard: Guard, found: Found, state: State) -> Told:
    subjects = [one for one in found.readings if one.state is state]
    reasons = ", ".join(sorted({one.reason for one in subjects if one.reason}))
    count = max(len(subjects), 1)
    text = f"{guard.declaration.id}: {count}" + (f" ({reasons})" if reasons else "")
    return Told(text, count, [one.subject for one in subjects if one.subject])
