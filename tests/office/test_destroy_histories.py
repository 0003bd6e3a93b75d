# SPDX-License-Identifier: EUPL-1.2
"""Random histories: one private message in many exports, in a database and in a mail.

Whatever was captured, held, proposed and approved in which order, and wherever a run was cut off:
exactly what was approved is gone, everything else is as readable as before, and every keyring has
a zero exactly where an approved list says so.
"""

import hashlib
import os
import shutil
import tempfile
from contextlib import closing, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from lakzegel_core.keyring import DESTROYED, open_keyring
from lakzegel_office import durable
from lakzegel_office.checkpoints import replay_mirror
from lakzegel_office.collection.model import Query
from lakzegel_office.collection.opening import open_collection
from lakzegel_office.destroying.carrying import Ground
from lakzegel_office.destroying.holds import Hold, Holds
from lakzegel_office.destroying.lists import APPROVED, WITHDRAWN, Lists
from lakzegel_office.destroying.selection import read_selection
from lakzegel_office.errors import GoneError, OfficeError, UsageError
from lakzegel_office.mirror import Mirror
from tests.office.conftest import make_world
from tests.office.disposing import COPIES, NOW, carrier_of, decide, office_of
from tests.office.mails import letter
from tests.office.test_collection_chats import HEAD, TALK, android, line, zipped

PRIVATE = [f"privaat{n} over de operatie van mijn zus in het ziekenhuis" for n in range(2)]
WORK = [f"zakelijk{n} de notitie gaat morgen naar de Kamer" for n in range(4)]


class Cut(BaseException):
    """The process ends here: nothing catches it."""


