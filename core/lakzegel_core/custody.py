# SPDX-License-Identifier: EUPL-1.2
"""Replays a log's entries and refuses what may not be there (docs/spec/entries.md).

The receiver admits by it, the office verifies by it: one rule, one place. ``check`` proves an entry
against everything before it and changes nothing; ``apply`` checks and then takes it in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Final, Self

from lakzegel_core import (
    admission,
    batch,
    custody_devices,
    custody_rules,
    delegation,
    enrolment,
    entries,
    finding,
    hold,
    keyringchange,
    policy,
    revocation,
    succession,
    trail,
    withdrawal,
)
from lakzegel_core.admission import Admission
from lakzegel_core.batch import Header
from lakzegel_core.custody_admissions import Admissions
from lakzegel_core.custody_chains import Leaps, Links
from lakzegel_core.custody_kept import Kept
from lakzegel_core.custody_state import (
    AdmissionState,
    CheckedEntry,
    DelegationEntry,
    DeviceState,
    KeyringState,
    PolicyEntry,
    TrailEntry,
)
from lakzegel_core.delegation import Delegation
from lakzegel_core.enrolment import Enrolment
from lakzegel_core.entries import Entry
from lakzegel_core.errors import (
    FormatError,
    NotAdmittedError,
    PolicyError,
)
from lakzegel_core.hold import Mark
from lakzegel_core.keyringchange import KeyringChange
from lakzegel_core.keys import KeyRegister, Role, RoleKey, VerifierKey
from lakzegel_core.policy import Policy
from lakzegel_core.revocation import Revocation
from lakzegel_core.succession import Succession
from lakzegel_core.trail import Trail
from lakzegel_core.withdrawal import Withdrawal

Checker = Callable[[bytes], tuple[Entry, tuple[str, ...]]]
_NO_POLICY: Final = bytes(32)
# a receiver checks a header when it comes and again when it is sealed: parsed and verified once
_peek_header: Final = lru_cache(maxsize=256)(batch.peek_header)
_open_header: Final = lru_cache(maxsize=256)(batch.open_header)


class Custody:
    """Everything that a log's entries prove so far."""

    def __init__(
        self, origin: str, pinned: Sequence[VerifierKey] | None, threshold: int | None
    ) -> None:
        self.origin = origin
        self.size = 0
        self.devices: dict[str, DeviceState] = {}
        self.admissions = Admissions()
        self.policies: dict[bytes, PolicyEntry] = {}
        self.delegation: DelegationEntry | None = None
        self.keyrings: dict[tuple[str, int, int], KeyringState] = {}
        self.marks: dict[tuple[str, str], Mark] = {}
        self.succession: Succession | None = None
        self.trail: TrailEntry | None = None
        self.register = KeyRegister()
        self.kept = Kept()
        self._chains = Links()
        self._pinned = None if pinned is None else tuple(pinned)
        self._threshold = threshold
        self._checkers: dict[str, Checker] = {
            entries.BATCH: self._check_batch,
            delegation.KIND: self._check_delegation,
            admission.KIND: self._check_admission,
            enrolment.KIND: self._check_enrolment,
            policy.KIND: self._check_policy,
            revocation.KIND: self._check_revocation,
            finding.KIND: self._check_finding,
            keyringchange.KIND: self._check_keyring_change,
            hold.HOLD: lambda data: self._check_mark(data, hold.HOLD),
            hold.TERM: lambda data: self._check_mark(data, hold.TERM),
            succession.KIND: self._check_succession,
            trail.KIND: self._check_trail,
            withdrawal.KIND: self._check_withdrawal,
        }

    @classmethod
    def start(
        cls, origin: str, *, pinned: Sequence[VerifierKey] | None, threshold: int | None
    ) -> Self:
        """An empty log. ``pinned`` None trusts the first delegation: the receiver only."""
        return cls(origin, pinned, threshold)

    @classmethod
    def resume(
        cls,
        origin: str,
        entries: Iterable[tuple[int, bytes]],
        size: int,
        *,
        pinned: Sequence[VerifierKey] | None,
        threshold: int | None,
    ) -> Self:
        """The custody of a log of ``size``, by those of its entries that it still rests on.

        Whether they are all of those is for ``savepoint.py`` to see.
        """
        custody = cls(origin, pinned, threshold)
        custody._chains = Leaps()
        for index, data in entries:
            custody.apply(data, index=index)
        custody._chains = Links()
        custody.size = size
        return custody

    def check(self, data: bytes) -> CheckedEntry:
        """The entry, proven against everything before it; nothing changes.

        Raises:
            LakzegelError: the type says what is wrong.
        """
        kind = entries.kind_of(data)
        entry, warnings = self._checkers[kind](data)
        origin = custody_rules.origin_of(data)
        if origin != self.origin:
            raise FormatError(kind, f"is for log {origin}, not {self.origin}")
        return CheckedEntry(kind, hashlib.sha256(data).digest(), data, entry, warnings)

    def apply(self, data: bytes, *, index: int | None = None) -> CheckedEntry:
        """Check the entry, then take it in at ``index`` (default: the next)."""
        checked = self.check(data)
        if index is not None:
            self.size = index
        self.take(checked)
        return checked

    def take(self, checked: CheckedEntry) -> None:
        """Take in the next entry, which ``check`` proved against this very state.

        The receiver does so once the entry is durable, so that nothing has to be undone.
        """
        self.kept.add(self.size, checked.entry, self.trail)
        self._take(checked)
        self.size += 1

    def policy_for(self, device: str) -> PolicyEntry | None:
        """The policy with the highest serial whose audience holds the device."""
        state = self.devices.get(device)
        if state is None:
            return None
        fitting = [e for e in self.policies.values() if e.policy.applies_to(device, state.group)]
        return max(fitting, key=lambda e: e.policy.serial, default=None)

    def admissions_of(self, name: str, key_id: bytes) -> Sequence[AdmissionState]:
        """The admissions of a token, by its key's name and id, in the order of the log.

        Found at once, however many admissions the log has.
        """
        return self.admissions.of_token(name, key_id)

    def require_delegation(self) -> Delegation:
        """The delegation in force.

        Raises:
            NotAdmittedError: the log has none yet.
        """
        if self.delegation is None:
            raise NotAdmittedError("the log has no delegation yet: publish delegation.note first")
        return self.delegation.delegation

    # what each kind must fulfil

    def _check_batch(self, data: bytes) -> tuple[Entry, tuple[str, ...]]:
        peeked = _peek_header(data)
        device = self._device(peeked.device)
        key = custody_rules.header_key(device, peeked)
        header = _open_header(data, key)
        self._chains.header(device, header, hashlib.sha256(data).digest())
        warnings = list(custody_rules.clock_warnings(device, header))
        warnings += custody_rules.term_warnings(self.marks.get((hold.TERM, device.custody)))
        known = self.policies.get(header.policy)
        if header.policy != _NO_POLICY and (
            known is None or not known.policy.applies_to(device.name, device.group)
        ):
            warnings.append("policy-unknown")
        return header, tuple(warnings)

    def _check_delegation(self, data: bytes) -> tuple[Entry, tuple[str, ...]]:
        peeked = delegation.peek_delegation(data)
        keys, threshold = self._policy_keys(peeked)
        found = delegation.open_delegation(data, keys, threshold)
        if self.delegation and found.serial <= self.delegation.delegation.serial:
            raise PolicyError(f"delegation {found.serial} is not newer than the one in force")
        self._check_roles(found.role_keys())
        return found, ()

    def _policy_keys(self, first: Delegation) -> tuple[Sequence[VerifierKey], int]:
        """The keys that must sign a delegation: those in force, else pinned, else its own."""
        if self.delegation is not None:
            current = self.delegation.delegation
            return current.policy, current.threshold
        if self._pinned is not None:
            return self._pinned, self._threshold or len(self._pinned)
        return first.policy, first.threshold

    def _check_admission(self, data: bytes) -> tuple[Entry, tuple[str, ...]]:
        key = custody_rules.signer(data, self.require_delegation().enrolment)
        found = admission.open_admission(data, key)
        custody_rules.require_new_admission(self.admissions, hashlib.sha256(data).digest())
        self._check_roles([RoleKey(Role.TOKEN, found.token)])
        return found, ()

    def _check_enrolment(self, data: bytes) -> tuple[Entry, tuple[str, ...]]:
        peeked = enrolment.peek_enrolment(data)
        state = self.admissions.get(peeked.admission)
        if state is None:
            raise NotAdmittedError(f"device {peeked.device}: no admission of this id is in the log")
        device = self.devices.get(peeked.device)
        if peeked.reason.by_old_key:
            other = custody_rules.old_key(device, peeked)
        else:
            other = state.admission.token
        found = enrolment.open_enrolment(data, other)
        custody_rules.require_epoch(device, found)
        custody_rules.require_admission(device, state, found)
        self._check_roles(found.role_keys())
        return found, ()

    def _check_withdrawal(self, data: bytes) -> tuple[Entry, tuple[str, ...]]:
        key = custody_rules.signer(data, self.require_delegation().enrolment)
        found = withdrawal.open_withdrawal(data, key)
        custody_rules.require_withdrawable(self.admissions, found)
        return found, ()

    def _check_policy(self, data: bytes) -> tuple[Entry, tuple[str, ...]]:
        current = self.require_delegation()
        found = policy.open_policy(data, current.policy, current.threshold, origin=self.origin)
        for known in self.policies.values():
            shared = set(known.policy.audience) & set(found.audience)
            if shared and found.serial <= known.policy.serial:
                raise PolicyError(
                    f"policy {found.serial} is not newer than {known.policy.serial},"
                    f" which is logged for {min(shared)}"
                )
        return found, ()

    def _check_revocation(self, data: bytes) -> tuple[Entry, tuple[str, ...]]:
        key = custody_rules.signer(data, self.require_delegation().enrolment)
        found = revocation.open_revocation(data, key)
        custody_rules.require_revocable(self._device(found.device), found)
        return found, ()

    def _check_finding(self, data: bytes) -> tuple[Entry, tuple[str, ...]]:
        found = finding.open_finding(data, self.require_delegation().held)
        return found, ()

    def _check_keyring_change(self, data: bytes) -> tuple[Entry, tuple[str, ...]]:
        found = keyringchange.open_keyring_change(data, self.require_delegation().approval)
        self._device(found.device)
        place = (found.device, found.epoch, found.batch)
        self._chains.keyring(self.keyrings.get(place), found)
        return found, ()

    def _check_mark(self, data: bytes, kind: str) -> tuple[Entry, tuple[str, ...]]:
        key = custody_rules.signer(data, self.require_delegation().approval)
        found = hold.open_mark(data, kind, key)
        custody_rules.require_newer_mark(self.marks.get((kind, found.name)), found)
        return found, ()

    def _check_succession(self, data: bytes) -> tuple[Entry, tuple[str, ...]]:
        current = self.require_delegation()
        found = succession.open_succession(data, current.policy, current.threshold)
        custody_rules.require_beginning(self.size)
        return found, ()

    def _check_trail(self, data: bytes) -> tuple[Entry, tuple[str, ...]]:
        self.require_delegation()
        key = self.trail.trail.key if self.trail else trail.peek_trail(data).key
        found = trail.open_trail(data, key)
        self._chains.trail(self.trail, found, hashlib.sha256(data).digest())
        self._check_roles([RoleKey(Role.TRAIL, found.key)])
        return found, ()

    def _check_roles(self, entries: Iterable[RoleKey]) -> None:
        """Each key in one role: in the log so far, and among these."""
        fresh = KeyRegister()
        for entry in entries:
            self.register.check(entry)
            fresh.add(entry)

    def _device(self, name: str) -> DeviceState:
        device = self.devices.get(name)
        if device is None:
            raise NotAdmittedError(f"device {name}: has no enrolment in the log")
        return device

    # taking in what was checked

    def _take(self, checked: CheckedEntry) -> None:
        entry = checked.entry
        if isinstance(entry, Header):
            custody_devices.send(self.devices[entry.device], entry, checked.id, self.size)
        elif isinstance(entry, Delegation):
            self.delegation = DelegationEntry(checked.data, entry, self.size)
            for role_key in entry.role_keys():
                self.register.add(role_key)
        elif isinstance(entry, Enrolment):
            self._take_enrolment(checked, entry)
        elif isinstance(entry, Admission):
            self.admissions.add(checked.id, entry, self.size)
            self.register.add(RoleKey(Role.TOKEN, entry.token))
        elif isinstance(entry, Withdrawal):
            self.admissions.withdraw(entry, self.size)
        else:
            self._take_other(checked)

    def _take_other(self, checked: CheckedEntry) -> None:
        entry = checked.entry
        if isinstance(entry, Policy):
            self.policies[checked.id] = PolicyEntry(checked.id, checked.data, entry, self.size)
        elif isinstance(entry, Revocation):
            self.devices[entry.device].revocation = entry
            self.devices[entry.device].revocation_index = self.size
        elif isinstance(entry, KeyringChange):
            place = (entry.device, entry.epoch, entry.batch)
            self.keyrings[place] = KeyringState(entry.generation, entry.new, self.size)
        elif isinstance(entry, Mark):
            self.marks[entry.kind, entry.name] = entry
        elif isinstance(entry, Succession):
            self.succession = entry
        elif isinstance(entry, Trail):
            self.trail = TrailEntry(checked.id, entry, self.size)
            self.register.add(RoleKey(Role.TRAIL, entry.key))

    def _take_enrolment(self, checked: CheckedEntry, found: Enrolment) -> None:
        state = self.admissions[found.admission]
        custody_devices.enrol(
            self.devices, found, checked.id, custody=state.admission.custody, index=self.size
        )
        if not found.reason.by_old_key:
            state.used += 1
        for role_key in found.role_keys():
            self.register.add(role_key)
