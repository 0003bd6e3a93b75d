# SPDX-License-Identifier: EUPL-1.2
"""The whole fleet at one moment: what the log says, what arrived, what devices say of themselves.

Nothing here asks the disk: the custody and the newest of every device are in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from lakzegel_core.custody import Custody
from lakzegel_core.custody_state import DeviceState, PolicyEntry
from lakzegel_core.followed import followed
from lakzegel_server.desk import Desk
from lakzegel_server.fleet.absence import Span, planned
from lakzegel_server.fleet.assess import Facts, assess
from lakzegel_server.fleet.health import of_device, of_expected
from lakzegel_server.fleet.model import Arrival, DeviceHealth, Fleet
from lakzegel_server.fleet.records import GRACE, FleetRecords

FRESH: Final = timedelta(seconds=1)  # that a reading is good for while nothing came in


def read_fleet(desk: Desk, now: datetime) -> Fleet:
    """The health of every device, by name; at most a second old.

    By what is committed, so that health is seen also while nothing is shown or sealed.
    """
    records = desk.fleet
    with desk.log.looking() as custody:
        standing = desk.log.standing
        state = (records.changes, custody.size, standing.phase)
        known = records.reading
        if known is not None and known[0] == state and abs(now - known[1].at) < FRESH:
            return known[1]
        facts = list(_facts(custody, records, now))
        expected = list(_expected(custody, now))
    limits = desk.settings.fleet
    quiet = min(now, records.alive) if now - records.began < GRACE else now
    owed = min(quiet, records.owed(standing, now))
    devices = [
        of_device(one, *assess(one, limits, now=now, quiet=quiet, owed=owed)) for one in facts
    ]
    fleet = Fleet(now, tuple(sorted([*devices, *expected], key=lambda one: one.device)))
    records.reading = state, fleet
    return fleet


def _facts(custody: Custody, records: FleetRecords, now: datetime) -> Iterator[Facts]:
    beats, arrivals = records.beats(), records.arrivals.newest()
    clones, policies = records.clones(now), followed(custody)
    away: dict[bytes, tuple[Span, ...]] = {}  # of the devices that follow one policy
    for device in custody.devices.values():
        beat = beats.get(device.name)
        newest = _newest(device, arrivals.get(device.name), now)
        times = [one.at for one in (beat, newest) if one is not None]
        yield Facts(
            device=device.name,
            group=device.group,
            custody=device.custody,
            epoch=device.epoch,
            enrolled=device.current.enrolled,
            revoked=device.revocation.at if device.revocation is not None else None,
            final=device.final,
            newest=newest,
            beat=beat,
            heard=max(times, default=None),
            away=_away(policies.get(device.name), away),
            cloned=clones.get(device.name),
        )


def _away(entry: PolicyEntry | None, known: dict[bytes, tuple[Span, ...]]) -> tuple[Span, ...]:
    if entry is None:
        return ()
    if entry.id not in known:
        known[entry.id] = planned(entry.policy)
    return known[entry.id]


def _newest(device: DeviceState, told: Arrival | None, now: datetime) -> Arrival | None:
    """The newest batch in the log, of whatever epoch; in a moment more will be known of it."""
    for epoch in (device.current, *reversed(device.closed_epochs)):
        head = epoch.head
        if head is not None and told is not None and told.index == head.index:
            return told
        if head is not None:
            at = min(head.closed, now)
            return Arrival(epoch.epoch, head.batch, head.index, at, head.closed, 0, 0, exact=False)
    return None


def _expected(custody: Custody, now: datetime) -> Iterator[DeviceHealth]:
    """Devices that an admission names which lets somebody in yet, and that did not enrol yet."""
    found: dict[str, DeviceHealth] = {}  # one that is admitted twice is expected once
    for state in custody.admissions.values():
        admission = state.admission
        name = admission.device
        if name is None or name in custody.devices:
            continue
        if state.has_leave and now < admission.expires:
            found[name] = of_expected(name, admission.group, admission.custody)
    yield from found.values()
