# SPDX-License-Identifier: EUPL-1.2
"""The guards of one agent: what they may look at, and what becomes of what they find.

docs/spec/guards.md §3
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from lakzegel_agent.errors import LedgerDamagedError, UsageError
from lakzegel_agent.guards import guards, of_ids
from lakzegel_agent.guards.base import (
    CONTESTED,
    MACOS,
    WINDOWS,
    Counted,
    Guard,
    Place,
    State,
    Surroundings,
    Watched,
)
from lakzegel_agent.guards.checking import (
    OFF,
    REPORT,
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
from lakzegel_agent.guards.remembered import (
    NAME,
    GuardNotes,
    Looked,
    pack,
    recall,
    recall_places,
)
from lakzegel_agent.guardtimes import SHOWN, WHEN, Outcome, Where
from lakzegel_agent.ledger import DEVICE, Ledger
from lakzegel_agent.ledgerfiles import Work
from lakzegel_agent.policies import InForce, reader_kind
from lakzegel_agent.problems import Found as Told
from lakzegel_agent.sources import locate
from lakzegel_core.encoding import format_time
from lakzegel_core.policy import Policy


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
    chosen = _chosen(ledger, in_force.policy, before)
    for id_, guard in chosen.items():
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
    return Outcome(bool(work.observed), dict(_problems(in_force, found, chosen)))


def _chosen(ledger: Ledger, policy: Policy, before: Mapping[str, Looked]) -> Mapping[str, Guard]:
    """Return the guards that have something to do; the others are not even imported.

    Those that the policy has on, and those that were on: what they left is undone or forgotten.
    """
    if policy.guards.get("default", REPORT) != OFF:
        return guards()
    were_on = {id_ for id_, look in before.items() if look.mode != OFF or look.subjects}
    changed = {kept.guard for kept in recall_places(ledger)}
    return of_ids(policy.guards.keys() - {"default"} | were_on | changed)


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
    in_force: InForce, found: Sequence[Found], chosen: Iterable[str]
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
    names = unsupported(in_force.policy, chosen)
    yield "guard-unsupported", {name: Told(name) for name in names}


def _told(found: Found, state: State) -> Told:
    subjects = [one for one in found.readings if one.state is state]
    reasons = ", ".join(sorted({one.reason for one in subjects if one.reason}))
    count = max(sum(one.count for one in subjects), 1)
    text = f"{found.guard.declaration.id}: {count}" + (f" ({reasons})" if reasons else "")
    return Told(text, count, [one.subject for one in subjects if one.subject])
