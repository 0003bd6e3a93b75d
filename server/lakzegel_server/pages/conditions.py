# SPDX-License-Identifier: EUPL-1.2
"""What a device's condition is called, how grave it is, and since when it holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from lakzegel_server.fleet.cause import Severity
from lakzegel_server.fleet.causes import cause_of
from lakzegel_server.fleet.model import Condition, DeviceHealth, Trouble
from lakzegel_server.pages.language import text


class Tone(StrEnum):
    """How grave something is; the sheet has a colour and a mark for each."""

    BAD = "bad"  # something may be lost: today
    WARN = "warn"  # something will be, unless somebody acts: this week
    GOOD = "good"
    CALM = "calm"  # nothing to do, and nothing captured either


@dataclass(frozen=True, slots=True)
class Said:
    """A condition in words."""

    label: str
    tone: Tone
    meaning: str


CONDITIONS: Final = {
    Condition.REVOKED: Said(
        text("Revoked"),
        Tone.CALM,
        text("The records office no longer trusts this device's key."),
    ),
    Condition.SILENT: Said(
        text("Silent"), Tone.BAD, text("Nothing was heard of the device for too long.")
    ),
    Condition.FULL: Said(
        text("Full"), Tone.BAD, text("The device has no room left and captures nothing.")
    ),
    Condition.DRIFTED: Said(
        text("Setting drifted"),
        Tone.BAD,
        text("A setting on the device deletes or leaks messages by itself."),
    ),
    Condition.CLOCK_OFF: Said(text("Clock off"), Tone.WARN, text("The device's clock is wrong.")),
    Condition.LATE: Said(
        text("Late"), Tone.WARN, text("The device answers, but nothing was sealed for too long.")
    ),
    Condition.CERTIFICATE: Said(
        text("Certificate ending"),
        Tone.WARN,
        text("What the device trusts this receiver by ends soon."),
    ),
    Condition.OLD_VERSION: Said(
        text("Old version"), Tone.WARN, text("The agent is older than was agreed.")
    ),
    Condition.TROUBLED: Said(
        text("Other problem"), Tone.WARN, text("The device reports a problem of another kind.")
    ),
    Condition.ABSENT: Said(
        text("Planned absence"),
        Tone.CALM,
        text("The policy plans that nothing comes of this device at present."),
    ),
    Condition.CAPTURING: Said(
        text("Capturing"), Tone.GOOD, text("What appears is captured and sealed.")
    ),
    Condition.CLOSED: Said(
        text("Closed"), Tone.CALM, text("Custody of this device has ended, as agreed.")
    ),
    Condition.EXPECTED: Said(
        text("Expected"), Tone.CALM, text("Admitted, and nothing sealed yet.")
    ),
}
LISTED: Final = tuple(  # first what somebody has to do something about, the worst of it first
    one for tone in Tone for one in Condition if CONDITIONS[one].tone is tone
)
ORDER: Final = {condition: place for place, condition in enumerate(LISTED)}
ACTION: Final = frozenset({Tone.BAD, Tone.WARN})
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


def said_of(device: DeviceHealth) -> Said:
    """The condition in words; one that says no more than "other problem" has that problem's."""
    found = leading(device) if device.condition is Condition.TROUBLED else None
    if found is None:
        return CONDITIONS[device.condition]
    cause = cause_of(found.code)
    tone = Tone.BAD if cause.severity is Severity.CRITICAL else Tone.WARN
    return Said(cause.title, tone, cause.why)


def _gravity(trouble: Trouble) -> tuple[int, datetime, str]:
    return list(Severity).index(cause_of(trouble.code).severity), trouble.since, trouble.code


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
