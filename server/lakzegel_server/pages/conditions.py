# SPDX-License-Identifier: EUPL-1.2
"""What a device's condition is called, how grave it is, and since when it holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lakzegel_server.fleet.cause import Severity
from lakzegel_server.fleet.causes import cause_of
from lakzegel_server.fleet.listing import CODES, LISTED, ORDER, TONES, Tone, code_of, leading, since
from lakzegel_server.fleet.model import Condition, DeviceHealth
from lakzegel_server.pages.language import text

__all__ = [
    "ACTION",
    "CODES",
    "CONDITIONS",
    "LISTED",
    "ORDER",
    "Said",
    "Tone",
    "code_of",
    "leading",
    "said_of",
    "since",
]


@dataclass(frozen=True, slots=True)
class Said:
    """A condition in words."""

    label: str
    tone: Tone
    meaning: str


_WORDS: Final = {
    Condition.REVOKED: (
        text("Revoked"),
        text("The records office no longer trusts this device's key."),
    ),
    Condition.SILENT: (
        text("Silent"),
        text("Nothing was heard of the device for too long."),
    ),
    Condition.FULL: (
        text("Full"),
        text("The device has no room left and captures nothing."),
    ),
    Condition.DRIFTED: (
        text("Setting drifted"),
        text("A setting on the device deletes or leaks messages by itself."),
    ),
    Condition.CLOCK_OFF: (text("Clock off"), text("The device's clock is wrong.")),
    Condition.LATE: (
        text("Late"),
        text("The device answers, but nothing was sealed for too long."),
    ),
    Condition.CERTIFICATE: (
        text("Certificate ending"),
        text("What the device trusts this receiver by ends soon."),
    ),
    Condition.OLD_VERSION: (
        text("Old version"),
        text("The agent is older than was agreed."),
    ),
    Condition.TROUBLED: (
        text("Other problem"),
        text("The device reports a problem of another kind."),
    ),
    Condition.ABSENT: (
        text("Planned absence"),
        text("The policy plans that nothing comes of this device at present."),
    ),
    Condition.CAPTURING: (text("Capturing"), text("What appears is captured and sealed.")),
    Condition.CLOSED: (
        text("Closed"),
        text("Custody of this device has ended, as agreed."),
    ),
    Condition.EXPECTED: (text("Expected"), text("Admitted, and nothing sealed yet.")),
}
CONDITIONS: Final = {one: Said(said, TONES[one], why) for one, (said, why) in _WORDS.items()}
ACTION: Final = frozenset({Tone.BAD, Tone.WARN})


def said_of(device: DeviceHealth) -> Said:
    """The condition in words; one that says no more than "other problem" has that problem's."""
    found = leading(device) if device.condition is Condition.TROUBLED else None
    if found is None:
        return CONDITIONS[device.condition]
    cause = cause_of(found.code)
    tone = Tone.BAD if cause.severity is Severity.CRITICAL else Tone.WARN
    return Said(cause.title, tone, cause.why)
