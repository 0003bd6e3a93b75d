# SPDX-License-Identifier: EUPL-1.2
"""`rotate`, on a home where no agent is at work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from lakzegel_agent.devicekeys import Introduction
from lakzegel_agent.errors import UnreachableError
from lakzegel_agent.settingsconfig import Config
from lakzegel_agent.standing import arrive, enrolled, keep_status
from lakzegel_agent.station import Station, station
from lakzegel_agent.vitals import logged
from lakzegel_core.encoding import b64

_AHEAD: Final = "the new keys are in force here, and the log hears of them before anything else"


@dataclass(frozen=True, slots=True)
class Rotated:
    """The epoch of the keys in force; ``resumed``: an earlier run had begun it."""

    device: str
    epoch: int
    enrolment: bytes
    resumed: bool

    def to_json(self) -> dict[str, Any]:
        """The same for a program."""
        return {
            "device": self.device,
            "epoch": self.epoch,
            "enrolment": b64(self.enrolment),
            "resumed": self.resumed,
        }


def rotate(config: Config) -> Rotated:
    """The keys in force, made now, or by an earlier run that did not come to its end.

    Raises:
        UsageError: not enrolled, or another agent is at work.
        UnreachableError: says whether the new keys are in force here all the same.
        RefusedError, RollbackError, LakzegelError: the keys in force stay in force.
    """
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
        made = found.enrolment
        return Rotated(made.device, made.epoch, found.id, resumed)


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
