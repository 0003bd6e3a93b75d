# SPDX-License-Identifier: EUPL-1.2
"""What the agent says of itself: numbers, codes and times, and no name of a file or a contact.

A working agent writes it to ``status.json``, atomically; of one that rests it is made from the
ledger. Sources are called by the names of the policy, which the receiver may read too.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from lakzegel_agent import guardtimes, policies, readiness
from lakzegel_agent.devicekeys import Introduction, KeyStore
from lakzegel_agent.ending import is_ended, read_ended
from lakzegel_agent.gate import recall_verdict
from lakzegel_agent.home import Home
from lakzegel_agent.ledger import Ledger
from lakzegel_agent.ledgerrows import Counts
from lakzegel_agent.liaison import introduction_in_force
from lakzegel_agent.platforms import system
from lakzegel_agent.policies import InForce, Reader
from lakzegel_agent.problems import NEXT, Problem, read_problems
from lakzegel_agent.settingsconfig import Config, launcher
from lakzegel_agent.spool import Spool
from lakzegel_agent.trust import Pins
from lakzegel_agent.updates import versions_of
from lakzegel_core.encoding import b64, format_time

MAX_STATUS: Final = 4 * 2**20  # bytes of status.json
NOT_ENROLLED: Final = "not-enrolled"
UNBALANCED: Final = "ledger-unbalanced"
Status = dict[str, Any]
_EMPTY: Final[Status] = {"watch": None, "process": None}  # what only one at work knows


def describe(
    *,
    pins: Pins,
    ledger: Ledger,
    spool: Spool,
    current: Introduction | None,
    in_force: InForce | None,
    problems: list[Problem],
    keystore: str,
) -> Status:
    """The state of one agent, for people and for programs."""
    counts = ledger.counts()
    return {
        "version": version("lakzegel"),
        "at": format_time(datetime.now(UTC).replace(microsecond=0)),
        "device": None if current is None else current.enrolment.device,
        "epoch": None if current is None else current.enrolment.epoch,
        "origin": pins.origin,
        "keystore": keystore,
        "ledger": _figures(counts),
        "reasons": dict(counts.reasons),
        "spool": _spool(ledger, spool, in_force),
        "shipping": recall_verdict(ledger),
        "policy": _policy(in_force),
        "sources": _sources(ledger, in_force),
        "readiness": _readiness(ledger),
        "guards": guardtimes.rows(ledger, in_force),
        "last_receipt": _receipt(ledger),
        "problems": [problem.shown() for problem in problems],
        "ended": is_ended(ledger),
    }


def at_rest(home: Home, keys: KeyStore, *, pins: Pins, now: datetime) -> Status:
    """The state of an agent that is not at work, from its ledger.

    Raises:
        LedgerDamagedError: it cannot be read.
    """
    if not (home.ledger.exists() and keys.has_ledger_key()):
        return _never(pins, now)
    key = keys.ledger_key(random=os.urandom)
    with Ledger.open(home.ledger, key) as ledger:
        current = introduction_in_force(ledger, keys)
        in_force = None
        problems = [p for p in read_problems(ledger) if p.code != UNBALANCED]
        problems += unbalanced(ledger, now)
        if current is None:
            problems += [] if _says_so(problems) else [_not_enrolled(now)]
        else:
            made = current.enrolment
            reader = Reader(made.device, made.group, keys.annex_identities())
            in_force = policies.recall(ledger, reader)
        return describe(
            pins=pins,
            ledger=ledger,
            spool=Spool(home.spool),
            current=current,
            in_force=in_force,
            problems=problems,
            keystore=keys.keystore,
        )


def current_status(config: Config) -> Status:
    """What `status` shows: of a working agent what it wrote last, else what its ledger says.

    Raises:
        LedgerDamagedError: it cannot be read.
        NewerLedgerError: a later version of this agent made it.
    """
    home = Home(config.home)
    return {**_current(config, home), "update": versions_of(config.home, launcher()).shown()}


def _current(config: Config, home: Home) -> Status:
    """What it shows, but for which version is proven here."""
    ended = read_ended(home)
    if ended is not None:
        now = datetime.now(UTC).replace(microsecond=0)
        shown: Status = {"device": ended.get("device"), "epoch": ended.get("epoch"), "problems": []}
        figures = {"ledger": ended.get("ledger") or _figures(Counts())}
        never = _never(config.pins, now)
        return {**_EMPTY, **never, **shown, **figures, "ended": ended, "at_work": False}
    if home.is_locked():
        found = read_status(home.status)
        if found is not None:
            return {**_EMPTY, **found, "at_work": True}
    now = datetime.now(UTC).replace(microsecond=0)
    found = at_rest(home, KeyStore(home.keys), pins=config.pins, now=now)
    return {**_EMPTY, **found, "at_work": home.is_locked()}


def read_status(path: Path) -> Status | None:
    """What a working agent wrote last; None when there is nothing whole."""
    try:
        with path.open("rb") as file:
            found = json.loads(file.read(MAX_STATUS))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def write_status(path: Path, status: Mapping[str, Any]) -> None:
    """Leave the old status or this one, whole; it need not outlive a power cut."""
    work = path.with_name(path.name + ".new")
    descriptor = system.open_to_write(work, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(status, file)
    system.replace(work, path)


def _figures(counts: Counts) -> dict[str, int]:
    return {
        "found": counts.found,
        "sealed": counts.sealed,
        "excluded": counts.excluded,
        "failed": counts.failed,
    }


def _spool(ledger: Ledger, spool: Spool, in_force: InForce | None) -> Status:
    waiting = ledger.waiting()
    times = [_closed(spool, row.epoch, row.batch) for row in waiting[:1]]
    return {
        "batches": len(ledger.spooled()),
        "waiting": len(waiting),
        "bytes": spool.used() if spool.folder.is_dir() else 0,
        "limit": None if in_force is None else in_force.policy.spool_limit,
        "oldest": times[0] if times else None,
    }


def _closed(spool: Spool, epoch: int, batch: int) -> str | None:
    """When a batch was closed, by its file."""
    try:
        seconds = spool.path(epoch, batch, "head").stat().st_mtime
    except OSError:
        return None
    return format_time(datetime.fromtimestamp(seconds, UTC))


def _policy(in_force: InForce | None) -> Status | None:
    if in_force is None:
        return None
    policy = in_force.policy
    return {
        "serial": policy.serial,
        "id": in_force.id.hex(),
        "expires": format_time(policy.expires),
        "release": policy.release,
        "cadence": policy.cadence,
    }


def _sources(ledger: Ledger, in_force: InForce | None) -> list[Status]:
    counts = ledger.source_counts()
    rows = []
    for entry in in_force.sources if in_force is not None else ():
        figures = _figures(counts.pop(entry.label, Counts()))
        rows.append({"name": entry.source.name, "kind": entry.source.kind, **figures})
    former = [_figures(rest) for rest in counts.values() if rest.found]
    if former:  # of policies before this one; without them the figures would not add up
        figures = {key: sum(one[key] for one in former) for key in former[0]}
        rows.append({"name": None, "kind": None, **figures})
    return rows


def _readiness(ledger: Ledger) -> Status | None:
    """Which sources are covered; None before the first pass over everything."""
    report = readiness.recall(ledger)
    return None if report is None else report.shown()


def _receipt(ledger: Ledger) -> Status | None:
    receipt = ledger.last_receipt()
    if receipt is None:
        return None
    return {
        "at": format_time(receipt.at),
        "index": receipt.index,
        "size": receipt.size,
        "batch": b64(receipt.batch_id),
    }


def unbalanced(ledger: Ledger, now: datetime) -> list[Problem]:
    """The counts that the ledger's rows contradict: shown, never smoothed over."""
    said = ", ".join(
        f"source {one.source}, {one.outcome} {one.reason}: counted {one.counted}, rows {one.rows}"
        for one in ledger.imbalances()[:5]
    )
    return [Problem(UNBALANCED, format_time(now), said, NEXT[UNBALANCED])] if said else []


def _says_so(problems: list[Problem]) -> bool:
    """Whether it is stated already, with what it waits for."""
    return any(problem.code == NOT_ENROLLED for problem in problems)


def _not_enrolled(now: datetime) -> Problem:
    return Problem(
        NOT_ENROLLED, format_time(now), "this device is not enrolled", NEXT[NOT_ENROLLED]
    )


def _never(pins: Pins, now: datetime) -> Status:
    return {
        "version": version("lakzegel"),
        "at": format_time(now),
        "device": None,
        "epoch": None,
        "origin": pins.origin,
        "keystore": None,
        "ledger": _figures(Counts()),
        "reasons": {},
        "spool": {"batches": 0, "waiting": 0, "bytes": 0, "limit": None, "oldest": None},
        "shipping": {"waits": None, "anyway": None, "since": None},
        "policy": None,
        "sources": [],
        "readiness": None,
        "guards": [],
        "last_receipt": None,
        "problems": [_not_enrolled(now).shown()],
        "ended": False,
    }
