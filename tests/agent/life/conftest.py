# SPDX-License-Identifier: EUPL-1.2
"""A receiver in memory that keeps a real log by the real rules, and that a test may make lie."""

import json
import os
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest

from lakzegel_agent.devicekeys import KeyStore
from lakzegel_agent.enrol import Enroller
from lakzegel_agent.ledger import Ledger
from lakzegel_agent.liaison import Liaison
from lakzegel_agent.link import Link
from lakzegel_agent.problems import Problems
from lakzegel_agent.spool import Spool
from lakzegel_agent.tokens import read_token
from lakzegel_agent.transport import NeverError, UnreachableError
from lakzegel_agent.trust import Pins
from lakzegel_core.admission import Admission, sign_admission
from lakzegel_core.age import Identity
from lakzegel_core.batch import Header, Seen, State, batch_id, sign_header, split_header
from lakzegel_core.checkpoint import Checkpoint, LogKeys, sign_checkpoint
from lakzegel_core.cosignature import add_cosignature, cosign
from lakzegel_core.custody import Custody
from lakzegel_core.delegation import Delegation, sign_delegation
from lakzegel_core.encoding import b64
from lakzegel_core.errors import AdmissionError, LakzegelError, SignatureError
from lakzegel_core.held import Held, sign_held
from lakzegel_core.keys import Algorithm, SigningKey
from lakzegel_core.merkle import inclusion_path, leaf_hash, root_of
from lakzegel_core.policy import parse_policy_toml, sign_policy
from lakzegel_core.query import open_query, peek_query
from lakzegel_core.receipt import make_receipt
from lakzegel_core.revocation import Revocation, sign_revocation

ORIGIN = "log.example/test"


def this_second():
    """Processes have the machine's clock: a log and a device of a test have it too."""
    return datetime.now(UTC).replace(microsecond=0)


NOW = this_second()  # the module's beginning: for notes that only have to be in the past
PROBLEMS = "https://lakzegel.nl/problems/"


def new_key(name, algorithm=Algorithm.ED25519):
    return SigningKey.from_seed(name, algorithm, os.urandom(32))


def consistency_path(old, leaves):
    """RFC 6962 §2.1.2, by its recursive definition."""

    def part(m, rows, whole):
        if m == len(rows):
            return [] if whole else [root_of(rows)]
        split = 1 << ((len(rows) - 1).bit_length() - 1)
        if m <= split:
            return [*part(m, rows[:split], whole), root_of(rows[split:])]
        return [*part(m - split, rows[split:], False), root_of(rows[:split])]

    return [] if old in (0, len(leaves)) else part(old, leaves, True)


@dataclass
class Log:
    """A log with its keys, its custody and its entries; `copy` is yesterday's backup."""

    ed25519: SigningKey = field(default_factory=lambda: new_key(ORIGIN))
    mldsa: SigningKey = field(
        default_factory=lambda: new_key(ORIGIN, Algorithm.MLDSA44_COSIGNATURE)
    )
    entries: list = field(default_factory=list)
    now: datetime = field(default_factory=this_second)
    cosigners: list = field(default_factory=list)

    @property
    def keys(self):
        return LogKeys(self.ed25519.verifier, self.mldsa.verifier)

    @property
    def leaves(self):
        return [leaf_hash(entry) for entry in self.entries]

    def tree(self, size=None):
        size = len(self.entries) if size is None else size
        return Checkpoint(ORIGIN, size, root_of(self.leaves[:size]))

    def checkpoint(self):
        tree = self.tree()
        data = sign_checkpoint(tree, self.ed25519, self.mldsa, now=int(self.now.timestamp()))
        for key in self.cosigners:
            data = add_cosignature(data, cosign(tree, key, now=int(self.now.timestamp())))
        return data

    def custody(self):
        custody = Custody.start(ORIGIN, pinned=None, threshold=None)
        for entry in self.entries:
            custody.apply(entry)
        return custody

    def append(self, entry):
        if entry in self.entries:
            return self.entries.index(entry)
        self.custody().check(entry)
        self.entries.append(entry)
        return len(self.entries) - 1

    def copy(self):
        return Log(self.ed25519, self.mldsa, list(self.entries), self.now, list(self.cosigners))

    def path(self, index):
        return inclusion_path(index, self.leaves)

    def receipt(self, index, old):
        proof = consistency_path(old, self.leaves)
        return make_receipt(
            index, self.path(index), self.checkpoint(), old_size=old, consistency=proof
        )


