# SPDX-License-Identifier: EUPL-1.2
"""Looks at everything that an agent needs, one by one, and changes nothing."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from lakzegel_agent import policies
from lakzegel_agent.devicekeys import KeyStore
from lakzegel_agent.doctorsources import Access, Watches, accesses, watches
from lakzegel_agent.errors import AgentError, UnwritableError, UsageError
from lakzegel_agent.health import free_bytes
from lakzegel_agent.home import Home
from lakzegel_agent.ledger import Ledger
from lakzegel_agent.liaison import introduction_in_force
from lakzegel_agent.pac import PacError
from lakzegel_agent.policies import InForce, Reader, is_expired
from lakzegel_agent.problems import NEXT, read_problems
from lakzegel_agent.proxies import named
from lakzegel_agent.receivers import pac_of, receiver_of
from lakzegel_agent.selfenrol import token_in
from lakzegel_agent.settingsconfig import Config
from lakzegel_agent.settingsshown import without_login
from lakzegel_agent.ship import MAX_SKEW
from lakzegel_agent.station import wall_clock
from lakzegel_agent.status import NOT_ENROLLED
from lakzegel_agent.trust import open_tree
from lakzegel_core.encoding import format_time
from lakzegel_core.errors import LakzegelError

OTHERS: Final = 0o007
ROOM: Final = 256 * 2**20  # bytes free below which a spool soon has no room
_ENROL: Final = NEXT["not-enrolled"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: what, where, how it is, and what to do when it is not well."""

    what: str
    well: bool
    detail: str
    where: str = ""
    next: str = ""


def examine(config: Config) -> list[Finding]:
    """What was found, in the order in which an agent needs it."""
    home, keys = Home(config.home), KeyStore(Home(config.home).keys)
    findings = [Finding("config", well=True, detail="can be used", where=str(config.path))]
    findings.append(_home(home))
    findings.extend(_pac(config))
    findings.extend(_receiver(config))
    findings.extend(_token(config))
    if home.root.is_dir():
        findings.append(_room(home))
    if not (home.ledger.exists() and keys.has_ledger_key()):
        return [*findings, Finding("keys", well=False, detail="not enrolled", next=_ENROL)]
    try:
        with Ledger.open(home.ledger, keys.ledger_key(random=os.urandom)) as ledger:
            findings.append(Finding("ledger", well=True, detail="opens"))
            findings.extend(_skew(ledger))
            findings.extend(_state(config, ledger, keys))
    except UnwritableError as error:
        findings.append(Finding("ledger", well=False, detail=str(error), next=NEXT[error.code]))
    except UsageError as error:  # a key store that is away, or another user: nothing is lost
        findings.append(Finding("keys", well=False, detail=str(error)))
    except AgentError as error:
        findings.append(Finding("ledger", well=False, detail=str(error), next=NEXT["state-lost"]))
    return findings


def _home(home: Home) -> Finding:
    where = str(home.root)
    if not home.root.is_dir():
        return Finding("home", well=False, detail="is not there yet", where=where, next=_ENROL)
    others = home.open_to_others()
    if others:
        names = ", ".join(str(path.relative_to(home.root)) for path in others[:3])
        return Finding(
            "home",
            well=False,
            detail=f"open to others: {names}",
            where=where,
            next=f"run: chmod -R go= {where}",
        )
    if not os.access(home.root, os.W_OK | os.X_OK):
        then = "run this as the user that the agent runs as"
        return Finding("home", well=False, detail="not ours to write", where=where, next=then)
    return Finding("home", well=True, detail="closed to others", where=where)


def _pac(config: Config) -> Iterator[Finding]:
    """The PAC file, where the settings name one, asked the way to the receiver as the agent asks.

    Even where the way is settled without it: what cannot be asked is of no use to anybody.
    """
    pac = pac_of(config)
    if pac is None or config.pac is None:
        return
    where = without_login(config.pac)
    try:
        ways = pac(config.server)
    except PacError as error:
        then = (
            "check pac in the settings, and that the extra agent-pac is installed;"
            " until then the receiver is tried without a proxy"
        )
        yield Finding("pac", well=False, detail=str(error), where=where, next=then)
        return
    first = ways[0]
    if first is None:
        yield Finding("pac", well=True, detail="answers: without a proxy", where=where)
    else:
        yield Finding("pac", well=True, detail=f"answers: by {named(first)}", where=where)


