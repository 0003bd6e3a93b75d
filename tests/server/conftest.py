# SPDX-License-Identifier: EUPL-1.2
"""A real receiver over loopback HTTP, an office's keys, and devices that seal into it."""

import functools
import hashlib
import inspect
import os
import re
import sys
import threading
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
import yaml

from lakzegel_core.admission import Admission, sign_admission
from lakzegel_core.age import Identity
from lakzegel_core.batch import Header, Seen, State, batch_id, sign_header
from lakzegel_core.checkpoint import LogKeys, open_checkpoint
from lakzegel_core.cosignature import cosign
from lakzegel_core.delegation import Delegation, sign_delegation
from lakzegel_core.enrolment import Enrolment, Reason, device_key_name, sign_enrolment
from lakzegel_core.heartbeat import Heartbeat, sign_heartbeat
from lakzegel_core.heartbeatrows import Figures, SpoolUse
from lakzegel_core.held import Held, sign_held
from lakzegel_core.item import Place, seal_item
from lakzegel_core.keyring import Keyring, seal_keyring
from lakzegel_core.keys import Algorithm, SigningKey
from lakzegel_core.manifest import contents_root
from lakzegel_core.merkle import EMPTY_ROOT
from lakzegel_core.note import Note
from lakzegel_core.policy import parse_policy_toml, sign_policy
from lakzegel_core.query import Query, sign_query
from lakzegel_core.receipt import verify_receipt
from lakzegel_core.revocation import Revocation, sign_revocation
from lakzegel_server import accounts
from lakzegel_server.accounts import AccountRole
from lakzegel_server.alerting.observed import observe, own_causes
from lakzegel_server.database import Database, open_turns
from lakzegel_server.desk import open_desk
from lakzegel_server.fleet.beats import read_beats
from lakzegel_server.fleet.grace import GRACE
from lakzegel_server.fsck.run import check
from lakzegel_server.layout import Layout
from lakzegel_server.logsigner import create
from lakzegel_server.logstate import LogState
from lakzegel_server.serving import Endpoint, make_server
from lakzegel_server.stores.opening import StorePlaces, opened
from lakzegel_server.stores.stores import Stores
from lakzegel_server.web.app import build

ORIGIN = "log.example/test"
START = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
NOW = START.timestamp()
SPEC = Path(__file__).resolve().parents[2] / "docs" / "spec" / "openapi.yaml"


def new_key(name, algorithm=Algorithm.ED25519):
    return SigningKey.from_seed(name, algorithm, os.urandom(32))


@functools.cache
def documented():
    """(method, pattern of the path) -> the statuses that the OpenAPI file has."""
    found = {}
    for path, methods in yaml.safe_load(SPEC.read_text())["paths"].items():
        pattern = re.compile(re.sub(r"\{tile\}", ".+", re.sub(r"\{name\}", "[^/]+", path)) + r"\Z")
        for method, operation in methods.items():
            if method != "parameters":
                found[method.upper(), pattern] = {int(status) for status in operation["responses"]}
    return found


@dataclass
class Office:
    """The keys of an office and the notes that it signs."""

    policy: list = field(
        default_factory=lambda: [new_key("records.example/policy"), new_key("privacy.example/p")]
    )
    enrolment: SigningKey = field(default_factory=lambda: new_key("records.example/enrolment"))
    approval: list = field(
        default_factory=lambda: [new_key(f"records.example/approval-{i}") for i in (1, 2)]
    )
    witness: SigningKey = field(
        default_factory=lambda: new_key("records.example/w", Algorithm.ED25519_COSIGNATURE)
    )
    mirror: SigningKey = field(
        default_factory=lambda: new_key("records.example/m", Algorithm.ED25519_COSIGNATURE)
    )
    held: SigningKey = field(default_factory=lambda: new_key("records.example/held"))
    recipient: Identity = field(default_factory=lambda: Identity.from_seed(os.urandom(32)))

    def delegation(self, serial=1):
        found = Delegation(
            ORIGIN,
            serial,
            tuple(k.verifier for k in self.policy),
            2,
            (self.enrolment.verifier,),
            tuple(k.verifier for k in self.approval),
            self.witness.verifier,
            self.mirror.verifier,
            self.held.verifier,
            START,
        )
        return sign_delegation(found, self.policy)

    def admission(self, token, *, device=None, group=None, count=1):
        found = Admission(
            ORIGIN, token.verifier, device, group, count, START + timedelta(days=90), "default"
        )
        return sign_admission(found, self.enrolment)

    def policy_note(self, serial, audience, *, annexes=None):
        lines = [
            f"serial = {serial}",
            f'audience = ["{audience}"]',
            "expires = 2027-06-30",
            f'recipients = ["{self.recipient.recipient.to_text()}"]',
            "[[source]]",
            'name = "mail"',
            'kind = "eml"',
            'path = "~/Mail"',
            "[annex]",
            *(f'{name} = "{value}"' for name, value in (annexes or {}).items()),
        ]
        return sign_policy(ORIGIN, parse_policy_toml("\n".join(lines) + "\n"), self.policy)

    def revocation(self, device, *, batch=None):
        found = Revocation(ORIGIN, device, 0, batch, "stolen", START)
        return sign_revocation(found, self.enrolment)

    def held_note(self, tree):
        return sign_held(Held(ORIGIN, tree.size, tree.root, START), self.held)


