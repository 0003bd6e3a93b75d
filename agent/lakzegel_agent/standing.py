# SPDX-License-Identifier: EUPL-1.2
"""Where a device stands before it captures: enrolled or not, in which epoch, by which policy."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from lakzegel_agent.backoff import NETWORK, Backoff
from lakzegel_agent.causes import cause_of
from lakzegel_agent.devicekeys import Introduction
from lakzegel_agent.errors import (
    AgentError,
    RefusedError,
    UnreachableError,
    UnwritableError,
    UsageError,
)
from lakzegel_agent.liaison import introduction_in_force
from lakzegel_agent.policies import InForce
from lakzegel_agent.rotation import is_under_way
from lakzegel_agent.settingsconfig import Config
from lakzegel_agent.station import Station, chance
from lakzegel_agent.status import describe, write_status
from lakzegel_core.errors import LakzegelError

Say = Callable[[str], None]
FIRST_WAIT: Final = 0.5  # seconds before the second try


class NoPolicyError(AgentError):
    """There is nothing to go by yet."""


def arrive(
    opened: Station, current: Introduction, *, tries: int
) -> tuple[Introduction, Exception | None]:
    """Where this device stands, and what kept it from finding out or from going on.

    Raises:
        UnwritableError: keys are being replaced, and the disk does not take by which.
    """
    liaison = opened.liaison(opened.ledger)
    backoff = Backoff(chance, first=FIRST_WAIT)
    try:
        while True:
            try:
                return liaison.settle_epoch(current), _standing_fault(opened)
            except UnreachableError as error:
                cause = cause_of(error)
                opened.problems.clear(opened.ledger, *(set(NETWORK) - {cause.code}))
                opened.problems.add(opened.ledger, cause.code, str(error))
                fault: Exception = error
            wait = backoff.failed(cause)
            if backoff.failures >= tries:
                return still(opened, current), fault
            time.sleep(wait)
    except (AgentError, LakzegelError) as error:
        if isinstance(error, UnwritableError) and is_under_way(opened.ledger, opened.keys):
            raise
        return still(opened, current), error
    finally:
        liaison.link.close()


def still(opened: Station, current: Introduction) -> Introduction:
    """The introduction in force: a renewal may have gone through before something failed."""
    return introduction_in_force(opened.ledger, opened.keys) or current


def _standing_fault(opened: Station) -> Exception | None:
    for code in ("revoked", "superseded"):
        if opened.problems.has(code):
            detail = next(p.detail for p in opened.problems.listed() if p.code == code)
            return RefusedError(f"{code}: {detail}; what is captured stays in the spool")
    return None


def enrolled(opened: Station, config: Config) -> Introduction:
    """The introduction in force.

    Raises:
        UsageError: this device is not enrolled.
    """
    current = introduction_in_force(opened.ledger, opened.keys)
    if current is None:
        raise not_enrolled(config)
    return current


def not_enrolled(config: Config) -> UsageError:
    """What a command ends with on a device that is not enrolled."""
    return UsageError(
        f"{config.home}: not enrolled, and the settings have no token; run:"
        f" lakzegel-agent enrol --config {config.path} --token-file F"
    )


def policy_in_force(opened: Station, current: Introduction, fault: Exception | None) -> InForce:
    """The policy in force.

    Raises:
        AgentError, LakzegelError: there is none, and why none could be had.
    """
    found = opened.liaison(opened.ledger).policy(current)
    if found is None:
        if fault is not None:
            raise fault
        refused = [p.detail for p in opened.problems.listed() if p.code == "policy-refused"]
        why = refused[0] if refused else "none in the log is for this device"
        raise NoPolicyError(f"no policy is in force, so nothing is captured: {why}")
    return found


def keep_status(
    opened: Station, current: Introduction | None, in_force: InForce | None, **more: object
) -> None:
    """Write what `status` shows while this agent is at work, when there is room for it."""
    shown = describe(
        pins=opened.config.pins,
        ledger=opened.ledger,
        spool=opened.spool,
        current=current,
        in_force=in_force,
        problems=opened.problems.listed(),
        keystore=opened.keys.keystore,
    )
    with suppress(OSError):
        write_status(opened.home.status, {**shown, **more})