class Histories(RuleBasedStateMachine):
    """One office, and what people do in any order."""

    @initialize()
    def begin(self):
        self.folder = tempfile.TemporaryDirectory(prefix="lakzegel-")
        self.world = make_world(Path(self.folder.name))
        self.device = self.world.enrol()
        self.office = office_of(self.world)
        self.category = read_selection(self.world.home.selection).category("prive")
        self.lines, self.number, self.held = [], 0, set()
        self.export(0, private=True, packed=True)

    def teardown(self):
        if hasattr(self, "folder"):
            for _ in range(len(self.held)):
                self.release()
            self.propose(0)
            self.run_cut_off(self.number * 11 % 60, ("lost", "refused", "given")[self.number % 3])
            for found in Lists(self.office).all().values():
                if found.state == APPROVED:
                    self.run_on(found.number)
            self.keys_are_gone_as_approved_and_no_others()
            assert self.world.run("verify", "--open", "--quiet") == 0
            self.folder.cleanup()

    # what is captured

    @rule(n=st.integers(0, 3), private=st.booleans(), packed=st.booleans())
    def export(self, n, private, packed):
        """One more export of the chat, in a zip or not: all that was, and a line more."""
        text = PRIVATE[n % 2] if private else WORK[n]
        minute = len(self.lines)
        self.lines.append(f"12-03-24 09:{minute:02} - Anna: {text}\n")
        self.number += 1
        chat = "".join(self.lines).encode()
        pieces = zipped({"_chat.txt": chat, "1-PHOTO.jpg": b"\xff"}) if packed else [chat]
        name = f"WhatsApp-chat met Anna ({self.number}).{'zip' if packed else 'txt'}"
        self.device.send_as("whatsapp-export", {name: pieces})
        self.world.pull()

    @rule(n=st.integers(0, 1))
    def mail(self, n):
        self.number += 1
        texts = {f"cur/{self.number}": [letter(self.number, PRIVATE[n])]}
        self.device.send_as("maildir", texts)
        self.world.pull()

    @rule(n=st.integers(0, 1))
    def database(self, n):
        self.number += 1
        rows = [line(HEAD), line(android(PRIVATE[n])), line(android(WORK[n]))]
        self.device.send_as("whatsapp-android", {f"{self.number}/{TALK}": rows})
        self.world.pull()

    @rule()
    def index_made_anew(self):
        """What is left is the same without what the index knew."""
        before = self.readable()
        shutil.rmtree(self.world.home.state)
        assert self.readable() == before

    # what people decide

    @rule(n=st.integers(0, 1))
    def propose(self, n):
        units = decide(self.world, f"privaat{n}")
        if not units:
            return
        carrier = carrier_of(self.world)
        ground = Ground("verzoek", self.category)
        try:
            number, _ = carrier.propose(units, ground, NOW)
        except UsageError as refusal:
            assert self.held or "nothing is left" in str(refusal), refusal  # noqa: PT017
            return
        with suppress(UsageError):
            carrier.approve(number, NOW)

    @rule(n=st.integers(0, 1))
    def hold(self, n):
        holds = self.holds()
        name = f"woo-{n}"
        holds.set(Hold(name, "Woo", {"text": f"privaat{n}"}, (), NOW), NOW, os.urandom)
        self.held.add(name)
        with closing(open_collection(self.office)[0]) as collection:
            Lists(self.office).take_off(holds.on(), collection, NOW)

    @precondition(lambda self: self.held)
    @rule()
    def release(self):
        self.holds().release(self.held.pop(), "besluit", NOW)

    @rule(after=st.integers(0, 60), answer=st.sampled_from(["lost", "refused", "given"]))
    def run_cut_off(self, after, answer):
        """Carry out what is approved, cut off somewhere, then to its end."""
        for found in Lists(self.office).all().values():
            if found.state == APPROVED:
                with pytest.MonkeyPatch.context() as patch:
                    self.cut(patch, after, answer)
                    with suppress(Cut, OfficeError):
                        self.carry(found.number)
                self.run_on(found.number)

    # what must be so

    @invariant()
    def keys_are_gone_as_approved_and_no_others(self):
        if not hasattr(self, "world"):
            return
        said = {}
        for change in replay_mirror(Mirror(self.world.home.mirror), self.world.config).changes:
            place = (change.change.epoch, change.change.batch)
            said.setdefault(place, set()).update(change.change.destroyed)
        for name, sealed in self.world.receiver.keyrings.items():
            ring = open_keyring(sealed, [self.world.vault.identity("records")])
            zero = {n for n, slot in enumerate(ring.slots) if slot == DESTROYED}
            assert zero == said.get((ring.epoch, ring.batch), set())
            mirrored = self.world.home.mirror / "keyrings" / f"{name}.keyring"
            assert mirrored.read_bytes() == sealed

    # how

    def run_on(self, number):
        before, found = self.readable(), Lists(self.office).get(number)
        try:
            self.carry(number)
        except UsageError as refusal:
            assert "again" in str(refusal) or "approve" in str(refusal), refusal  # noqa: PT017
            return
        after = self.readable()
        assert Lists(self.office).get(number).state == WITHDRAWN
        assert after == {u: text for u, text in before.items() if u not in found.units}
        items = {tuple(map(int, item.split("/")[1:])) for item in found.items}
        gone = replay_mirror(Mirror(self.world.home.mirror), self.world.config).destroyed
        assert items <= {(e, b, i) for (_, e, b), rows in gone.items() for i in rows}

    def carry(self, number):
        carrier = carrier_of(self.world)
        carrier.carry_out(number, self.world.receiver, self.world.puller().run, COPIES, NOW)

    def cut(self, patch, after, answer):
        """End the process at the so-manieth write, or at the receiver's answer."""
        left, works = [after], self.world.receiver.replace_keyring

        def fsync(descriptor):
            left[0] -= 1
            if left[0] < 0:
                raise Cut
            os.fsync(descriptor)

        def asked(*arguments):
            if answer == "refused":
                raise Cut
            works(*arguments)
            if answer == "lost":
                raise Cut

        patch.setattr(durable, "os", _Patched(os, fsync=fsync))
        patch.setattr(self.world.receiver, "replace_keyring", asked)

    def holds(self):
        return Holds(self.office, replay_mirror(Mirror(self.world.home.mirror), self.world.config))

    def units(self, text):
        with closing(open_collection(self.office)[0]) as collection:
            return [unit.id for unit in collection.units(Query(text=text))]

    def readable(self):
        """Every unit that can be opened, with what it says, blanks apart."""
        found = {}
        with closing(open_collection(self.office)[0]) as collection:
            for unit in collection.units(Query()):
                with suppress(GoneError):
                    found[unit.id] = hashlib.sha256(collection.body(unit.id).text.strip().encode())
        return {unit: digest.hexdigest() for unit, digest in found.items()}


class _Patched:
    """A module with some of its functions replaced."""

    def __init__(self, module, **changes):
        self.__dict__.update(vars(module), **changes)


common = {
    "deadline": None,
    "suppress_health_check": list(HealthCheck),
    "derandomize": True,
    "phases": (Phase.explicit, Phase.generate),  # a history costs seconds: none is made shorter
}
TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=1, stateful_step_count=8, **common)


@pytest.mark.soak
class TestManyHistories(Histories.TestCase):
    """The same, at length."""

    settings = settings(max_examples=40, stateful_step_count=20, **{**common, "derandomize": False})