class Client:
    """Asks a receiver; every answer must be one that the OpenAPI file has."""

    def __init__(self, url, keys, *, token=None, verify=True):
        self.url, self.keys, self.token, self.verify = url, keys, token, verify
        self.session = requests.Session()
        self.session.trust_env = False

    def __call__(self, method, path, body=None, **headers):
        if self.token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        answer = self.session.request(
            method,
            self.url + path,
            data=body,
            headers=headers,
            timeout=30,
            verify=self.verify,
            allow_redirects=False,
        )
        for (known, pattern), statuses in documented().items():
            if known == method and pattern.match(path.partition("?")[0]):
                assert answer.status_code in statuses, f"{method} {path}: {answer.status_code}"
                break
        kind = answer.headers.get("content-type", "").partition(";")[0]
        crowded = (answer.status_code, kind) == (503, "text/plain")  # docs/spec/http.md §3
        if answer.status_code >= 400 and kind != "text/html" and not crowded:
            problem = answer.json()
            assert answer.headers["content-type"] == "application/problem+json"
            assert problem["status"] == answer.status_code
            assert problem["retry"] == (answer.status_code in {429, 503, 507})
        return answer

    def as_(self, token):
        return Client(self.url, self.keys, token=token, verify=self.verify)

    def checkpoint(self):
        return open_checkpoint(self("GET", "/log/checkpoint").content, self.keys)

    def put(self, upload, **more):
        return self("PUT", f"/v1/batches/{upload.name}{more.pop('query', '')}", upload.body, **more)

    def close(self):
        self.session.close()


@dataclass
class Upload:
    """One upload: its id, its header note, the bytes of its two files."""

    name: str
    note: bytes
    batch: bytes
    keyring: bytes

    @property
    def body(self):
        return self.batch + self.keyring


@dataclass
class Device:
    """A device that seals what a test tells it to, honestly or not."""

    office: Office
    name: str
    header: SigningKey
    witness: SigningKey
    annex: Identity
    token: SigningKey
    admission: bytes
    enrolment: bytes
    previous: bytes
    epoch: int = 0
    batch: int = 0
    seen: Seen = field(default_factory=lambda: Seen(0, EMPTY_ROOT))

    def seal(self, payloads=(b"een bericht",), *, advance=True, **changes):
        items = [
            seal_item(
                kind="segment",
                source="mail",
                payload=payload,
                context={},
                place=Place(ORIGIN, self.name, self.epoch, self.batch, index),
                random=os.urandom,
                compress=lambda data: data,
            )
            for index, payload in enumerate(payloads)
        ]
        contents = contents_root([item.entry for item in items])
        ring = Keyring(
            ORIGIN,
            self.name,
            self.epoch,
            self.batch,
            len(items),
            contents,
            tuple(item.key for item in items),
        )
        keyring = seal_keyring(ring, [self.office.recipient.recipient], random=os.urandom)
        key = changes.pop("key", self.header)
        header = Header(
            origin=ORIGIN,
            device=self.name,
            epoch=self.epoch,
            batch=self.batch,
            previous=self.previous,
            seen=self.seen,
            closed=START,
            items=len(items),
            contents=contents,
            keyring=hashlib.sha256(keyring).digest(),
            policy=bytes(32),
            state=State.OPEN,
        )
        note = sign_header(replace(header, **changes), key)
        manifest = b"".join(item.entry.to_bytes() for item in items)
        data = note + manifest + b"".join(item.ciphertext for item in items)
        if advance:
            self.previous = batch_id(note)
            self.batch += 1
        return Upload(batch_id(note).hex(), note, data, keyring)

    def heartbeat(self, counter=1, *, key=None, **changes):
        """A heartbeat of a device that fares well, unless a test says otherwise."""
        found = Heartbeat(
            origin=ORIGIN,
            device=self.name,
            epoch=self.epoch,
            boot=bytes(16),
            counter=counter,
            at=START,
            agent="0.5.0",
            started=START,
            policy=7,
            ledger=Figures(6, 3, 2, 1),
            spool=SpoolUse(1, 512, 2**31),
            receipt=None,
            skew=0,
            certificate=None,
        )
        return sign_heartbeat(replace(found, **changes), key or self.header)

    def query(self, key=None):
        found = Query(ORIGIN, self.name, self.epoch, os.urandom(16), START)
        return sign_query(found, key or self.header)


