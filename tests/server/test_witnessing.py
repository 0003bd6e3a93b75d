# SPDX-License-Identifier: EUPL-1.2
"""The receiver asks witnesses, real ones and others, to cosign each new checkpoint."""

import http.server
import os
import re
import select
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager, suppress

import pytest

from lakzegel_core.addcheckpoint import AddCheckpoint
from lakzegel_core.checkpoint import Checkpoint, open_checkpoint
from lakzegel_core.cosignature import cosign
from lakzegel_core.keys import Algorithm, SigningKey, VerifierKey
from lakzegel_core.limits import MAX_SIGNATURES
from lakzegel_core.note import parse
from lakzegel_core.policy import parse_policy_toml, sign_policy
from lakzegel_server.errors import ConfigError
from lakzegel_server.layout import Layout
from lakzegel_server.recovery import asked as asked_module
from lakzegel_server.settings import Settings, Witness, load
from lakzegel_server.witnessing import asking
from lakzegel_server.witnessing.line import Line, UnreachableError

ORIGIN = "log.example/test"


def cosigner(name):
    return SigningKey.from_seed(name, Algorithm.ED25519_COSIGNATURE, os.urandom(32))


class Peer:
    """A witness that answers what a test tells it to; at first it cosigns everything."""

    def __init__(self, name="peer.example/w"):
        self.key = cosigner(name)
        self.asked, self.answers = [], []
        self.hangs = threading.Event()
        self.hangs.set()

    def answer(self, request):
        if self.answers:
            return self.answers.pop(0)
        tree = Checkpoint.from_text(parse(request.checkpoint).text)
        return 200, cosign(tree, self.key, now=7).to_line().encode()

    def handler(self):
        peer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                request = AddCheckpoint.parse(body)
                peer.asked.append(request)
                peer.hangs.wait(20)
                status, answer = peer.answer(request)
                with suppress(OSError):  # whoever asked went away
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(answer)))
                    self.end_headers()
                    self.wfile.write(answer)

            def log_message(self, *_):
                pass

        return Handler

    @contextmanager
    def named(self):
        """Its section of the settings, while it answers."""
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        server.daemon_threads = True
        server.block_on_close = False
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield settings_of(f"http://127.0.0.1:{server.server_port}", self.key.verifier)
        finally:
            self.hangs.set()
            server.shutdown()
            server.server_close()
            thread.join()


def settings_of(url, key, ca_file=None):
    return Witness(url=url, key=key.to_text(), ca_file=ca_file)


def eventually(found, what="it"):
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if value := found():
            return value
        threading.Event().wait(0.01)
    raise AssertionError(f"{what} did not happen")


def quorum_policy(world, serial, witnesses, threshold):
    lines = [
        f"serial = {serial}",
        'audience = ["device:minister"]',
        "expires = 2027-06-30",
        f'recipients = ["{world.office.recipient.recipient.to_text()}"]',
        "[quorum]",
        "witnesses = [" + ", ".join(f'"{key.to_text()}"' for key in witnesses) + "]",
        f"threshold = {threshold}",
    ]
    return sign_policy(ORIGIN, parse_policy_toml("\n".join(lines) + "\n"), world.office.policy)


def publish(world, note):
    assert world.as_("admin")("POST", "/v1/notes", note).status_code == 200


def shown_by(world, keys):
    """Who of these cosigned the served checkpoint."""
    data = world.client("GET", "/log/checkpoint").content
    return {c.key for c in open_checkpoint(data, world.keys, witnesses=keys).cosignatures}


OPENSSL = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]


