# SPDX-License-Identifier: EUPL-1.2
"""`enrol`, on a home that may be new, half enrolled, enrolled, or damaged."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from lakzegel_agent import journal, updates
from lakzegel_agent.devicekeys import Introduction
from lakzegel_agent.enrol import Enroller
from lakzegel_agent.errors import LedgerDamagedError, UsageError
from lakzegel_agent.liaison import introduction_in_force
from lakzegel_agent.settingsconfig import Config
from lakzegel_agent.station import Station, set_aside, station, wall_clock
from lakzegel_agent.tokens import Token, read_token

STUCK: Final = ("superseded", "revoked", "state-lost")  # problems that end a state's life


def enrol(config: Config, token_file: Path, wished: str | None) -> tuple[Introduction, bool]:
    """The introduction in force, and whether it was made now.

    Raises:
        UsageError, UnreachableError, RefusedError, LakzegelError.
    """
    token = read_token(token_file, origin=config.pins.origin)
    with _opened_or_anew(config, token) as opened, journal.open_log(opened.home.log):
        current = introduction_in_force(opened.ledger, opened.keys)
        if current is not None:
            if wished not in {None, current.enrolment.device}:
                raise UsageError(
                    f"{config.home}: is enrolled as {current.enrolment.device}, not {wished}"
                )
            return current, False
        liaison = opened.liaison(opened.ledger)
        enroller = Enroller(liaison.link, opened.ledger, opened.keys, wall_clock, os.urandom)
        updates.made(config)
        try:
            found = enroller.enrol(token, wished)
            numbers: dict[journal.Number, int] = {"epoch": found.enrolment.epoch}
            journal.note("enrol", "device", actor="user", numbers=numbers)
            return found, True
        finally:
            liaison.link.close()


@contextmanager
def _opened_or_anew(config: Config, token: Token) -> Iterator[Station]:
    """The station; a state that cannot be read or cannot go on is set aside for a new one."""
    try:
        with station(config) as opened:
            usable = not _is_stuck(opened, token)
    except LedgerDamagedError:
        usable = False
    if not usable:
        set_aside(config)
    with station(config) as opened:
        yield opened


def _is_stuck(opened: Station, token: Token) -> bool:
    """Whether only a new life helps this device, and this token is for one.

    The token that the state in force came by is only being used again: that changes nothing.
    """
    current = introduction_in_force(opened.ledger, opened.keys)
    return (
        current is not None
        and token.leave is not None
        and current.enrolment.admission != token.leave.id
        and any(opened.problems.has(code) for code in STUCK)
    )
