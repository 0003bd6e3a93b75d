# SPDX-License-Identifier: EUPL-1.2
"""A whole custody in memory: an office with its keys, devices, and the notes that they sign."""

import hashlib
import os
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lakzegel_core.admission import Admission, sign_admission
from lakzegel_core.age import Identity
from lakzegel_core.batch import Header, Seen, State, batch_id, sign_header
from lakzegel_core.custody import Custody
from lakzegel_core.delegation import Delegation, sign_delegation
from lakzegel_core.enrolment import Enrolment, Reason, device_key_name, sign_enrolment
from lakzegel_core.finding import Finding, sign_finding
from lakzegel_core.hold import HOLD, Mark, sign_mark
from lakzegel_core.keyringchange import KeyringChange, sign_keyring_change
from lakzegel_core.keys import Algorithm, SigningKey
from lakzegel_core.policy import parse_policy_toml, sign_policy
from lakzegel_core.revocation import Revocation, sign_revocation

ORIGIN = "log.example/test"
START = datetime(2026, 11, 24, 2, tzinfo=UTC)
REPOSITORY = Path(__file__).resolve().parents[2]
RECIPIENT = Identity.from_seed(bytes(32)).recipient
POLICY = f"""serial = {{serial}}
audience = {{audience}}
expires = 2027-06-30
recipients = ["{RECIPIENT.to_text()}"]
"""


def make_key(name, algorithm=Algorithm.ED25519, salt=""):
    """The same key for the same name, type and salt."""
    seed = hashlib.sha256(f"{name} {algorithm} {salt}".encode()).digest()
    return SigningKey.from_seed(name, algorithm, seed)


def digest(data):
    return hashlib.sha256(data).digest()


@dataclass
class Office:
    """The office's keys, and every note that it can sign."""

    salt: str = ""
    origin: str = ORIGIN
    policy: list[SigningKey] = field(init=False)
    enrolment: SigningKey = field(init=False)
    approval: list[SigningKey] = field(init=False)
    witness: SigningKey = field(init=False)
    mirror: SigningKey = field(init=False)
    held: SigningKey = field(init=False)

    def __post_init__(self):
        self.policy = [self.key("policy"), self.key("privacy")]
        self.enrolment = self.key("enrolment")
        self.approval = [self.key("approval-1"), self.key("approval-2")]
        self.witness = self.key("witness", Algorithm.ED25519_COSIGNATURE)
        self.mirror = self.key("mirror", Algorithm.ED25519_COSIGNATURE)
        self.held = self.key("held")

    def key(self, name, algorithm=Algorithm.ED25519):
        return make_key(f"records.example/{name}", algorithm, self.salt)

    def describe(self, serial=1, **changes):
        stated = Delegation(
            origin=self.origin,
            serial=serial,
            policy=tuple(key.verifier for key in self.policy),
            threshold=2,
            enrolment=(self.enrolment.verifier,),
            approval=tuple(key.verifier for key in self.approval),
            witness=self.witness.verifier,
            mirror=self.mirror.verifier,
            held=self.held.verifier,
            issued=START,
        )
        return replace(stated, **changes)

    def delegation(self, serial=1, *, signers=None, **changes):
        return sign_delegation(self.describe(serial, **changes), signers or self.policy)

    def admission(self, token, *, device=None, group=None, count=1, signer=None, **changes):
        stated = Admission(
            self.origin, token.verifier, device, group, count, START + timedelta(days=30), "term"
        )
        return sign_admission(replace(stated, **changes), signer or self.enrolment)

    def policy_note(self, serial, audience='["group:all"]', *, signers=None, origin=None):
        toml = POLICY.format(serial=serial, audience=audience)
        stated = parse_policy_toml(toml)
        return sign_policy(origin or self.origin, stated, signers or self.policy)

    def revocation(self, device, epoch, batch, *, signer=None, **changes):
        stated = Revocation(self.origin, device, epoch, batch, "stolen", START)
        return sign_revocation(replace(stated, **changes), signer or self.enrolment)

    def keyring_change(self, device, generation, *, old=b"a", new=b"b", signers=None, **changes):
        stated = KeyringChange(
            origin=self.origin,
            device=device,
            epoch=0,
            batch=0,
            old=digest(old),
            new=digest(new),
            generation=generation,
            reason="dispose",
            recipients=digest(b"r"),
            destroyed=(4, 17),
            certificate=digest(b"c"),
            at=START,
        )
        return sign_keyring_change(replace(stated, **changes), signers or self.approval)

    def finding(self, device, *, signer=None, **changes):
        stated = Finding(
            self.origin, device, 0, 0, digest(b"h"), "commitment-mismatch", (4, 17), None, START
        )
        return sign_finding(replace(stated, **changes), signer or self.held)

    def mark(self, kind=HOLD, state="on", *, at=START, signer=None, **changes):
        paper = bytes(32) if state == "closed" else None
        stated = Mark(kind, self.origin, "woo-2027-014", state, None, at, paper)
        return sign_mark(replace(stated, **changes), signer or self.approval[0])