def _receiver(config: Config) -> Iterator[Finding]:
    """The receiver, reached as the agent reaches it, and this clock beside the log's newest."""
    receiver = receiver_of(config)
    try:
        signed = open_tree(receiver.checkpoint(), log=config.pins.log, seen=None)
    except AgentError as error:
        then = NEXT["unreachable"]
        yield Finding("receiver", well=False, detail=str(error), where=config.server, next=then)
        return
    except LakzegelError as error:
        then = NEXT["answer-refused"]
        yield Finding("receiver", well=False, detail=str(error), where=config.server, next=then)
        return
    finally:
        receiver.close()
    detail = f"log {config.pins.origin} of {signed.checkpoint.size} entries, both signatures hold"
    yield Finding("receiver", well=True, detail=detail, where=config.server)
    # the newest entry may be old, so that only a time in this device's future tells something
    ahead = signed.signed_at - wall_clock().timestamp()
    if ahead > MAX_SKEW:
        detail = f"{ahead:.0f} s behind the log's newest signature"
        yield Finding("clock", well=False, detail=detail, next=NEXT["clock-skew"])
    else:
        yield Finding("clock", well=True, detail="not behind the log's newest signature")


def _skew(ledger: Ledger) -> Iterator[Finding]:
    """What the last receipt told of this clock, where that was not well."""
    for problem in read_problems(ledger):
        if problem.code == "clock-skew":
            detail = f"{problem.detail}, by the last receipt"
            yield Finding("clock", well=False, detail=detail, next=problem.next)


def _token(config: Config) -> Iterator[Finding]:
    """Whether the token's file, where the settings name one, is one that is closed to others."""
    path = config.token_file
    if path is None or config.token is not None:
        return
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        token_in(config)
    except FileNotFoundError:
        yield Finding("token", well=True, detail="its file is not there (any more)")
    except (OSError, UsageError) as error:
        yield Finding("token", well=False, detail=str(error), where=str(path))
    else:
        well = not mode & OTHERS
        detail = "closed to others" if well else "open to others"
        then = "" if well else f"run: chmod o= {path}"
        yield Finding("token", well=well, detail=detail, where=str(path), next=then)


def _room(home: Home) -> Finding:
    places = [folder for folder in (home.root, home.spool) if folder.is_dir()]
    free = min(free_bytes(str(folder)) for folder in places)
    found = Finding(
        "room", well=free >= ROOM, detail=f"{free // 2**20} MiB free", where=str(home.root)
    )
    return found if found.well else replace(found, next=NEXT["no-room"])


def _state(config: Config, ledger: Ledger, keys: KeyStore) -> Iterator[Finding]:
    try:
        current = introduction_in_force(ledger, keys)
    except AgentError as error:
        yield Finding("keys", well=False, detail=str(error), next=NEXT["state-lost"])
        return
    if current is None:
        told = [one.detail for one in read_problems(ledger) if one.code == NOT_ENROLLED]
        detail = told[0] if told else "not enrolled"
        yield Finding("keys", well=False, detail=detail, next=_ENROL)
        return
    made = current.enrolment
    kept = keys.keystore
    detail = f"those of the enrolment: device {made.device}, epoch {made.epoch}, kept by {kept}"
    yield Finding("keys", well=True, detail=detail)
    reader = Reader(made.device, made.group, keys.annex_identities())
    try:
        in_force = policies.recall(ledger, reader)
    except AgentError as error:
        yield Finding("policy", well=False, detail=str(error), next=NEXT["state-lost"])
        return
    yield _policy(in_force)
    if in_force is not None:
        yield from map(_access, accesses(config, in_force))
        yield _watches(watches(config, in_force))


def _policy(found: InForce | None) -> Finding:
    if found is None:
        return Finding("policy", well=False, detail="none in force", next=NEXT["no-policy"])
    detail = f"serial {found.policy.serial}, expires {format_time(found.policy.expires)}"
    if is_expired(found, wall_clock()):
        then = NEXT["policy-expired"]
        return Finding("policy", well=False, detail=f"{detail}: expired", next=then)
    return Finding("policy", well=True, detail=detail)


def _access(found: Access) -> Finding:
    return Finding(
        "source", well=found.well, detail=found.detail, where=found.name, next=found.next
    )


def _watches(found: Watches) -> Finding:
    if found.limit is None:
        return Finding("watch", well=True, detail=f"{found.folders} folders; no limit is known")
    detail = f"{found.folders} folders, {found.limit} watches for all of a user's programs"
    if found.folders < found.limit:
        return Finding("watch", well=True, detail=detail)
    then = "raise fs.inotify.max_user_watches; until then changes are found by looking"
    return Finding("watch", well=False, detail=detail, next=then)
