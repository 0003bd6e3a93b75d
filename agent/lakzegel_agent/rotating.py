# SPDX-License-Identifier: EUPL-1.2
"""`rotate`, on a home where no agent is at work; one that is does it by itself, when asked."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Final, Literal

from lakzegel_agent.devicekeys import Introduction, KeyStore
from lakzegel_agent.errors import UnreachableError
from lakzegel_agent.home import Home
from lakzegel_agent.ledger import Ledger
from lakzegel_agent.liaison import introduction_in_force
from lakzegel_agent.renewal import ask
from lakzegel_agent.settingsconfig import Config
from lakzegel_agent.standing import arrive, enrolled, keep_status, not_enrolled
from lakzegel_agent.station import Station, station
from lakzegel_agent.vitals import logged
from lakzegel_core.encoding import b64

_AHEAD: Final = "the new keys are in force here, and the log hears of them before anything else"


@dataclass(frozen=True, slots=True)
class Rotated:
    """What was done, and the epoch of the keys in force.

    ``state`` is "replaced", "resumed" (an earlier run had begun it) or "asked" (an agent is at
    work here, and will).
    """

    device: str
    epoch: int
    enrolment: bytes
    state: Literal["replaced", "resumed", "asked"]

    @classmethod
    def of(cls, found: Introduction, state: Literal["replaced", "resumed", "asked"]) -> Rotated:
        """What was done, and how it is called."""
        return cls(found.enrolment.device, found.enrolment.epoch, found.id, state)

    def to_json(self) -> dict[str, Any]:
        """The same for a program."""
        return {
            "device": self.device,
            "epoch": self.epoch,
            "enrolment": b64(self.enrolment),
            "state": self.state,
        }


def rotate(config: Config) -> Rotated:
    """The keys in force: made now, by an earlier run that did not end, or still the old ones.

    Raises:
        UsageError: not enrolled.
        UnreachableError: says whether the new keys are in force here all the same.
        RefusedError, RollbackError, LakzegelError: the keys in force stay in force.
    """
    home = Home(config.home)
    if home.is_locked():
        return _asked(config, home)
    with station(config) as opened, logged(opened, enrolled(opened, config)):
        before = enrolled(opened, config)
        try:
            found, resumed = _replaced(opened, before)
        except UnreachableError as error:
            if enrolled(opened, config).id == before.id:
                raise
            raise UnreachableError(f"{error}; {_AHEAD}") from None
        finally:
            current = enrolled(opened, config)
            keep_status(opened, current, opened.liaison(opened.ledger).policy(current))
        return Rotated.of(found, "resumed" if resumed else "replaced")


def _asked(config: Config, home: Home) -> Rotated:
    """Leave the wish where the agent at work finds it."""
    keys = KeyStore(home.keys)
    with Ledger.open(home.ledger, keys.ledger_key(random=os.urandom)) as ledger:
        current = introduction_in_force(ledger, keys)
    if current is None:
        raise not_enrolled(config)
    ask(home.asked, current.enrolment.epoch)
    return Rotated.of(current, "asked")


def _replaced(opened: Station, before: Introduction) -> tuple[Introduction, bool]:
    unsent = opened.ledger.unsent() is not None
    current, fault = arrive(opened, before, tries=1)
    if fault is not None:
        raise fault
    if unsent or current.id != before.id:
        return current, True
    _send(opened, current)
    liaison = opened.liaison(opened.ledger)
    try:
        return liaison.rotate(current), False
    finally:
        liaison.link.close()


def _send(opened: Station, current: Introduction) -> None:
    """Send what waits, where the policy lets it leave now."""
    parts = opened.parts(lambda: False)
    try:
        parts.outlet.follow(parts.liaison.policy(current))
        if parts.outlet.may_leave(pressed=False) and parts.shipper.drain():
            parts.outlet.left()
    finally:
        parts.close()
