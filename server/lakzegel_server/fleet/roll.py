# SPDX-License-Identifier: EUPL-1.2
"""The fleet as the log has it: who is enrolled, who is expected, and of whom something changed.

The custody is asked of the devices that somebody looks at, never of all. Its entries are told here
as they are taken in, under the log's guard, so that nothing here may wait.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from lakzegel_core.admission import Admission
from lakzegel_core.batch import Header, State
from lakzegel_core.custody import Custody
from lakzegel_core.custody_state import (
    AdmissionState,
    CheckedEntry,
    DeviceState,
    HeadState,
    PolicyEntry,
)
from lakzegel_core.enrolment import Enrolment
from lakzegel_core.followed import newest_of, policy_of
from lakzegel_core.policy import Policy
from lakzegel_core.revocation import Revocation
from lakzegel_core.withdrawal import Withdrawal
from lakzegel_server.fleet.absence import Span, planned
from lakzegel_server.fleet.states import UNKNOWN, Standing

_DEVICE: Final = "device:"
_GROUP: Final = "group:"


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What the log says of one device."""

    device: str
    group: str | None
    custody: str
    epoch: int
    enrolled: datetime
    revoked: datetime | None
    final: bool
    head: tuple[int, HeadState] | None  # epoch and place of its newest batch, of whatever epoch
    away: tuple[Span, ...]
    log: Standing


@dataclass(frozen=True, slots=True)
class Expected:
    """A device that an admission names which lets somebody in yet, and that did not enrol yet."""

    device: str
    group: str | None
    custody: str
    until: datetime  # something of it changes


Known = Enrolled | Expected


class Roll:
    """One receiver's."""

    def __init__(self) -> None:
        self._open: dict[bytes, AdmissionState] = {}  # that let somebody in yet
        self._named: dict[str, list[AdmissionState]] = {}  # by devices that did not enrol yet
        self._changed: set[str] = set()
        self._groups: deque[str] = deque()
        self._newest: dict[str, PolicyEntry] = {}  # policies by names of audiences
        self._away: dict[bytes, tuple[Span, ...]] = {}
        self._policies = 0

    def begin(self, custody: Custody) -> None:
        """Know the log up to now."""
        for state in custody.admissions.values():
            self._admit(custody, state)

    def take(self, custody: Custody, checked: CheckedEntry) -> None:
        """Take note of an entry that the custody took in."""
        entry = checked.entry
        if isinstance(entry, Header):
            if entry.state is State.FINAL:
                self._changed.add(entry.device)
        elif isinstance(entry, Policy):
            self._follow(entry)
        elif isinstance(entry, Revocation):
            self._changed.add(entry.device)
        elif isinstance(entry, Admission | Enrolment | Withdrawal):
            self._leave(custody, checked.id, entry)

    def _leave(
        self, custody: Custody, name: bytes, entry: Admission | Enrolment | Withdrawal
    ) -> None:
        """Leave to enrol was given, used or taken back."""
        if isinstance(entry, Admission):
            self._admit(custody, custody.admissions[name])
            self._change(entry.device)
        elif isinstance(entry, Enrolment):
            self._named.pop(entry.device, None)
            self._changed.add(entry.device)
            if not custody.admissions[entry.admission].has_leave:
                self._open.pop(entry.admission, None)
        else:
            for one in entry.admissions:
                self._open.pop(one, None)
                self._change(custody.admissions[one].admission.device)

    def changed(self, most: int) -> list[str]:
        """Some of the devices of which the log said something new, and that were not told yet."""
        found: list[str] = []
        with suppress(KeyError):  # another thread took the last one
            while self._changed and len(found) < most:
                found.append(self._changed.pop())
        return found

    def again(self, names: Iterable[str]) -> None:
        """Tell of these once more: nothing came of it."""
        self._changed.update(names)

    def group(self) -> str | None:
        """A group that was given another policy, and that was not told yet."""
        return self._groups.popleft() if self._groups else None

    def admissions(self) -> list[AdmissionState]:
        """Those that let somebody in yet, unless they expired."""
        return list(self._open.values())

    def size(self, custody: Custody) -> int:
        """How many devices there are, enrolled or named by an admission."""
        return len(custody.devices) + len(self._named)

    def names(self, custody: Custody) -> list[str]:
        """All of them."""
        return [*custody.devices, *self._named]

    def look(self, custody: Custody, names: Iterable[str], now: datetime) -> dict[str, Known]:
        """What the log says of these devices; nothing of one that it does not know."""
        if len(custody.policies) != self._policies:
            self._newest, self._policies = newest_of(custody), len(custody.policies)
        found: dict[str, Known] = {}
        for name in names:
            device = custody.devices.get(name)
            known = self._expected(name, now) if device is None else self._enrolled(device)
            if known is not None:
                found[name] = known
        return found

    def _admit(self, custody: Custody, state: AdmissionState) -> None:
        if not state.has_leave:
            return
        self._open[state.id] = state
        name = state.admission.device
        if name is not None and name not in custody.devices:
            self._named.setdefault(name, []).append(state)

    def _change(self, name: str | None) -> None:
        if name is not None:
            self._changed.add(name)

    def _follow(self, policy: Policy) -> None:
        for name in policy.audience:
            if name.startswith(_DEVICE):
                self._changed.add(name.removeprefix(_DEVICE))
            else:
                self._groups.append(name.removeprefix(_GROUP))

    def _expected(self, name: str, now: datetime) -> Expected | None:
        found = [
            one.admission
            for one in self._named.get(name, ())
            if one.has_leave and now < one.admission.expires
        ]
        if not found:
            return None
        until = min(one.expires for one in found)
        return Expected(name, found[-1].group, found[-1].custody, until)

    def _enrolled(self, device: DeviceState) -> Enrolled:
        head = _head(device)
        policy = policy_of(device, self._newest)
        revocation = device.revocation
        if revocation is not None:
            ended = device.revocation_index
        else:
            ended = head[1].index if device.final and head is not None else None
        return Enrolled(
            device.name,
            device.group,
            device.custody,
            device.epoch,
            device.current.enrolled,
            None if revocation is None else revocation.at,
            device.final,
            head,
            () if policy is None else self._planned(policy),
            Standing(
                UNKNOWN if policy is None else policy.policy.serial,
                "" if policy is None else policy.id.hex(),
                UNKNOWN if ended is None else ended,
            ),
        )

    def _planned(self, entry: PolicyEntry) -> tuple[Span, ...]:
        if entry.id not in self._away:
            self._away[entry.id] = planned(entry.policy)
        return self._away[entry.id]


def _head(device: DeviceState) -> tuple[int, HeadState] | None:
    for epoch in (device.current, *reversed(device.closed_epochs)):
        if epoch.head is not None:
            return epoch.epoch, epoch.head
    return None
