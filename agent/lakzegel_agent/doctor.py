# SPDX-License-Identifier: EUPL-1.2
"""Looks at everything that an agent needs, one by one, and changes nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from lakzegel_agent import policies
from lakzegel_agent.devicekeys import Introduction, KeyStore
from lakzegel_agent.errors import AgentError
from lakzegel_agent.health import free_bytes
from lakzegel_agent.home import Home
from lakzegel_agent.ledger import Ledger
from lakzegel_agent.liaison import introduction_in_force
from lakzegel_agent.policies import InForce, Reader, is_expired
from lakzegel_agent.settings import Config
from lakzegel_agent.ship import MAX_SKEW
from lakzegel_agent.station import wall_clock
from lakzegel_agent.transport import HttpReceiver
from lakzegel_agent.trust import open_tree
from lakzegel_core.encoding import format_time
from lakzegel_core.errors import LakzegelError

ROOM: Final = 256 * 2**20  # bytes free below which a spool soon has no room


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    well: bool
    detail: str


def examine(config: Config) -> list[Finding]:
    """What was found, in the order in which an agent needs it."""
    home, keys = Home(config.home), KeyStore(Home(config.home).keys)
    findings = [Finding("config", well=True, detail=str(config.path)), _home(home)]
    findings.append(_found("receiver", lambda: _receiver(config)))
    if home.root.is_dir():
        findings.append(_room(home))
    if not (home.ledger.exists() and keys.has_ledger_key()):
        detail = "not enrolled; run: lakzegel-agent enrol --config FILE --token-file F"
        return [*findings, Finding("keys", well=False, detail=detail)]
    try:
        with Ledger.open(home.ledger, keys.ledger_key(random=os.urandom)) as ledger:
            findings.append(Finding("ledger", well=True, detail="opens"))
            findings.extend(_state(ledger, keys))
    except AgentError as error:
        findings.append(Finding("ledger", well=False, detail=str(error)))
    return findings


def _found(what: str, look: Callable[[], Finding]) -> Finding:
    try:
        return look()
    except (AgentError, LakzegelError) as error:
        return Finding(what, well=False, detail=str(error))


def _home(home: Home) -> Finding:
    if not home.root.is_dir():
        return Finding("home", well=False, detail=f"{home.root}: is not there yet; run enrol")
    others = home.open_to_others()
    if others:
        names = ", ".join(str(path) for path in others[:3])
        return Finding("home", well=False, detail=f"open to others: {names}; run: chmod go= on it")
    return Finding("home", well=True, detail=f"{home.root}, closed to others")


def _receiver(config: Config) -> Finding:
    receiver = HttpReceiver(config.server, ca_file=config.ca_file)
    try:
        signed = open_tree(receiver.checkpoint(), log=config.pins.log, seen=None)
    finally:
        receiver.close()
    ahead = signed.signed_at - wall_clock().timestamp()
    detail = f"{config.server}, log {config.pins.origin} of {signed.checkpoint.size} entries"
    # the newest entry may be old, so that only a time in this device's future tells something
    if ahead > MAX_SKEW:
        return Finding(
            "receiver", well=False, detail=f"{detail}; this clock is {ahead:.0f} s behind: set it"
        )
    return Finding("receiver", well=True, detail=detail)


def _room(home: Home) -> Finding:
    free = free_bytes(str(home.root))
    detail = f"{free // 2**20} MiB free"
    return Finding("room", well=free >= ROOM, detail=detail)


def _state(ledger: Ledger, keys: KeyStore) -> Iterator[Finding]:
    try:
        current = introduction_in_force(ledger, keys)
    except AgentError as error:
        yield Finding("keys", well=False, detail=str(error))
        return
    if current is None:
        yield Finding("keys", well=False, detail="not enrolled; run enrol")
        return
    made = current.enrolment
    yield Finding("keys", well=True, detail=f"device {made.device}, epoch {made.epoch}")
    yield _found("policy", lambda: _policy(ledger, keys, current))


def _policy(ledger: Ledger, keys: KeyStore, current: Introduction) -> Finding:
    made = current.enrolment
    reader = Reader(made.device, made.group, keys.annex_identities())
    found: InForce | None = policies.recall(ledger, reader)
    if found is None:
        detail = "none in force; the records office has to sign one for this device"
        return Finding("policy", well=False, detail=detail)
    detail = f"serial {found.policy.serial}, expires {format_time(found.policy.expires)}"
    if is_expired(found, wall_clock()):
        return Finding(
            "policy", well=False, detail=f"{detail}: expired, capture goes on; ask for a new one"
        )
    return Finding("policy", well=True, detail=detail)
