# SPDX-License-Identifier: EUPL-1.2
"""The office cosigns a log that only grows: its server and its pulls have one memory."""

import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
import requests

from lakzegel_core.addcheckpoint import AddCheckpoint, open_answer
from lakzegel_core.checkpoint import Checkpoint, peek_checkpoint, sign_checkpoint
from lakzegel_core.cosignature import add_cosignature, cosign
from lakzegel_core.errors import ConsistencyError, OldSizeError
from lakzegel_core.keys import Algorithm, SigningKey, VerifierKey
from lakzegel_core.note import parse
from lakzegel_core.policy import parse_policy_toml, sign_policy
from lakzegel_core.tiles import HashReader, new_tiles
from lakzegel_office import durable
from lakzegel_office.config import POLICY_KEYS
from lakzegel_office.errors import DoubtError
from lakzegel_office.witness import connection, route
from lakzegel_office.witness.app import build
from lakzegel_office.witness.cosigning import Witness
from lakzegel_office.witness.folder import Folder
from lakzegel_office.witness.parties import new_key, office_state, read_key
from lakzegel_office.witness.state import State
from tests.office.serving import serving_app

ORIGIN = "log.example/test"
NOW = 1_800_000_000


@dataclass
class Log:
    """A log of numbered entries, honest or not."""

    ed25519: SigningKey = field(
        default_factory=lambda: SigningKey.from_seed(ORIGIN, Algorithm.ED25519, bytes(32))
    )
    mldsa: SigningKey = field(
        default_factory=lambda: SigningKey.from_seed(
            ORIGIN, Algorithm.MLDSA44_COSIGNATURE, bytes(32)
        )
    )

    @property
    def keys(self):
        return {ORIGIN: (self.ed25519.verifier, self.mldsa.verifier)}

    def reader(self, size, forked=b""):
        entries = [b"%d%s" % (n, forked) for n in range(size)]
        return HashReader(size, new_tiles(0, entries, lambda _: b"").files.__getitem__)

    def tree(self, size, forked=b""):
        return Checkpoint(ORIGIN, size, self.reader(size, forked).root())

    def request(self, old, size, forked=b""):
        signed = sign_checkpoint(self.tree(size, forked), self.ed25519, self.mldsa, now=NOW)
        proof = self.reader(size, forked).consistency(old)
        return AddCheckpoint(old, tuple(proof), signed).to_bytes()


@pytest.fixture
def log():
    return Log()


@pytest.fixture
def folder(tmp_path):
    made = Folder.below(tmp_path / "alone")
    new_key(made, "witness.example")
    return made


@pytest.fixture
def witness(folder, log):
    return Witness(read_key(folder), State(folder, log.keys), clock=lambda: NOW)


def serving(witness):
    return serving_app(build([route.cosigning_route(witness)]))


@pytest.fixture
def ask(witness):
    """Ask the witness over HTTP."""
    with serving(witness) as url, requests.Session() as session:
        session.trust_env = False
        yield lambda data: session.post(f"{url}/add-checkpoint", data=data, timeout=10)


def evidence(folder):
    return (
        sorted(path.name for path in folder.evidence.iterdir()) if folder.evidence.exists() else []
    )


def test_a_log_that_grows_is_cosigned_each_time(ask, log, folder):
    key = read_key(folder).verifier
    for old, size in ((0, 3), (3, 3), (3, 7), (7, 300)):
        answer = ask(log.request(old, size))
        assert answer.status_code == 200
        ((_, said),) = open_answer(answer.content, log.tree(size), [key])
        assert said.timestamp == NOW
    assert parse(folder.log(ORIGIN).read_bytes()).text == log.tree(300).to_text()


def test_each_refusal_has_the_status_of_the_specification(ask, log, folder):
    assert ask(log.request(0, 5)).status_code == 200
    good = log.request(5, 9)
    assert ask(b"").status_code == 400
    assert ask(good.replace(b"old 5", b"old 10")).status_code == 400
    assert ask(good + b"x" * 70_000).status_code == 413
    assert ask(good.replace(b"\n9\n", b"\n8\n")).status_code == 403
    foreign = good.replace(ORIGIN.encode(), b"log.example/what")
    assert ask(foreign).status_code == 404
    assert ask(good.replace(b"old 5", b"old 0")).status_code == 409
    proof = good.split(b"\n")[1] + b"\n"
    assert ask(good.replace(proof, b"")).status_code == 422
    stale = ask(log.request(2, 9))
    assert (stale.status_code, stale.text) == (409, "5\n")
    assert stale.headers["content-type"] == "text/x.tlog.size"
    folder.log(ORIGIN).write_bytes(b"damaged")
    assert ask(good).status_code == 503


def test_nobody_keeps_a_connection_by_saying_little(witness, log, monkeypatch):
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.2)
    with (
        serving(witness) as url,
        socket.create_connection(("127.0.0.1", urlsplit(url).port)) as slow,
    ):
        slow.sendall(b"POST /add-checkpoint HTTP/1.1\r\nHost: w")
        slow.settimeout(10)
        assert slow.recv(1) == b""  # let go
        with requests.Session() as session:
            session.trust_env = False
            asked = session.post(f"{url}/add-checkpoint", data=log.request(0, 2), timeout=10)
            assert asked.status_code == 200