class FakeReceiver:
    """Answers as docs/spec/http.md says, from a log; `broken` and the hooks make it not."""

    def __init__(self, log):
        self.log = log
        self.annexes = {}
        self.held = None
        self.cosignatures = []
        self.heartbeats = []
        self.beaten = threading.Event()
        self.batches = {}
        self.calls = []
        self.broken = []  # faults to raise, one a call, before anything is done
        self.lost = []  # faults to raise, one a call, after it was done: the answer is lost
        self.alter_answer = lambda value: value
        self.alter_receipt = lambda data: data
        self.policy_entry = None  # (index, note) served instead of the custody's

    def checkpoint(self):
        self._begin("checkpoint")
        return self.log.checkpoint()

    def device(self, query, *, old):
        self._begin("device")
        self._require_old(old)
        custody = self.log.custody()
        asked = peek_query(query)
        state = custody.devices.get(asked.device)
        admission = self._signer(query, state, custody)
        value = {
            "checkpoint": b64(self.log.checkpoint()),
            "consistency": [b64(h) for h in consistency_path(old, self.log.leaves)],
            "entries": [*self._entries(custody, state, admission)],
            "annex": self._annex(custody, asked.device),
            "held": self._held(),
        }
        return self._end(json.dumps(self.alter_answer(value)).encode())

    def send_note(self, note, *, old):
        self._begin("note")
        return self._append(note, old)

    def send_batch(self, name, body, *, old):
        self._begin("batch")
        data = b"".join(map(bytes, body))
        assert len(data) == len(body)
        header = split_header(data[:4096])
        assert batch_id(header).hex() == name
        self.batches[name] = data
        return self._append(header, old)

    def send_cosignature(self, note):
        self._begin("cosignature")
        self.cosignatures.append(note)

    def send_heartbeat(self, note):
        self._begin("heartbeat")
        self.heartbeats.append(note)
        self.beaten.set()

    def trusted_until(self):
        return None

    def close(self):
        pass

    def _begin(self, what):
        self.calls.append(what)
        if self.broken:
            fault = self.broken.pop(0)
            if fault is not None:
                raise fault

    def _end(self, data):
        if self.lost:
            fault = self.lost.pop(0)
            if fault is not None:
                raise fault
        return data

    def _require_old(self, old):
        if old > len(self.log.entries):
            raise NeverError("old is larger than the log", status=409, code="consistency")

    def _append(self, entry, old):
        self._require_old(old)
        try:
            index = self.log.append(entry)
        except LakzegelError as error:
            status = 403 if isinstance(error, AdmissionError | SignatureError) else 409
            raise NeverError(str(error), status=status, code=error.code) from None
        return self._end(self.alter_receipt(self.log.receipt(index, old)))

    def _signer(self, query, state, custody):
        if state is not None:
            try:
                open_query(query, state.header_key)
            except SignatureError:
                pass
            else:
                return None
        for found in custody.admissions.values():
            try:
                open_query(query, found.admission.token)
            except SignatureError:
                continue
            return found
        raise NeverError("signed by nobody known", status=403, code="unknown-key")

    def _entries(self, custody, state, admission):
        yield self._entry("delegation", custody.delegation.index)
        if admission is not None:
            yield self._entry("admission", admission.index)
        if state is None:
            return
        yield self._entry("enrolment", state.current.index)
        heads = [e.head for e in (state.current, *reversed(state.closed_epochs)) if e.head]
        if heads:
            yield self._entry("header", heads[0].index)
        if self.policy_entry is not None:
            yield self.policy_entry
        elif custody.policy_for(state.name) is not None:
            yield self._entry("policy", custody.policy_for(state.name).index)
        if state.revocation is not None:
            revoked = [i for i, e in enumerate(self.log.entries) if b"/revocation/v1\n" in e]
            yield self._entry("revocation", revoked[-1])

    def _entry(self, role, index):
        return {
            "role": role,
            "index": index,
            "note": b64(self.log.entries[index]),
            "path": [b64(h) for h in self.log.path(index)],
        }

    def entry(self, role, index):
        return self._entry(role, index)

    def _annex(self, custody, device):
        found = custody.policy_for(device)
        wanted = None if found is None else found.policy.annexes.get(device)
        data = self.annexes.get(wanted)
        return None if data is None else b64(data)

    def _held(self):
        if self.held is None:
            return None
        note, size = self.held
        proof = [b64(h) for h in consistency_path(size, self.log.leaves)]
        return {"note": b64(note), "consistency": proof}


