# SPDX-License-Identifier: EUPL-1.2
"""How grave a device's condition is, which problem is behind it, and since when it holds.

By this devices are listed (docs/spec/dashboard.md §4).
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final

from lakzegel_server.fleet.cause import Severity
from lakzegel_server.fleet.causes import cause_of
from lakzegel_server.fleet.model import Condition, DeviceHealth, Trouble


class Tone(StrEnum):
    """How grave something is; the sheet has a colour and a mark for each."""

    BAD = "bad"  # something may be lost: today
    WARN = "warn"  # something will be, unless somebody acts: this week
    GOOD = "good"
    CALM = "calm"  # nothing to do, and nothing captured either


TONES: Final = {
    Condition.REVOKED: Tone.CALM,
    Condition.SILENT: Tone.BAD,
    Condition.FULL: Tone.BAD,
    Condition.DRIFTED: Tone.BAD,
    Condition.CLOCK_OFF: Tone.WARN,
    Condition.LATE: Tone.WARN,
    Condition.CERTIFICATE: Tone.WARN,
    Condition.OLD_VERSION: Tone.WARN,
    Condition.TROUBLED: Tone.WARN,
    Condition.ABSENT: Tone.CALM,
    Condition.CAPTURING: Tone.GOOD,
    Condition.CLOSED: Tone.CALM,
    Condition.EXPECTED: Tone.CALM,
}
LISTED: Final = tuple(  # first what somebody has to do something about, the worst of it first
    one for tone in Tone for one in Condition if TONES[one] is tone
)
ORDER: Final = {condition: place for place, condition in enumerate(LISTED)}
CODES: Final = {  # the problems that make a condition, the likeliest first
    Condition.REVOKED: ("revoked",),
    Condition.SILENT: ("silent",),
    Condition.FULL: ("spool-full", "no-room"),
    Condition.DRIFTED: ("guard-drifted", "guard-contested"),
    Condition.CLOCK_OFF: ("clock-off", "clock-skew"),
    Condition.LATE: ("late",),
    Condition.CERTIFICATE: ("certificate-ending",),
    Condition.OLD_VERSION: ("old-version",),
}


def leading(device: DeviceHealth) -> Trouble | None:
    """The problem to begin with: of those behind the condition the gravest, then the oldest."""
    if device.condition not in {*CODES, Condition.TROUBLED}:
        return None
    codes = CODES.get(device.condition)
    found = [one for one in device.troubles if codes is None or one.code in codes]
    return min(found, key=_gravity, default=None)


def code_of(device: DeviceHealth) -> str | None:
    """The code of that problem, also where the device did not state it."""
    found = leading(device)
    if found is not None:
        return found.code
    return CODES[device.condition][0] if device.condition in CODES else None


def since(device: DeviceHealth) -> datetime | None:
    """Since when the condition holds, where that is known."""
    found = leading(device)
    if found is not None:
        return found.since
    newest = device.newest.at if device.newest else None
    return {
        Condition.SILENT: device.heard or newest or device.enrolled,
        Condition.LATE: newest or device.enrolled,
        Condition.EXPECTED: device.enrolled,
        Condition.CLOSED: newest,
    }.get(device.condition)


def _gravity(trouble: Trouble) -> tuple[int, datetime, str]:
    return list(Severity).index(cause_of(trouble.code).severity), trouble.since, trouble.code