def unsealed_device(office, name, tree, *, admission=None, token=None, group=None, **changes):
    """A device whose notes are signed but not yet in any log."""
    token = token or new_key(f"{ORIGIN}/token/{os.urandom(4).hex()}")
    whom = {"group": group} if group else {"device": name}
    admitted = admission or office.admission(token, **whom)
    header = new_key(device_key_name(ORIGIN, name, 0, "header"))
    witness = new_key(device_key_name(ORIGIN, name, 0, "witness"), Algorithm.ED25519_COSIGNATURE)
    annex = Identity.from_seed(os.urandom(32))
    found = Enrolment(
        origin=ORIGIN,
        device=name,
        epoch=0,
        group=group,
        header=header.verifier,
        witness=witness.verifier,
        annex=annex.recipient,
        admission=hashlib.sha256(admitted).digest(),
        reason=Reason.FIRST,
        previous=None,
        known=None,
        seen_size=tree.size,
        seen_root=tree.root,
        enrolled=START,
    )
    signed = sign_enrolment(replace(found, **changes), header, token)
    previous = hashlib.sha256(signed).digest()
    return Device(office, name, header, witness, annex, token, admitted, signed, previous)


def cosigned(signed, key):
    """The checkpoint's text with one cosignature."""
    line = cosign(signed.checkpoint, key, now=int(NOW))
    return Note(signed.checkpoint.to_text(), (line,)).to_bytes()


@dataclass
class World:
    """One receiver that is serving, one office, and how to make devices."""

    data: Path
    office: Office
    keys: LogKeys
    client: Client
    desk: object
    tokens: dict
    index: object = None  # an address, when the index is no file
    stores: object = None  # when not everything lies below DATA

    @property
    def layout(self):
        return Layout(self.data, index=self.index, given=self.stores)

    def rests(self, seconds=20):
        """Whether the receiver answers nobody any more, within so long."""
        return APPLICATIONS[self.desk.log].rests(seconds)

    def as_(self, role):
        return self.client.as_(self.tokens[role])

    def enrol(self, name="minister", *, send=True):
        tree = self.client.checkpoint().checkpoint
        device = unsealed_device(self.office, name, tree)
        if send:
            assert self.as_("admin")("POST", "/v1/notes", device.admission).status_code == 200
            assert self.client("POST", "/v1/notes", device.enrolment).status_code == 200
        return device

    def receipt(self, answer, upload):
        assert answer.status_code == 200, answer.text
        return verify_receipt(answer.content, entry=upload.note, log=self.keys, seen=None)

    def read_anew(self):
        """Have the receiver prove by tiles that it did not read yet."""
        shown = self.desk.log.shown
        self.desk.log._showing.stand_by(shown.checkpoint, shown.data)

    def doubts(self):
        return [str(doubt) for doubt in check(self.layout).doubts]

    @contextmanager
    def taken(self):
        """The turn is somebody else's, as of another process that appends."""
        turns = open_turns(self.layout.database, self.layout.lock)
        with closing(turns), turns.turn():
            yield

    def left_behind(self):
        """What lies in DATA of batches: ids of batches, of keyrings, unfinished files."""
        return [
            sorted(p.name.partition(".")[0] for p in (self.data / folder).iterdir())
            for folder in ("batches", "keyrings", "incoming")
        ]


APPLICATIONS = {}  # of receivers that serve, by their log