@dataclass
class Office:
    """The records office's keys, and what it signs."""

    log: Log
    policy: list
    enrolment: SigningKey
    witness: SigningKey
    mirror: SigningKey
    held: SigningKey
    recipient: Identity

    @classmethod
    def open(cls, log):
        cosigner = Algorithm.ED25519_COSIGNATURE
        office = cls(
            log,
            [new_key("records.example/policy"), new_key("privacy.example/policy")],
            new_key("records.example/enrolment"),
            new_key("records.example/witness", cosigner),
            new_key("records.example/mirror", cosigner),
            new_key("records.example/held"),
            Identity.from_seed(os.urandom(32)),
        )
        log.append(office.delegate())
        return office

    def delegate(self, serial=1):
        found = Delegation(
            origin=ORIGIN,
            serial=serial,
            policy=tuple(key.verifier for key in self.policy),
            threshold=2,
            enrolment=(self.enrolment.verifier,),
            approval=(),
            witness=self.witness.verifier,
            mirror=self.mirror.verifier,
            held=self.held.verifier,
            issued=NOW,
        )
        return sign_delegation(found, self.policy)

    @property
    def pins(self):
        return Pins(self.log.keys, tuple(key.verifier for key in self.policy), 2)

    def admit(self, path, *, device="minister", group=None, count=1):
        token = new_key(f"{ORIGIN}/token/{os.urandom(4).hex()}")
        admission = Admission(
            ORIGIN, token.verifier, device, group, count, NOW + timedelta(days=3650), "default"
        )
        note = sign_admission(admission, self.enrolment)
        self.log.append(note)
        path.write_bytes(token.to_text().encode() + b"\n\n" + note)
        return path

    def policy_toml(self, serial=1, *, audience="device:minister", more="", **keys):
        values = {"release": "held", "cadence": "0s", "expires": "2036-01-01", **keys}
        if "guards" not in more:  # they would look at the programs of whoever runs the tests
            more = f"guards = {{default = 'off'}}\n{more}"
        return (
            f"serial = {serial}\naudience = ['{audience}']\nexpires = {values['expires']}\n"
            f"recipients = ['{self.recipient.recipient.to_text()}']\n"
            f"cadence = '{values['cadence']}'\nrelease = '{values['release']}'\n{more}"
        )

    def policy_note(self, toml, keys=None):
        return sign_policy(ORIGIN, parse_policy_toml(toml), keys or self.policy)

    def publish(self, toml):
        return self.log.append(self.policy_note(toml))

    def hold(self, size):
        tree = self.log.tree(size)
        return sign_held(Held(ORIGIN, size, tree.root, NOW), self.held), size

    def revoke(self, device="minister", epoch=0, batch=None):
        found = Revocation(ORIGIN, device, epoch, batch, "stolen", NOW)
        return self.log.append(sign_revocation(found, self.enrolment))