def certificate(folder):
    """A certificate of this machine, and its key."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    made = ["-nodes", "-days", "2", "-subj", "/CN=w", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = [*OPENSSL, *made, "-keyout", str(key), "-out", str(cert)]
    subprocess.run(command, check=True, capture_output=True)
    return cert, key


@contextmanager
def process(home, log_keys, tls=None):
    """`lakzegel-office witness` without an office, as another organisation runs it."""
    program = [sys.executable, "-m", "lakzegel_office", "witness", "--home", str(home)]
    made = subprocess.run([*program, "--new-key", home.name], capture_output=True, check=True)
    key = VerifierKey.from_text(made.stdout.decode().strip())
    command = [*program, "--log-keys", str(log_keys), "--listen", "127.0.0.1:0"]
    if tls is not None:
        command += ["--tls-cert", str(tls[0]), "--tls-key", str(tls[1])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        try:
            assert select.select([running.stdout], [], [], 30)[0]
            url = running.stdout.readline().decode().split()[-1]
            yield settings_of(url, key, tls and tls[0])
        finally:
            running.send_signal(signal.SIGTERM)


def test_the_quorum_is_met_by_two_processes_while_a_third_hangs(tmp_path, kit, monkeypatch):
    office = kit.Office()
    layout, signer, tokens = kit.make_receiver(tmp_path / "data", office)
    hanging = Peer()
    monkeypatch.setattr(asking, "Line", lambda *args: Line(*args, deadline=0.5))
    tls = certificate(tmp_path)
    with ExitStack() as stack:
        first = stack.enter_context(process(tmp_path / "one.example", layout.log_keys))
        second = stack.enter_context(process(tmp_path / "two.example", layout.log_keys, tls))
        third = stack.enter_context(hanging.named())
        settings = Settings(witness=(first, second, third))
        keys = [VerifierKey.from_text(named.key) for named in settings.witness]
        url, desk = stack.enter_context(kit.serving(layout, signer, settings=settings))
        eventually(lambda: desk.log.standing.sealing, "sealing")
        hanging.hangs.clear()
        client = kit.Client(url, signer.keys)
        stack.callback(client.close)
        world = kit.World(tmp_path / "data", office, signer.keys, client, desk, tokens)
        device = world.enrol()
        publish(world, quorum_policy(world, 1, keys, 2))
        eventually(desk.witnesses.quorum_met, "the quorum")
        for _ in range(3):
            assert client.put(device.seal()).status_code == 200
            size = client.checkpoint().checkpoint.size
            eventually(lambda: shown_by(world, keys) == set(keys[:2]), "both lines")
            assert desk.witnesses.highest() == size
        eventually(lambda: desk.witnesses.states()[2].failing_since, "the third's failure")
        one, two, three = desk.witnesses.states()
        assert (one.cosigned, two.cosigned) == (size, size)
        assert three.cosigned < size
        assert (one.failure, two.failure, three.failure) == (None, None, "unreachable")
        assert three.detail == "no answer in time"
        assert one.last_success is not None
    assert world.doubts() == []


@pytest.fixture
def peer():
    return Peer()


@pytest.fixture
def asked(tmp_path, kit, peer):
    """A receiver whose only witness is the peer, whom a policy names."""
    with (
        peer.named() as named,
        kit.world_at(tmp_path / "data", settings=Settings(witness=(named,))) as world,
    ):
        eventually(lambda: world.desk.log.standing.sealing, "sealing")
        world.device = world.enrol()
        publish(world, quorum_policy(world, 1, [peer.key.verifier], 1))
        eventually(world.desk.witnesses.quorum_met, "the quorum")
        yield world
    assert world.doubts() == []


def state(world):
    return world.desk.witnesses.states()[0]


def seal(world):
    assert world.client.put(world.device.seal()).status_code == 200
    return world.desk.log.shown.checkpoint.size


def test_a_question_begins_where_the_witness_was_and_carries_the_logs_lines_alone(asked, peer):
    eventually(lambda: state(asked).cosigned == asked.desk.log.shown.checkpoint.size)
    peer.asked.clear()
    before = asked.desk.log.shown.checkpoint.size
    size = seal(asked)
    eventually(lambda: state(asked).cosigned == size)
    assert [request.old for request in peer.asked] == [before]
    names = {line.name for line in parse(peer.asked[0].checkpoint).signatures}
    assert names == {ORIGIN}


def test_many_checkpoints_while_it_thinks_are_one_question_about_the_newest(asked, peer):
    eventually(lambda: state(asked).cosigned == asked.desk.log.shown.checkpoint.size)
    peer.hangs.clear()
    peer.asked.clear()
    seal(asked)
    eventually(lambda: peer.asked)
    for _ in range(6):
        size = seal(asked)
    peer.hangs.set()
    eventually(lambda: state(asked).cosigned == size)
    assert len(peer.asked) == 2
    assert shown_by(asked, [peer.key.verifier]) == {peer.key.verifier}


def test_a_size_is_learnt_from_409_and_asked_for_at_once(asked, peer):
    peer.answers[:] = [(409, b"2\n")]
    size = seal(asked)
    eventually(lambda: state(asked).cosigned == size)
    assert peer.asked[-1].old == 2
    assert state(asked).failing_since is None


NO_ANSWERS = {
    "status": [(500, b"no"), (302, b"")],
    "not-extended": [(422, b"no")],
    "format": [(409, b"many\n"), (200, b"")],
    "missing-signature": [(200, b"\xe2\x80\x94 stranger AAAAAAAA\n")],
    "unreachable": [(200, b"x" * 70_000)],
}


def test_an_answer_that_is_none_is_a_failure_until_a_better_one_comes(asked, peer, monkeypatch):
    eventually(lambda: state(asked).cosigned == asked.desk.log.shown.checkpoint.size)
    one, seen = asked.desk.witnesses._asked[0], []
    real = one._fail
    monkeypatch.setattr(one, "_fail", lambda failed: (seen.append(failed.failure), real(failed)))
    for failure, answers in NO_ANSWERS.items():
        for answer in answers:
            peer.answers[:] = [answer]
            size = seal(asked)
            eventually(lambda: state(asked).failure, f"{failure}: a failure")
            monkeypatch.setattr(one, "_due", 0.0)
            asked.desk.chores["witness-0"].wake()
            eventually(lambda: state(asked).cosigned == asked.desk.log.shown.checkpoint.size)
            assert seen == [failure]
            assert state(asked).failing_since is None
            assert state(asked).known == size
            seen.clear()


def test_a_line_that_could_not_be_stored_is_asked_for_again(asked, peer, monkeypatch):
    eventually(lambda: state(asked).cosigned == asked.desk.log.shown.checkpoint.size)
    store, failures = asked.desk.log.store, [28]
    real = store.write_checkpoint

    def full_once(data):
        if failures and peer.key.verifier.name.encode() in data:
            raise OSError(failures.pop(), "No space left on device")
        real(data)

    monkeypatch.setattr(store, "write_checkpoint", full_once)
    seal(asked)
    eventually(lambda: not failures)
    asked.desk.chores["witness-0"].wake()
    eventually(asked.desk.witnesses.quorum_met, "the quorum")


def test_a_line_that_does_not_hold_is_never_shown(asked, peer):
    eventually(lambda: state(asked).cosigned == asked.desk.log.shown.checkpoint.size)
    tree = Checkpoint(ORIGIN, 1, bytes(32))
    peer.answers[:] = [(200, cosign(tree, peer.key, now=7).to_line().encode())]
    seal(asked)
    eventually(lambda: state(asked).failure == "signature")
    names = {line.name for line in parse(asked.desk.log.shown.data).signatures}
    assert names == {ORIGIN}


@pytest.mark.parametrize(("known", "failure"), [(b"99\n", "ahead"), (None, "fork")])
def test_a_witness_that_knows_another_log_is_told_of_and_never_signed_over_in_silence(
    asked, peer, caplog, known, failure
):
    eventually(lambda: state(asked).cosigned == asked.desk.log.shown.checkpoint.size)
    old = asked.desk.log.shown.checkpoint.size
    suspected = []
    asked.desk.witnesses._asked[0]._suspect = suspected.append
    peer.answers[:] = [(409, known or b"%d\n" % old)]
    seal(asked)
    eventually(lambda: state(asked).failure == failure)
    assert len(suspected) == 1
    assert peer.key.verifier.name in suspected[0]
    assert asked.desk.witnesses.highest() == (99 if known else old)
    assert [r.levelname for r in caplog.records if "another log" in r.getMessage()] == ["ERROR"]


def test_a_witness_that_the_log_does_not_name_is_asked_and_not_shown(tmp_path, kit):
    peer = Peer()
    with (
        peer.named() as named,
        kit.world_at(tmp_path / "data", settings=Settings(witness=(named,))) as world,
    ):
        eventually(lambda: state(world).cosigned == world.desk.log.shown.checkpoint.size > 0)
        names = {line.name for line in parse(world.desk.log.shown.data).signatures}
        assert names == {ORIGIN}
        assert world.desk.witnesses.quorum_met()  # for nobody demands anybody
    assert world.doubts() == []


def test_a_restart_goes_on_where_the_served_checkpoint_shows_that_it_was(tmp_path, kit):
    peer, office = Peer("records.example/w"), kit.Office()
    office.witness = peer.key
    layout, signer, _ = kit.make_receiver(tmp_path / "data", office)
    with peer.named() as named:
        settings = Settings(witness=(named,))
        with kit.serving(layout, signer, settings=settings) as (_, desk):
            size = desk.log.shown.checkpoint.size
            eventually(lambda: desk.witnesses.states()[0].cosigned == size)
            eventually(lambda: b"records.example/w" in (layout.log / "checkpoint").read_bytes())
        asked = len(peer.asked)
        with kit.serving(layout, signer, settings=settings) as (_, desk):
            eventually(lambda: desk.witnesses.states()[0].known >= size)
        olds = [request.old for request in peer.asked[asked:]]
        assert min(olds) >= size  # the start's own question among them; nobody asks from 0


def test_a_served_checkpoint_has_sixteen_lines_at_most_and_never_a_devices(world, device, kit):
    crowd = [cosigner(f"w{n}.example/w") for n in range(20)]
    publish(world, quorum_policy(world, 1, [key.verifier for key in crowd], 1))
    signed = world.client.checkpoint()
    for key in (device.witness, *crowd):
        answer = world.client("POST", "/v1/cosignatures", kit.cosigned(signed, key))
        assert answer.status_code == 204
    lines = parse(world.client("GET", "/log/checkpoint").content).signatures
    assert len(lines) == MAX_SIGNATURES
    assert device.witness.verifier.name not in {line.name for line in lines}
    assert [line.name for line in lines[:2]] == [ORIGIN, ORIGIN]


# the line itself


class Dripping(http.server.BaseHTTPRequestHandler):
    """Sends its answer's head a byte at a time, for ever."""

    def do_POST(self):
        with suppress(OSError):
            while True:
                self.wfile.write(b"H")
                threading.Event().wait(0.05)

    def log_message(self, *_):
        pass


