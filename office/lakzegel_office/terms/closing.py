# SPDX-License-Identifier: EUPL-1.2
"""What stands in the way of closing a term (docs/spec/terms.md §4)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from lakzegel_core.encoding import format_time
from lakzegel_office.terms.facts import DeviceFacts, Facts, is_final, moment_of

NEVER: Final = ("doubts", "not-due")  # no reason makes these good


@dataclass(frozen=True, slots=True)
class Hindrance:
    """One thing that is so, by its code and in words."""

    code: str
    what: str

    def __str__(self) -> str:
        """Return the line for people."""
        return f"{self.code}: {self.what}"


def hindrances(facts: Facts, until: datetime, now: datetime) -> Iterator[Hindrance]:
    """Yield everything that keeps a custody from being closed."""
    for doubt in facts.verified.doubts:
        if not doubt.excepted:
            yield Hindrance("doubts", f"{doubt}")
    if until > now:
        yield Hindrance("not-due", f"the term ends {format_time(until)}")
    if not facts.devices:
        yield Hindrance("no-device", f"nothing was ever captured in custody {facts.custody}")
    for device in facts.devices:
        yield from _of_device(device, facts)
    yield from _of_readouts(facts, until)


def _of_device(device: DeviceFacts, facts: Facts) -> Iterator[Hindrance]:
    if device.whole and not is_final(device.state):
        what = "its last batch is not final; see that its policy ends the term, and that it ships"
        yield Hindrance("not-final", f"{device.name}: {what}")
    own = [r.index for r in facts.replay.accepted if r.header.device == device.name]
    if own and own[-1] >= facts.held:
        yield Hindrance("not-held", f"{device.name}: not everything was opened here; run pull")
    for one in device.sources.values():
        if device.state.final and one.counts["sealed"] != one.captures:
            what = f"says that it sealed {one.counts['sealed']}; captures here: {one.captures}"
            yield Hindrance("counts-differ", f"{device.name}, {one.label}: {what}")
        if one.counts["failed"]:
            whys = ", ".join(f"{n} {why}" for why, n in one.reasons.get("failed", {}).items())
            yield Hindrance("uncaptured", f"{device.name}, {one.label}: {whys or 'files'}")
    for row in device.findings:
        yield Hindrance("findings", f"{device.name}/{row['batch']}: {row['code']}")


def _of_readouts(facts: Facts, until: datetime) -> Iterator[Hindrance]:
    """Yield what is late of phones that were to be read out."""
    every = facts.every()
    for device in facts.devices:
        if device.overdue:
            yield Hindrance("readout-overdue", f"{device.name}: stated by the device")
    if every is None or any(device.overdue for device in facts.devices):
        return
    whole = [row for device in facts.devices for row in device.readouts if row.get("complete")]
    times = [at for at in (moment_of(row.get("backup")) for row in whole) if at is not None]
    if not times:
        yield Hindrance("readout-overdue", f"{facts.custody}: no phone was ever read out whole")
    elif max(times) < until - every:
        last = format_time(max(times))
        yield Hindrance("readout-overdue", f"{facts.custody}: the last whole one is of {last}")
