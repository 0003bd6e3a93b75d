# SPDX-License-Identifier: EUPL-1.2
"""What the guards find now, for whoever asks: they look once, and write nothing."""

from __future__ import annotations

import os
from typing import Any

from lakzegel_agent import policies
from lakzegel_agent.devicekeys import KeyStore
from lakzegel_agent.errors import UsageError
from lakzegel_agent.guarding import counted, surroundings_of
from lakzegel_agent.guards import guards
from lakzegel_agent.guards.base import Guard, Surroundings
from lakzegel_agent.guards.checking import OFF, compare, look, mode_of, shown
from lakzegel_agent.guards.enforcing import Enforcer
from lakzegel_agent.guards.remembered import GuardNotes
from lakzegel_agent.guardtimes import Where, where_of
from lakzegel_agent.home import Home
from lakzegel_agent.ledger import Ledger
from lakzegel_agent.liaison import introduction_in_force
from lakzegel_agent.policies import InForce, Reader
from lakzegel_agent.settingsconfig import Config
from lakzegel_agent.standing import not_enrolled
from lakzegel_agent.station import wall_clock
from lakzegel_core.encoding import format_time


def look_now(config: Config, *, dry_run: bool) -> list[dict[str, Any]]:
    """Return a row a guard; with ``dry_run`` what setting it right would do.

    Raises:
        UsageError: this device is not enrolled, or no policy is in force.
    """
    home, keys = Home(config.home), KeyStore(Home(config.home).keys)
    if not (home.ledger.exists() and keys.has_ledger_key()):
        raise not_enrolled(config)
    with Ledger.open(home.ledger, keys.ledger_key(random=os.urandom)) as ledger:
        in_force = _in_force(config, ledger, keys)
        where = where_of(config)
        enforcer = Enforcer(ledger, in_force.id.hex())
        return [
            _row(guard, mode_of(in_force.policy, guard), in_force, where, ledger, enforcer, dry_run)
            for guard in guards().values()
        ]


def _in_force(config: Config, ledger: Ledger, keys: KeyStore) -> InForce:
    current = introduction_in_force(ledger, keys)
    if current is None:
        raise not_enrolled(config)
    made = current.enrolment
    found = policies.recall(ledger, Reader(made.device, made.group, keys.annex_identities()))
    if found is None:
        raise UsageError("no policy is in force, so no guard has a mode; run doctor")
    return found


def _row(
    guard: Guard,
    mode: str,
    in_force: InForce,
    where: Where,
    ledger: Ledger,
    enforcer: Enforcer,
    dry_run: bool,  # noqa: FBT001  # as the user said it
) -> dict[str, Any]:
    now = wall_clock()
    notes = GuardNotes(ledger, guard.declaration.id)
    surroundings = surroundings_of(in_force, where, now, notes, counted(ledger))
    found = look(guard, surroundings, mode)
    looked, _ = compare(found, None, format_time(now))
    row = shown(looked, guard, mode)
    if dry_run and mode != OFF and guard.declaration.enforces:
        row.update(_planned(guard, surroundings, enforcer, found.readings))
    return row


def _planned(
    guard: Guard, surroundings: Surroundings, enforcer: Enforcer, readings: tuple[Any, ...]
) -> dict[str, Any]:
    changes, why = enforcer.planned(guard, surroundings, readings)
    return {"would": [change.says for change in changes], "cannot": why}