def test_a_witness_that_drips_is_cut_off(tmp_path):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Dripping)
    server.daemon_threads, server.block_on_close = True, False
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    line = Line(f"http://127.0.0.1:{server.server_port}", None, deadline=0.3)
    began = time.monotonic()
    try:
        with pytest.raises(UnreachableError, match="in time"):
            line.ask(b"x")
        assert time.monotonic() - began < 5
    finally:
        line.close()
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_start_waits_for_no_witness_longer_than_for_another(tmp_path, kit, monkeypatch):
    """Two that hang cost one deadline, and a third that answers is enough for a quorum of none."""
    peers = [Peer(f"w{number}.example/w") for number in range(3)]
    for peer in peers[:2]:
        peer.hangs.clear()
    monkeypatch.setattr(asked_module, "Line", lambda *args: Line(*args, deadline=0.5))
    with ExitStack() as stack:
        settings = Settings(witness=tuple(stack.enter_context(p.named()) for p in peers))
        began = time.monotonic()
        world = stack.enter_context(kit.world_at(tmp_path / "data", settings=settings))
        eventually(lambda: world.desk.log.standing.sealing, "sealing")
        assert time.monotonic() - began < 5
        for peer in peers:
            peer.hangs.set()


def test_nobody_there_is_a_failure_with_its_cause():
    line = Line("http://127.0.0.1:9", None)
    with pytest.raises(UnreachableError, match=re.compile("refused", re.IGNORECASE)):
        line.ask(b"x")
    line.close()


def test_settings_of_a_witness_that_cannot_be_right_are_refused(tmp_path):
    good = f"url = 'https://w.example'\nkey = '{cosigner('w').verifier.to_text()}'\n"
    plain = SigningKey.from_seed("w", Algorithm.ED25519, bytes(32)).verifier.to_text()
    for wrong in (
        good.replace("https", "http"),
        good.partition("\n")[0],
        f"url = 'https://w.example'\nkey = '{plain}'\n",
        good + "colour = 'red'\n",
        good + "[[witness]]\n" + good,
    ):
        (tmp_path / "settings.toml").write_text(f"[[witness]]\n{wrong}\n")
        with pytest.raises(ConfigError, match="witness"):
            load(Layout(tmp_path))