@dataclass
class Device:
    """A device's keys and the end of its chain; a copy of it is a clone."""

    name: str
    group: str | None = None
    epoch: int = 0
    previous: bytes = bytes(32)
    newest: bytes | None = None
    batch: int = 0
    origin: str = ORIGIN

    @property
    def header_key(self):
        return make_key(device_key_name(self.origin, self.name, self.epoch, "header"))

    @property
    def witness_key(self):
        name = device_key_name(self.origin, self.name, self.epoch, "witness")
        return make_key(name, Algorithm.ED25519_COSIGNATURE)

    def describe(self, admission, reason=Reason.FIRST, **changes):
        known = {Reason.RESTORED: digest(b"an older one"), Reason.ROTATED: self.newest}
        stated = {
            "origin": self.origin,
            "device": self.name,
            "epoch": self.epoch,
            "group": self.group,
            "header": self.header_key.verifier,
            "witness": self.witness_key.verifier,
            "annex": RECIPIENT,
            "admission": digest(admission),
            "reason": reason,
            "previous": self.newest,
            "known": known.get(reason),
            "seen_size": 3,
            "seen_root": bytes(32),
            "enrolled": START,
        }
        return Enrolment(**(stated | changes))

    def enrol(self, admission, other, reason=Reason.FIRST, **changes):
        """The enrolment note; a next epoch begins at its batch 0."""
        note = sign_enrolment(self.describe(admission, reason, **changes), self.header_key, other)
        self.previous, self.batch = digest(note), 0
        return note

    def next_epoch(self):
        """Go to the next epoch; returns the header key of the one before."""
        old = self.header_key
        self.epoch += 1
        return old

    def header(self, *, signer=None, **changes):
        stated = Header(
            origin=self.origin,
            device=self.name,
            epoch=self.epoch,
            batch=self.batch,
            previous=self.previous,
            seen=Seen(3, bytes(32)),
            closed=START + timedelta(minutes=15 * self.batch),
            items=1,
            contents=digest(b"contents"),
            keyring=digest(b"keyring"),
            policy=bytes(32),
            state=State.OPEN,
        )
        return sign_header(replace(stated, **changes), signer or self.header_key)

    def moved_on(self, header):
        """Take the header as sent."""
        self.previous = self.newest = batch_id(header)
        self.batch += 1


class World:
    """A custody that has its delegation, an office and the means to enrol devices."""

    def __init__(self):
        self.office = Office()
        self.notes = []  # the log's entries
        self.custody = Custody.start(
            ORIGIN, pinned=[key.verifier for key in self.office.policy], threshold=2
        )
        self.apply(self.office.delegation())

    def apply(self, note):
        checked = self.custody.apply(note)
        self.notes.append(note)
        return checked

    def admit(self, name, **more):
        """A token and the admission that is in the log for it."""
        token = make_key(f"{ORIGIN}/token/{name}")
        note = self.office.admission(token, **more)
        self.apply(note)
        return token, note

    def enrol(self, name="laptop-1", group="all"):
        """An enrolled device."""
        device = Device(name, group)
        token, admission = self.admit(name, group=group)
        self.apply(device.enrol(admission, token))
        return device

    def send(self, device, **changes):
        header = device.header(**changes)
        self.apply(header)
        device.moved_on(header)
        return header


def dump(custody):
    """Everything that a custody remembers, to be compared."""
    return repr(
        (
            custody.size,
            custody.devices,
            custody.admissions,
            custody.policies,
            custody.delegation,
            custody.keyrings,
            custody.marks,
            sorted(custody.register._by_public.items()),
            sorted(custody.register._by_id.items()),
        )
    )


@pytest.fixture
def world():
    return World()


@pytest.fixture(scope="session")
def parts():
    """The builders themselves, for tests that make their own worlds."""
    return Parts


class Parts:
    World = World
    Office = Office
    Device = Device
    make_key = staticmethod(make_key)
    digest = staticmethod(digest)
    dump = staticmethod(dump)


@pytest.fixture(scope="session")
def shared_vectors():
    """The folder with vectors that others made; `LAKZEGEL_DATA` names another place."""
    data = Path(os.environ.get("LAKZEGEL_DATA", REPOSITORY.parent / "shared" / "data"))
    if not (data / "vectors").is_dir():
        pytest.skip("the vectors that others made are not here (set LAKZEGEL_DATA)")
    return data / "vectors"
