# SPDX-License-Identifier: EUPL-1.2
"""Valid logs that hold every kind of entry, in an order that chance decides."""

import copy
from datetime import timedelta

from lakzegel_core.batch import State
from lakzegel_core.checkpoint import Checkpoint
from lakzegel_core.enrolment import Reason
from lakzegel_core.errors import LakzegelError
from lakzegel_core.hold import HOLD, TERM
from lakzegel_core.succession import Succession, sign_succession
from lakzegel_core.trail import Trail, sign_trail, trail_key_name
from lakzegel_core.withdrawal import Withdrawal, sign_withdrawal


class Walk:
    """Takes steps, each an entry that holds; ``world.notes`` is the log so far."""

    def __init__(self, parts, chance):
        self.parts, self.chance = parts, chance
        self.world = parts.World()
        self.office = self.world.office
        self.origin = self.world.custody.origin
        self.devices, self.admissions, self.marks = [], [], 0
        self.serial, self.delegations, self.generations, self.trails = 0, 1, {}, []
        self.trail_key = self.key_of_trail(0)
        if chance.random() < 0.5:
            self.world.apply(self.succession())

    @property
    def at(self):
        return self.office.describe().issued

    def go(self, steps):
        """Take this many steps; about half are batches, as in a log."""
        ways = [self.admit, self.enrol, self.change_keys, self.restore, self.publish, self.trail]
        ways += [self.mark, self.find, self.change_keyring, self.delegate, self.withdraw]
        while len(self.world.notes) < steps:
            way = self.send if self.chance.random() < 0.45 else self.chance.choice(ways)
            way()
            if self.chance.random() < 0.02:
                self.revoke()
        return self.world.notes

    def succession(self):
        former = Checkpoint("log.example/old", 7, bytes(32))
        stated = Succession(self.origin, former, "lost", self.at)
        return sign_succession(stated, self.office.policy)

    def admit(self):
        name = len(self.admissions)
        token = self.parts.make_key(f"{self.origin}/token/{name % 7}")
        note = self.office.admission(token, group="all", count=2, custody=f"term-{name}")
        self.world.apply(note)
        self.admissions.append((token, note))

    def enrol(self):
        if not self.admissions:
            return
        token, note = self.chance.choice(self.admissions)
        device = self.parts.Device(f"laptop-{len(self.devices)}", "all")
        if self._try(device.enrol(note, token)):
            device.admission = note
            self.devices.append(device)

    def _opened(self, reason):
        device = self._device()
        if device is None or (reason is Reason.RESTORED and device.newest is None):
            return
        ahead = copy.copy(device)
        old = ahead.next_epoch()
        if self._try(ahead.enrol(device.admission, old, reason)):
            vars(device).update(vars(ahead))

    def change_keys(self):
        self._opened(Reason.ROTATED)

    def restore(self):
        self._opened(Reason.RESTORED)

    def send(self):
        device = self._device()
        if device is None:
            return
        end = State.FINAL if self.chance.random() < 0.03 else State.OPEN
        header = device.header(state=end)
        if self._try(header):
            device.moved_on(header)

    def publish(self):
        self.serial += 1
        self.world.apply(self.office.policy_note(self.serial))

    def delegate(self):
        self.delegations += 1
        self.world.apply(self.office.delegation(self.delegations))

    def key_of_trail(self, number):
        return self.parts.make_key(trail_key_name(self.origin), salt=str(number))

    def trail(self):
        at, number = self.at, len(self.trails)
        after = self.chance.choice([self.trail_key, self.trail_key, self.key_of_trail(number % 3)])
        before = self.trails[-1] if self.trails else None
        stated = Trail(self.origin, number, before, 1, bytes(32), at, at, after.verifier)
        note = sign_trail(stated, self.trail_key)
        self.world.apply(note)
        self.trails.append(self.parts.digest(note))
        self.trail_key = after

    def mark(self):
        self.marks += 1
        kind, state = self.chance.choice([(HOLD, "on"), (HOLD, "off"), (TERM, "closed")])
        at = self.at + timedelta(seconds=self.marks)
        self.world.apply(self.office.mark(kind, state, at=at))

    def find(self):
        self.world.apply(self.office.finding("laptop-1"))

    def change_keyring(self):
        device = self._device()
        if device is not None:
            now = self.generations.get(device.name, 0)
            old, new = b"%d" % now, b"%d" % (now + 1)
            self.world.apply(self.office.keyring_change(device.name, now + 1, old=old, new=new))
            self.generations[device.name] = now + 1

    def withdraw(self):
        if self.admissions and self.chance.random() < 0.3:
            named = (self.parts.digest(self.chance.choice(self.admissions)[1]),)
            stated = Withdrawal(self.origin, named, "mistaken", self.at)
            self._try(sign_withdrawal(stated, self.office.enrolment))

    def revoke(self):
        device = self._device()
        if device is not None:
            self._try(self.office.revocation(device.name, device.epoch, None))

    def _device(self):
        return self.chance.choice(self.devices) if self.devices else None

    def _try(self, note):
        """Whether the log takes it: a device may have ended, an admission be used up."""
        try:
            self.world.apply(note)
        except LakzegelError:
            return False
        return True
