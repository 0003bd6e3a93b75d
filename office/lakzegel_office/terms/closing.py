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
            what += f"; items destroyed since: {device.destroyed}" if device.destroyed else ""
            yield Hindrance("counts-differ", f"{device.name}, {one.label}: {what}")
        if one.stated != one.found:
            what = f"says that it found {one.stated}, and what became of {one.found}"
            yield Hindrance("counts-differ", f"{device.name}, {one.label}: {what}")
        if one.counts["failed"]:
            whys = ", ".join(f"{n} {why}" for why, n in one.reasons.get("failed", {}).items())
            yield Hindrance("uncaptured", f"{device.name}, {one.label}: {whys or 'files'}")
    for row in device.findings:
        yield Hindrance("findings", f"{device.name}/{row['batch']}: {row['code']}")


def _of_readouts(facts: Facts, until: datetime) -> Iterator[Hindrance]:
    """Yield what is late of phones that were to be read out; one does not stand for another."""
    stated = [(device.name, label) for device in facts.devices for label in sorted(device.overdue)]
    for name, label in stated:
        yield Hindrance("readout-overdue", f"{name}, {label}: stated by the device")
    wanted = facts.phones()
    if not wanted or stated:
        return
    last = _last_whole(facts)
    late = sorted(label for label, at in last.items() if at < until - max(wanted))
    lacking = len(wanted) - (len(last) - len(late))
    if lacking <= 0:
        return
    for label in late:
        at = format_time(last[label])
        yield Hindrance("readout-overdue", f"{label}: the last whole one is of {at}")
    if lacking > len(late):
        what = f"{lacking - len(late)} of {len(wanted)} phones were never read out whole"
        yield Hindrance("readout-overdue", f"{facts.custody}: {what}")


def _last_whole(facts: Facts) -> dict[str, datetime]:
    """Return of when the newest backup is that was read out whole, by the phone's label."""
    found: dict[str, datetime] = {}
    for row in (row for device in facts.devices for row in device.readouts):
        at = moment_of(row.get("backup"))
        if at is not None and row.get("complete") is True:
            label = str(row["source"])
            found[label] = max(at, found.get(label, at))
    return found