def test_a_reader_who_does_not_read_is_let_go(monkeypatch):
    monkeypatch.setattr(connection, "UNREAD_SECONDS", 0.2)
    whole = threading.Event()

    async def endless(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            for _ in range(64):
                await send({"type": "http.response.body", "body": bytes(2**20), "more_body": True})
        finally:
            whole.set()

    with (
        serving_app(endless) as url,
        socket.create_connection(("127.0.0.1", urlsplit(url).port)) as deaf,
    ):
        deaf.sendall(b"GET / HTTP/1.1\r\nHost: w\r\n\r\n")
        assert whole.wait(10)
        deaf.settimeout(10)
        taken = 0
        with suppress(ConnectionError):
            while data := deaf.recv(2**20):
                taken += len(data)
        assert taken < 64 * 2**20


def test_a_fork_is_refused_and_kept_as_evidence(witness, log, folder):
    witness.add(log.request(0, 5))
    with pytest.raises(OldSizeError) as same_size:
        witness.add(log.request(5, 5, forked=b"'"))
    assert same_size.value.size == 5
    assert len(evidence(folder)) == 1
    with pytest.raises(ConsistencyError):
        witness.add(log.request(5, 8, forked=b"'"))
    kept = [parse((folder.evidence / name).read_bytes()).text for name in evidence(folder)]
    assert kept == [log.tree(size, b"'").to_text() for size in (5, 8)]
    witness.add(log.request(5, 8))  # the honest log goes on


def test_a_state_that_cannot_be_read_is_never_taken_for_none(witness, log, folder):
    witness.add(log.request(0, 5))
    state = folder.log(ORIGIN)
    for damaged in (b"", state.read_bytes()[:-9], log.request(0, 9).partition(b"\n\n")[2] + b"x"):
        state.write_bytes(damaged)
        with pytest.raises(DoubtError):
            witness.add(log.request(0, 9, forked=b"'"))


def test_a_crowd_never_gets_a_smaller_size_after_a_larger_one(witness, log, folder):
    """The race of the specification: whatever is answered, the state only grows."""
    wanted = [log.request(old, size) for old, size in ((0, 4), (0, 9), (4, 6), (4, 9), (6, 9))]
    sizes = []

    def submit(data):
        try:
            witness.add(data)
        except OldSizeError as error:
            sizes.append(error.size)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(submit, wanted * 8))
    for _ in range(4):
        for data in wanted:
            submit(data)
    assert sizes[-1] == 9
    assert parse(folder.log(ORIGIN).read_bytes()).text == log.tree(9).to_text()


KILLED = """# fork of lakzegel_office
import os, signal, sys
from pathlib import Path
from lakzegel_core.keys import VerifierKey
from lakzegel_office import durable
from lakzegel_office.config import POLICY_KEYS
from lakzegel_office.witness.cosigning import Witness
from lakzegel_office.witness.folder import Folder
from lakzegel_office.witness.parties import read_key
from lakzegel_office.witness.state import State

folder, keys = Folder(Path(sys.argv[1])), [VerifierKey.from_text(text) for text in sys.argv[2:]]
real = durable.write_file
def write_and_die(path, data):
    real(path, data)
    os.kill(os.getpid(), signal.SIGKILL)
durable.write_file = write_and_die
Witness(read_key(folder), State(folder, {keys[0].name: keys}), clock=lambda: 0).add(
    sys.stdin.buffer.read())
"""