class Counted:
    """An application, and how many of its answers are under way."""

    def __init__(self, application):
        self.application = application
        self.changed = threading.Condition()
        self.count = 0

    async def __call__(self, scope, receive, send):
        with self.changed:
            self.count += 1
        try:
            await self.application(scope, receive, send)
        finally:
            with self.changed:
                self.count -= 1
                self.changed.notify_all()

    def rests(self, seconds):
        """Whether it came to rest: also with those whose senders went away."""
        with self.changed:
            return self.changed.wait_for(lambda: self.count == 0, seconds)


@contextmanager
def serving(layout, signer, *, clock=lambda: NOW, cert=None, key=None, settings=None):
    """A receiver in a thread; yields its URL and its desk."""
    endpoint = Endpoint.parse("127.0.0.1:0", cert=cert, key=key)
    opened = open_desk(layout, signer, clock=clock, settings=settings, certificate=endpoint.served)
    with opened as desk, endpoint.bind() as bound:
        ready = threading.Event()
        answering = APPLICATIONS[desk.log] = Counted(build(desk))
        server = make_server(answering, endpoint, ready.set)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
        thread.start()
        assert ready.wait(10)
        try:
            yield endpoint.url(bound), desk
        finally:
            server.should_exit = True
            thread.join()
            del APPLICATIONS[desk.log]


def make_receiver(data, office, index=None, stores=None):
    """A new DATA whose log holds the office's delegation, with an account a role."""
    signer = create(data, ORIGIN, os.urandom(64))
    layout = Layout(data, index=index, given=stores)
    if index is not None:
        layout.settings.write_text(f'[stores]\ndatabase = "{index.url}"\n')
    log = LogState.open(layout, signer, clock=lambda: NOW)
    assert log.append([office.delegation()]) == [0]
    log.close()
    database = Database.open(layout.database)
    tokens = {
        role.value: accounts.add(
            database, f"{role}-person", role, secret=os.urandom(32), now="2026-11-24T02:00:00Z"
        )
        for role in AccountRole
    }
    database.close()
    return layout, signer, tokens


@contextmanager
def world_at(data, index=None, stores=None, **more):
    office = Office()
    layout, signer, tokens = make_receiver(data, office, index, stores)
    with serving(layout, signer, **more) as (url, desk):
        client = Client(url, signer.keys)
        try:
            yield World(data, office, signer.keys, client, desk, tokens, index, stores)
        finally:
            client.close()


@pytest.fixture
def index(request):
    """Where the index of every receiver here is: a file, or as ``--index postgresql`` says."""
    if request.config.option.index == "postgresql":
        if "sqlite" in inspect.getsource(request.function):
            pytest.skip("is about an index in a file")
        return request.getfixturevalue("address")
    return None


@contextmanager
def stores_of(data, index):
    """The stores of a receiver whose index is there; None where it is a file."""
    if index is None:
        yield None
        return
    below = Stores.below(data)
    with opened(below, index, StorePlaces(), ORIGIN, lambda: NOW) as stores:
        yield stores


@pytest.fixture
def world(tmp_path, index):
    data = tmp_path / "data"
    with stores_of(data, index) as stores:
        with world_at(data, index, stores) as made:
            yield made
        assert made.doubts() == []


@pytest.fixture
def device(world):
    return world.enrol()


def beats(desk):
    """The heartbeats that a receiver keeps, by device."""
    with desk.fleet.reading() as connection:
        names = [row[0] for row in connection.execute("SELECT device FROM heartbeats")]
        return read_beats(connection, names)


def observed(desk, now):
    """Every cause that holds, once each of several receivers said what it finds of itself."""
    if desk.receivers is not None:
        desk.receivers.beat(own_causes(desk, lambda: now))
    found = observe(desk, now)
    found.pop("receiver-clock", None)  # a receiver of tests lives in another time than a database
    return found


def ended(chore):
    """A chore that does nothing any more."""
    chore.end()
    chore.wait(10)
    return chore


class Hands:
    """The receiver's clock, set by a test."""

    def __init__(self, now):
        self.now = now

    def __call__(self):
        return self.now.timestamp()


@pytest.fixture
def hands():
    return Hands(START)


@pytest.fixture
def timed(tmp_path, hands, index):
    """A receiver whose clock a test sets, up for long enough; what it kept is sound in the end."""
    data = tmp_path / "data"
    with stores_of(data, index) as stores:
        with world_at(data, index, stores, clock=hands) as world:
            world.desk.fleet.grace.began -= GRACE
            yield world
        assert world.doubts() == []


@pytest.fixture(scope="session")
def kit():
    """This file's makers, for tests that need more than a world."""
    return sys.modules[__name__]