@dataclass
class Device:
    """An agent's home and its parts, without the capture engine."""

    root: Path
    receiver: FakeReceiver
    pins: Pins
    now: datetime = field(default_factory=this_second)

    def __post_init__(self):
        for name in ("keys", "evidence"):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        self.keys = KeyStore(self.root / "keys")
        self.key = self.keys.ledger_key(random=os.urandom)
        self.ledger = Ledger.open(self.root / "ledger.sqlite", self.key)
        self.spool = Spool.open(self.root / "spool")
        self.problems = Problems(self.clock)
        self.problems.load(self.ledger)
        self.link = Link(
            self.receiver,
            pins=self.pins,
            ledger=self.ledger,
            evidence=self.root / "evidence",
            clock=self.clock,
            random=os.urandom,
        )
        self.liaison = Liaison(
            self.link, self.ledger, self.spool, self.keys, self.problems, self.clock, os.urandom
        )

    def clock(self):
        return self.now

    @property
    def current(self):
        tip = self.ledger.epoch()
        return self.keys.introduction(tip.epoch)

    def again(self, receiver=None):
        """The same home after a restart."""
        self.ledger.close()
        return Device(self.root, receiver or self.receiver, self.pins, self.now)

    def again_in_thread(self):
        """The same home seen by another thread."""
        return Device(self.root, self.receiver, self.pins, self.now)

    def enrol(self, token, wished=None):
        enroller = Enroller(self.link, self.ledger, self.keys, self.clock, os.urandom)
        return enroller.enrol(read_token(token, origin=ORIGIN), wished)

    def observed(self):
        return [json.loads(row.payload) for row in self.ledger.files.queued(after=-99, limit=99)]

    def seal(self, *, state=State.OPEN):
        """A batch as the engine closes one, with a body that only its sizes matter of."""
        from lakzegel_agent.ledgerfiles import Work  # noqa: PLC0415
        from lakzegel_agent.ledgerrows import BatchRow  # noqa: PLC0415

        tip, seen = self.ledger.epoch(), self.ledger.seen()
        header = Header(
            origin=ORIGIN,
            device=self.current.enrolment.device,
            epoch=tip.epoch,
            batch=tip.next_batch,
            previous=tip.previous,
            seen=Seen(seen.size, seen.root),
            closed=self.now,
            items=1,
            contents=bytes(32),
            keyring=bytes(32),
            policy=bytes(32),
            state=state,
        )
        note = sign_header(header, self.current.keys.header)
        pieces = {"head": note, "body": os.urandom(2000), "keyring": os.urandom(300)}
        for kind, data in pieces.items():
            self.spool.path(tip.epoch, tip.next_batch, kind).write_bytes(data)
        size = sum(map(len, pieces.values()))
        row = BatchRow(tip.epoch, tip.next_batch, batch_id(note), size, None, "waiting")
        self.ledger.files.apply(Work(), row)
        return row


@pytest.fixture
def kit():
    """What tests build with."""
    return SimpleNamespace(
        Device=Device, FakeReceiver=FakeReceiver, Log=Log, Office=Office, new_key=new_key
    )


@pytest.fixture
def log():
    return Log()


@pytest.fixture
def office(log):
    return Office.open(log)


@pytest.fixture
def receiver(log):
    return FakeReceiver(log)


@pytest.fixture
def fresh(tmp_path, receiver, office):
    """A device that is not enrolled."""
    device = Device(tmp_path / "home", receiver, office.pins)
    yield device
    device.ledger.close()


@pytest.fixture
def token(tmp_path, office):
    return office.admit(tmp_path / "token")


@pytest.fixture
def device(fresh, token):
    """A device that is enrolled."""
    fresh.enrol(token)
    return fresh


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self._answer(lambda receiver, _body, _old: receiver.checkpoint())

    def do_POST(self):
        path = urlsplit(self.path).path
        calls = {
            "/v1/device": lambda r, body, size: r.device(body, old=size),
            "/v1/notes": lambda r, body, size: r.send_note(body, old=size),
            "/v1/cosignatures": lambda r, body, _old: r.send_cosignature(body),
            "/v1/heartbeats": lambda r, body, _old: r.send_heartbeat(body),
        }
        self._answer(calls[path])

    def do_PUT(self):
        name = urlsplit(self.path).path.rpartition("/")[2]
        self._answer(lambda r, body, old: r.send_batch(name, _Bytes(body), old=old))

    def _answer(self, call):
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        query = parse_qs(urlsplit(self.path).query)
        with self.server.guard:
            try:
                data = call(self.server.receiver, body, int(query.get("old", ["0"])[0])) or b""
                status, kind = 200, "application/octet-stream"
            except NeverError as error:
                status, kind = error.status, "application/problem+json"
                data = json.dumps(
                    {"type": PROBLEMS + error.code, "title": error.code, "detail": str(error)}
                ).encode()
            except UnreachableError as error:
                status, kind, data = 503, "text/plain", str(error).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


class _Bytes(list):
    def __init__(self, data):
        super().__init__([data])

    def __len__(self):
        return len(self[0])


@pytest.fixture
def served(receiver):
    """The receiver over HTTP on this machine; its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.receiver, server.guard, server.daemon_threads = receiver, threading.Lock(), True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()