def test_killed_between_writing_and_answering_it_remembers_what_it_may_have_signed(
    witness, log, folder
):
    witness.add(log.request(0, 3))
    texts = [key.to_text() for key in log.keys[ORIGIN]]
    command = [sys.executable, "-c", KILLED, str(folder.root), *texts]
    done = subprocess.run(command, input=log.request(3, 5), check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    with pytest.raises(OldSizeError) as caught:  # nobody is told that 3 was the last
        witness.add(log.request(3, 6, forked=b""))
    assert caught.value.size == 5
    witness.add(log.request(5, 6))


def test_what_could_not_be_made_durable_is_not_cosigned(witness, log, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(durable, "write_file", full)
        with pytest.raises(OSError, match="No space"):
            witness.add(log.request(0, 3))
    witness.add(log.request(0, 3))


# the office's own: one state with its pulls


@pytest.fixture
def own(world):
    """The office's witness, as its server has it."""
    key = world.vault.signer("witness", world.config.keys["witness"])
    return Witness(key, office_state(world.home, world.config), clock=lambda: NOW)


def submission(receiver, old, size=None):
    size = len(receiver.log) if size is None else size
    files = new_tiles(0, receiver.log[:size], lambda _: b"").files
    reader = HashReader(size, files.__getitem__)
    tree = Checkpoint(ORIGIN, size, reader.root())
    signed = sign_checkpoint(tree, receiver.ed25519, receiver.mldsa, now=NOW)
    return AddCheckpoint(old, tuple(reader.consistency(old)), signed).to_bytes()


def test_what_a_pull_cosigned_the_server_goes_on_from(world, device, own):
    world.pull()
    pulled = len(world.receiver.log)
    device.send_files({"a": b"a"})
    with pytest.raises(OldSizeError) as caught:
        own.add(submission(world.receiver, 0))
    assert caught.value.size == pulled
    own.add(submission(world.receiver, pulled))


def test_a_pull_of_an_older_mirror_is_the_state_of_a_server_that_never_ran(world, device, own):
    world.pull()
    Folder.below(world.home.root).log(ORIGIN).unlink()  # as an office of before left it
    with pytest.raises(OldSizeError) as caught:
        own.add(submission(world.receiver, 0))
    assert caught.value.size == len(world.receiver.log)


def test_a_pull_refuses_a_log_that_is_smaller_than_what_the_server_cosigned(world, device, own):
    world.pull()
    pulled, sent = len(world.receiver.log), len(world.receiver.cosignatures)
    device.send_files({"a": b"a"})
    own.add(submission(world.receiver, pulled))
    del world.receiver.log[pulled:]
    with pytest.raises(DoubtError, match="rollback"):
        world.pull()
    assert len(world.receiver.cosignatures) == sent


def test_a_pull_refuses_a_log_that_does_not_extend_what_the_server_cosigned(world, device, own):
    world.pull()
    pulled = len(world.receiver.log)
    honest = list(world.receiver.log)
    device.send_files({"a": b"a"})
    own.add(submission(world.receiver, pulled))
    world.receiver.log[:] = honest
    device.send_files({"b": b"b"})
    device.send_files({"c": b"c"})
    with pytest.raises(DoubtError, match="fork"):
        world.pull()
    assert list((world.home.state / "evidence").iterdir())


def test_the_server_refuses_a_log_that_does_not_extend_what_was_pulled(world, device, own):
    honest = list(world.receiver.log)
    own.add(submission(world.receiver, 0))
    device.send_files({"a": b"a"})
    world.pull()
    pulled = len(world.receiver.log)
    world.receiver.log[:] = honest
    device.send_files({"b": b"b"})
    device.send_files({"c": b"c"})
    with pytest.raises(ConsistencyError):
        own.add(submission(world.receiver, pulled))
    assert evidence(Folder.below(world.home.root))


def test_a_tree_smaller_than_the_servers_newest_is_mirrored_but_not_cosigned_again(
    world, device, own
):
    """As when the server is asked while a pull is under way."""
    key = world.config.keys["witness"]
    real = world.receiver.checkpoint

    def asked_meanwhile():
        data = real()
        if not world.receiver.cosignatures:
            device.send_files({"a": b"a"})
            own.add(submission(world.receiver, 0))
        return data

    world.receiver.checkpoint = asked_meanwhile
    world.pull()
    lines = [line for note in world.receiver.cosignatures for line in parse(note).signatures]
    assert key.name not in {line.name for line in lines}
    assert lines  # the mirror's own: it holds every entry below that size
    world.pull()
    sent = [parse(note) for note in world.receiver.cosignatures]
    assert key.name in {line.name for line in sent[-2].signatures + sent[-1].signatures}


def test_a_pull_that_was_quicker_than_a_witness_looks_again_for_its_line(world, device, capsys):
    """Else `verify` would miss the quorum until the next pull."""
    outside = SigningKey.from_seed("w.example", Algorithm.ED25519_COSIGNATURE, bytes(32))
    toml = (
        f'serial = 1\naudience = ["device:minister"]\nexpires = 2036-01-01\n'
        f'recipients = ["{world.config.recipients["records"].to_text()}"]\n'
        f'[quorum]\nwitnesses = ["{outside.verifier.to_text()}"]\nthreshold = 1\n'
    )
    signers = world.vault.signers(POLICY_KEYS, world.config.policy_keys)
    world.receiver.append(sign_policy(ORIGIN, parse_policy_toml(toml), signers))
    bare, answers = world.receiver.checkpoint(), []
    tree = peek_checkpoint(bare)

    def served():
        answers.append(bare)
        late = len(answers) > 2
        return add_cosignature(bare, cosign(tree, outside, now=NOW)) if late else bare

    world.receiver.checkpoint = served
    assert world.pull().clean
    assert len(answers) == 3
    capsys.readouterr()
    assert world.run("verify") == 0


def test_keys_of_a_witness_without_an_office_are_its_own(folder, world, capsys, tmp_path):
    assert folder.key.stat().st_mode & 0o777 == 0o600
    assert world.run("witness", "--log-keys", str(tmp_path / "log.keys")) == 2
    assert "an office is here" in capsys.readouterr().err
    assert world.run("witness", "--new-key", "records.example") == 0
    VerifierKey.from_text(capsys.readouterr().out.strip())
    assert world.run("witness", "--new-key", "records.example") == 2
