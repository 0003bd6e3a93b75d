# SPDX-License-Identifier: EUPL-1.2
"""The guards of one agent: when they look, what they may look at, what becomes of what they find.

docs/spec/guards.md §3
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from lakzegel_agent.errors import LedgerDamagedError, UsageError
from lakzegel_agent.guards import guards
from lakzegel_agent.guards.base import (
    CONTESTED,
    MACOS,
    WINDOWS,
    Counted,
    Place,
    State,
    Surroundings,
    Watched,
)
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
from lakzegel_agent.guards.placesdefaults import Defaults
from lakzegel_agent.guards.placesregistry import Registry
from lakzegel_agent.guards.remembered import NAME, GuardNotes, Looked, pack, recall
from lakzegel_agent.home import Home
from lakzegel_agent.ledger import DEVICE, Ledger
from lakzegel_agent.ledgerfiles import Work
from lakzegel_agent.policies import InForce, reader_kind
from lakzegel_agent.problems import Found as Told
from lakzegel_agent.settingsconfig import Config
from lakzegel_agent.sources import locate
from lakzegel_agent.station import Station, wall_clock
from lakzegel_core.encoding import format_time, parse_time

LEAST: Final = timedelta(minutes=5)  # between two looks under one policy
SYSTEM: Final = Path("/")
CODES: Final = ("guard-drifted", "guard-unknown", "guard-contested", "guard-unsupported")
SHOWN: Final = "guards-shown"  # rows of `status`, as the last look left them
WHEN: Final = "guards-when"  # the last look, and under which policy


@dataclass(frozen=True, slots=True)
class Where:
    """Which system and whose home is looked at; other ones in tests."""

    home: Path
    system: Path = SYSTEM
    platform: str = sys.platform
    keys: Path | None = None  # the agent's own folder of them
    marker: str | None = None  # of the setting `mdm_marker`


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a look came to: whether there is news to be sealed, and the problems, by code."""

    news: bool
    problems: Mapping[str, Mapping[str, Told]]


def where_of(config: Config) -> Where:
    """Return where the guards of a device with these settings look."""
    return Where(config.user_home, keys=Home(config.home).keys, marker=config.marker)


def guard(station: Station, in_force: InForce, *, apart: Apart | None = None) -> bool:
    """Let the guards look when it is time; whether there is news to be sealed.

    ``apart``: another process does it, for one that stays for years and keeps no more than it must.

    Raises:
        UnwritableError: it cannot be kept now; the next look finds it again.
    """
    ledger, where, now = station.ledger, where_of(station.config), wall_clock()
    if not is_time(ledger, in_force, now):
        return False
    if apart is None:
        outcome = attend(ledger, in_force, where, now)
    else:
        outcome = apart(station, in_force, where, now)
    for code in CODES:
        station.problems.state(ledger, code, outcome.problems.get(code, {}))
    return outcome.news


def attend(ledger: Ledger, in_force: InForce, where: Where, now: datetime) -> Outcome:
    """Let every guard look, and keep what came of it, all in one transaction.

    Raises:
        UnwritableError: it cannot be kept now; the next look finds it again.
    """
    before = _recall(ledger)
    policy = in_force.id.hex()
    enforcer = Enforcer(ledger, policy)
    looks: dict[str, Looked] = {}
    work = Work()
    found, told = [], []
    counts = counted(ledger)
    for id_, guard in guards().items():
        notes = GuardNotes(ledger, id_)
        surroundings = surroundings_of(in_force, where, now, notes, counts)
        one = check(guard, surroundings, mode_of(in_force.policy, guard), enforcer)
        looks[id_], payloads = compare(one, before.get(id_), format_time(now))
        found.append(one)
        if one.mode == OFF:
            notes.only(set())  # it begins anew when it is on again
        else:
            told.append(shown(looks[id_], guard, one.mode))
        work.observed += [(DEVICE, payload) for payload in payloads]
        work.named += notes.named()
    work.named += [(NAME, pack(looks)), (SHOWN, json.dumps(told).encode())]
    work.named.append((WHEN, f"{format_time(now)} {policy}".encode()))
    ledger.files.apply(work)
    return Outcome(bool(work.observed), dict(_problems(in_force, found)))


