# SPDX-License-Identifier: EUPL-1.2
"""A custody grows by any legal steps in any order; each illegal one is refused and changes nothing.

Beside it a model that is small enough to be read: numbers and names, no notes, no keys.
"""

import copy
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from lakzegel_core.batch import State
from lakzegel_core.enrolment import Reason
from lakzegel_core.errors import (
    ChainError,
    EpochError,
    ExhaustedError,
    ExpiredError,
    ForkError,
    GapError,
    NotAdmittedError,
    PolicyError,
    ReplayError,
    RevokedError,
    RoleError,
    UnknownKeyError,
)

GROUPS = ("all", "some")


@dataclass
class Known:
    """What the model knows of a device."""

    group: str
    epoch: int = 0
    batches: list[int] = field(default_factory=lambda: [0])  # how many, an epoch each
    revoked: tuple[int, int] | None = None
    final: bool = False

    @property
    def ended(self):
        return self.revoked is not None or self.final


class Machine(RuleBasedStateMachine):
    """Legal and illegal steps; ``parts`` are the builders of notes."""

    admissions = Bundle("admissions")
    devices = Bundle("devices")

    def __init__(self, parts):
        super().__init__()
        self.parts = parts
        self.world = parts.World()
        self.office = self.world.office
        self.custody = self.world.custody
        self.log = 1  # the delegation
        self.known = {}
        self.used = {}
        self.serials = dict.fromkeys(GROUPS, 0)
        self.generations = {}
        self.delegation = 1
        self.names = 0

    def legal(self, note):
        entry = self.custody.apply(note)
        self.log += 1
        return entry

    def illegal(self, note, *errors):
        before = self.parts.dump(self.custody)
        with pytest.raises(errors):
            self.custody.apply(note)
        assert self.parts.dump(self.custody) == before

    def enrolment(self, admission, name, group, **more):
        device = self.parts.Device(name, group)
        return device, device.enrol(admission[1], admission[0], **more)

    # admissions

    @rule(target=admissions, group=st.sampled_from(GROUPS), count=st.integers(1, 3))
    def admit(self, group, count):
        self.names += 1
        token = self.parts.make_key(f"log.example/test/token/{self.names}")
        note = self.office.admission(token, group=group, count=count)
        self.legal(note)
        self.used[note] = [0, count]
        return token, note, group

    @rule(admission=admissions)
    def admit_again(self, admission):
        self.illegal(admission[1], ReplayError)

    @rule(group=st.sampled_from(GROUPS))
    def mint_an_admission(self, group):
        token = self.parts.make_key("log.example/test/token/minted")
        note = self.office.admission(token, group=group, signer=token)
        self.illegal(note, UnknownKeyError)

    # enrolments

    @rule(target=devices, admission=admissions)
    def enrol(self, admission):
        self.names += 1
        name = f"laptop-{self.names}"
        device, note = self.enrolment(admission, name, admission[2])
        used = self.used[admission[1]]
        if used[0] >= used[1]:
            self.illegal(note, ExhaustedError)
            return None
        self.legal(note)
        used[0] += 1
        self.known[name] = Known(admission[2])
        return device

    @rule(admission=admissions)
    def enrol_into_another_group(self, admission):
        other = GROUPS[GROUPS.index(admission[2]) - 1]
        self.illegal(self.enrolment(admission, "laptop-x", other)[1], NotAdmittedError)

    @rule(admission=admissions)
    def enrol_too_late(self, admission):
        late = self.office.describe().issued + timedelta(days=31)
        note = self.enrolment(admission, "laptop-x", admission[2], enrolled=late)[1]
        self.illegal(note, ExpiredError, ExhaustedError)

    @rule(admission=admissions, device=devices)
    def enrol_a_second_first_time(self, admission, device):
        if device is None or device.group != admission[2]:
            return
        note = self.enrolment(admission, device.name, device.group)[1]
        self.illegal(note, EpochError, RevokedError)

    @rule(admission=admissions, device=devices, restored=st.booleans(), skip=st.integers(0, 1))
    def open_an_epoch(self, admission, device, restored, skip):
        if device is None or device.group != admission[2]:
            return
        known, used = self.known[device.name], self.used[admission[1]]
        ahead = copy.copy(device)
        old = ahead.next_epoch()
        ahead.epoch += skip
        if restored and device.newest is None:
            return  # nothing that it did not know: no such note can be made
        reason = Reason.RESTORED if restored else Reason.UNREADABLE
        note = ahead.enrol(admission[1], old if restored else admission[0], reason)
        if skip:
            self.illegal(note, EpochError, RevokedError)
        elif known.revoked is not None:
            self.illegal(note, RevokedError)
        elif not restored and used[0] >= used[1]:
            self.illegal(note, ExhaustedError)
        else:
            self.legal(note)
            used[0] += not restored
            known.epoch += 1
            known.batches.append(0)
            vars(device).update(vars(ahead))

    @rule(admission=admissions, device=devices, by_token=st.booleans(), stale=st.booleans())
    def replace_keys(self, admission, device, by_token, stale):
        if device is None or device.group != admission[2]:
            return
        known = self.known[device.name]
        ahead = copy.copy(device)
        old = ahead.next_epoch()
        more = {"previous": bytes(32), "known": bytes(32)} if stale else {}
        note = ahead.enrol(admission[1], admission[0] if by_token else old, Reason.ROTATED, **more)
        if by_token:
            self.illegal(note, UnknownKeyError)
        elif known.revoked is not None:
            self.illegal(note, RevokedError)
        elif stale:
            self.illegal(note, EpochError)
        elif known.final:
            self.illegal(note, ChainError)
        else:
            self.legal(note)
            self.illegal(note, EpochError)
            known.epoch += 1
            known.batches.append(0)
            vars(device).update(vars(ahead))

    # batches

    @rule(device=devices, final=st.sampled_from([False, False, False, True]))
    def send(self, device, final):
        if device is None:
            return
        known = self.known[device.name]
        header = device.header(state=State.FINAL if final else State.OPEN)
        if known.ended:
            self.illegal(header, RevokedError, ChainError)
            return
        self.legal(header)
        device.moved_on(header)
        known.batches[-1] += 1
        known.final = final
        self.illegal(header, ReplayError)

    @rule(device=devices, ahead=st.integers(1, 3))
    def skip_batches(self, device, ahead):
        if device is not None:
            self.illegal(device.header(batch=device.batch + ahead), GapError)

    @rule(device=devices)
    def fork(self, device):
        if device is not None and device.batch:
            self.illegal(device.header(batch=device.batch - 1, items=7), ForkError)

    @rule(device=devices)
    def follow_something_else(self, device):
        if device is not None:
            self.illegal(device.header(previous=self.parts.digest(b"else")), GapError)

    @rule(device=devices, step=st.sampled_from([-1, 1]))
    def send_in_another_epoch(self, device, step):
        if device is None or device.epoch + step < 0:
            return
        elsewhere = copy.copy(device)
        elsewhere.epoch += step
        self.illegal(elsewhere.header(), EpochError)

    @rule(device=devices)
    def send_as_another(self, device):
        stranger = self.parts.Device("laptop-x")
        self.illegal(stranger.header(), NotAdmittedError)
        if device is not None:
            signer = self.parts.make_key(device.header_key.verifier.name, salt="stranger")
            self.illegal(device.header(signer=signer), UnknownKeyError)

    # revocations

    @rule(device=devices, data=st.data())
    def revoke(self, device, data):
        if device is None:
            return
        known = self.known[device.name]
        epoch = data.draw(st.integers(0, known.epoch + 1))
        batch = data.draw(st.integers(-1, 3))
        note = self.office.revocation(device.name, epoch, None if batch < 0 else batch)
        exists = epoch <= known.epoch and batch < known.batches[epoch]
        if known.revoked is not None and (epoch, batch) >= known.revoked:
            self.illegal(note, ReplayError)
        elif not exists:
            self.illegal(note, ChainError)
        else:
            self.legal(note)
            known.revoked = (epoch, batch)

    # policies, keyrings, delegations

    @rule(group=st.sampled_from(GROUPS), serial=st.integers(1, 6))
    def publish(self, group, serial):
        note = self.office.policy_note(serial, f'["group:{group}"]')
        if serial <= self.serials[group]:
            self.illegal(note, PolicyError)
        else:
            self.legal(note)
            self.serials[group] = serial

    @rule(device=devices, generation=st.integers(1, 3), old=st.integers(0, 3))
    def change_a_keyring(self, device, generation, old):
        if device is None:
            return
        now = self.generations.get(device.name, 0)
        note = self.office.keyring_change(
            device.name, generation, old=b"%d" % old, new=b"%d" % generation
        )
        if generation != now + 1:
            self.illegal(note, GapError)
        elif now and old != now:
            self.illegal(note, ForkError)
        else:
            self.legal(note)
            self.generations[device.name] = generation

    @rule(serial=st.integers(1, 5))
    def delegate(self, serial):
        note = self.office.delegation(serial)
        if serial <= self.delegation:
            self.illegal(note, PolicyError)
        else:
            self.legal(note)
            self.delegation = serial

    @rule(device=devices)
    def give_a_key_a_second_role(self, device):
        taken = self.office.enrolment if device is None else device.header_key
        self.illegal(self.office.admission(taken, group="all"), RoleError)

    # what must always hold

    @invariant()
    def the_custody_knows_what_the_model_knows(self):
        assert self.custody.size == self.log
        assert set(self.custody.devices) == set(self.known)
        for name, known in self.known.items():
            state = self.custody.devices[name]
            assert (state.epoch, state.final) == (known.epoch, known.final)
            assert state.revoked == (known.revoked is not None)
            count = 0 if state.head is None else state.head.batch + 1
            assert count == known.batches[-1]

    @invariant()
    def admissions_are_counted(self):
        for note, (used, _) in self.used.items():
            assert self.custody.admissions[self.parts.digest(note)].used == used

    @precondition(lambda self: self.known)
    @invariant()
    def everybody_has_the_newest_policy_of_his_group(self):
        for name, known in self.known.items():
            entry = self.custody.policy_for(name)
            assert (entry.policy.serial if entry else 0) == self.serials[known.group]


def test_a_custody_grows_by_legal_steps_only(parts):
    run_state_machine_as_test(
        lambda: Machine(parts),
        settings=settings(max_examples=60, stateful_step_count=40, deadline=None),
    )
