# SPDX-License-Identifier: EUPL-1.2
"""Every code that a device or this receiver may state, and what people are told of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from lakzegel_server.fleet.cause import Cause, Severity
from lakzegel_server.fleet.causesalerted import ALERTED
from lakzegel_server.fleet.causescapturing import CAPTURING
from lakzegel_server.fleet.causesreceiver import FOUND
from lakzegel_server.fleet.causessending import SENDING

UNKNOWN: Final = "unknown-code"
STATED: Final = (*SENDING, *CAPTURING)  # by devices
CAUSES: Final = {cause.code: cause for cause in (*STATED, *FOUND, *ALERTED)}


def cause_of(code: str) -> Cause:
    """What is told of a code; of one that a newer agent states, that it is not known here."""
    return CAUSES.get(code) or replace(CAUSES[UNKNOWN], code=code)


def is_trouble(code: str) -> bool:
    """Whether somebody has to do something about it."""
    return cause_of(code).severity is not Severity.NOTICE