def is_time(ledger: Ledger, in_force: InForce, now: datetime) -> bool:
    """Whether a look is due: never looked, another policy, or long enough ago."""
    at, _, policy = (ledger.recall(WHEN) or b"").decode().partition(" ")
    if not at or policy != in_force.id.hex():
        return True
    return not timedelta(0) <= now - parse_time(at, what="guards") < LEAST


def counted(ledger: Ledger) -> dict[str, Counted]:
    """Return what was met of each source, by its label."""
    counts = ledger.source_counts()
    return {label: Counted(one.found, one.sealed) for label, one in counts.items()}


def surroundings_of(
    in_force: InForce,
    where: Where,
    now: datetime,
    notes: GuardNotes,
    history: Mapping[str, Counted] | None = None,
) -> Surroundings:
    """Return what a guard may look at."""
    accounts = [name for source in in_force.policy.sources for name in source.accounts]
    located = list(_located(in_force, where.home))
    return Surroundings(
        home=where.home,
        system=where.system,
        platform=where.platform,
        now=now,
        sources=tuple(one for one, is_there in located if is_there),
        domains=frozenset(
            [name.rpartition("@")[2].lower() for name in accounts if "@" in name]
            + [*in_force.policy.domains]
        ),
        places=places_of(where),
        notes=notes,
        policy=in_force.policy,
        keys=where.keys,
        correspondents=in_force.correspondents,
        excluded=in_force.excluded_folders,
        phones=in_force.phones,
        listed=tuple(one for one, _ in located),
        history=history or {},
        marker=where.marker,
    )


def places_of(where: Where) -> dict[str, Place]:
    """Return the kinds of places that a system has."""
    places: dict[str, Place] = {"file": Files()}
    if where.platform == MACOS:
        places["defaults"] = Defaults(where.home)
    elif where.platform == WINDOWS:
        places["registry"] = Registry(where.home)
    return places


def rows(ledger: Ledger, in_force: InForce | None) -> list[dict[str, Any]]:
    """Return the section of `status`: a row a guard that is not off, as it looked last."""
    data = ledger.recall(SHOWN) if in_force is not None else None
    found = json.loads(data) if data else []
    return found if isinstance(found, list) else []


def _located(in_force: InForce, home: Path) -> Iterator[tuple[Watched, bool]]:
    """Yield each source and whether its root is there."""
    for entry in in_force.sources:
        with suppress(UsageError):  # an unknown kind, or a path that cannot be used
            root = locate(entry.path, home=os.fsencode(home))
            source, path = entry.source, Path(os.fsdecode(root.root))
            kind, apps = reader_kind(source), source.apps
            one = Watched(source.name, entry.label, kind, path, apps, source.custody, root.only)
            yield one, not root.missing


def _recall(ledger: Ledger) -> dict[str, Looked]:
    try:
        return recall(ledger)
    except LedgerDamagedError:  # of another version: everything is found anew
        return {}


def _problems(
    in_force: InForce, found: Sequence[Found]
) -> Iterator[tuple[str, Mapping[str, Told]]]:
    """Yield which guards found what; IT reads of it guards, numbers and reasons."""
    for state in (State.DRIFTED, State.UNKNOWN):
        yield (
            f"guard-{state}",
            {one.guard.declaration.id: _told(one, state) for one in found if one.state is state},
        )
    contested = [one for one in found if CONTESTED in {row.reason for row in one.readings}]
    yield (
        "guard-contested",
        {one.guard.declaration.id: _told(one, State.DRIFTED) for one in contested},
    )
    names = unsupported(in_force.policy, guards())
    yield "guard-unsupported", {name: Told(name) for name in names}


def _told(found: Found, state: State) -> Told:
    subjects = [one for one in found.readings if one.state is state]
    reasons = ", ".join(sorted({one.reason for one in subjects if one.reason}))
    count = max(sum(one.count for one in subjects), 1)
    text = f"{found.guard.declaration.id}: {count}" + (f" ({reasons})" if reasons else "")
    return Told(text, count, [one.subject for one in subjects if one.subject])


Apart = Callable[["Station", InForce, Where, datetime], Outcome]
