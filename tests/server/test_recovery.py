# SPDX-License-Identifier: EUPL-1.2
"""A receiver that was set back becomes the log that it was before it seals: no fork by itself."""

import base64
import copy
import hashlib
import http.server
import os
import random
import shutil
import subprocess
import sys
import threading
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from lakzegel_core.batch import Seen
from lakzegel_core.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from lakzegel_core.cosignature import add_cosignature, cosign
from lakzegel_core.hold import HOLD, Mark, sign_mark
from lakzegel_core.keys import Algorithm, SigningKey
from lakzegel_core.merkle import EMPTY_ROOT
from lakzegel_core.quorum import Quorum
from lakzegel_core.tiles import paths_for
from lakzegel_server.database import Database
from lakzegel_server.errors import DamageError, ReadOnlyError
from lakzegel_server.fsck.run import check
from lakzegel_server.layout import Layout
from lakzegel_server.logsigner import load_signer
from lakzegel_server.recovery import fetching, following, ownword
from lakzegel_server.recovery import recovery as module
from lakzegel_server.recovery.asked import Round, is_enough
from lakzegel_server.recovery.continuity import Continuity, boot_id
from lakzegel_server.recovery.witnesses import Witness as Named
from lakzegel_server.settings import Office, Settings

ORIGIN = "log.example/test"
NO_SOCKET = shutil.ignore_patterns("publish.sock")  # of a receiver that runs
TOKEN = "receiver.secret"
START = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)


class Mirror:
    """An office's mirror as its server hands it out: what lies in a folder, by the same routes."""

    def __init__(self, folder):
        self.folder = folder
        self.asked = []
        self.silent = False
        self.when_asked = None  # called with the path of each request, before it is answered

    def pull(self, data):
        """Mirror a receiver's DATA as it is now."""
        shutil.rmtree(self.folder, ignore_errors=True)
        layout = Layout(data)
        size = int(layout.log.joinpath("checkpoint").read_bytes().split(b"\n")[1])
        for path in (*paths_for(size), "checkpoint"):
            source = layout.log / path
            self.folder.joinpath("log", path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, self.folder / "log" / path)
        for name in ("batches", "keyrings", "annexes"):
            shutil.copytree(data / name, self.folder / name)
        if layout.held.exists():
            shutil.copy(layout.held, self.folder / "held")
        return size

    def find(self, path):
        _, first, *rest = path.split("/")
        if first == "log":
            return self.folder / path[1:]
        suffix = {"batches": ".batch", "keyrings": ".keyring"}.get(rest[0], "")
        return self.folder / ("/".join(rest) + suffix)


def handler_of(mirror):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            mirror.asked.append(self.path)
            if mirror.when_asked:
                mirror.when_asked(self.path)
            secret = (
                self.path.startswith(("/log/tile/entries/", "/v1/")) and "/held" not in self.path
            )
            path, body = mirror.find(self.path), b""
            if mirror.silent:
                status = 500
            elif secret and self.headers["Authorization"] != f"Bearer {TOKEN}":
                status = 401
            elif path.is_file():
                status, body = 200, path.read_bytes()
            else:
                status = 404
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    return Handler


@contextmanager
def served(handler):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.handle_error = lambda *_: None  # whoever was killed while it asked
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def mirror(tmp_path):
    made = Mirror(tmp_path / "mirror")
    with served(handler_of(made)) as url:
        made.url = url
        made.token_file = tmp_path / "token"
        made.token_file.write_text(TOKEN)
        made.token_file.chmod(0o600)
        made.settings = Settings(office=Office(url=url, token_file=made.token_file))
        yield made


class Site:
    """A receiver that is started, stopped, set back and started again."""

    def __init__(self, folder, kit, mirror, office):
        self.kit, self.mirror, self.folder, self.office = kit, mirror, folder, office
        self.tokens, self.layout = {}, Layout(folder / "data")

    @property
    def signer(self):
        return load_signer(self.layout)

    @property
    def keys(self):
        return self.signer.keys

    @contextmanager
    def up(self, *, wait="sealing", **more):
        more.setdefault("settings", self.mirror.settings)
        with self.kit.serving(self.layout, self.signer, **more) as (url, desk):
            client = self.kit.Client(url, self.keys)
            world = self.kit.World(
                self.layout.data, self.office, self.keys, client, desk, self.tokens
            )
            if wait:
                await_phase(desk, wait)
            try:
                yield world
            finally:
                client.close()

    def back_up(self):
        shutil.rmtree(self.folder / "backup", ignore_errors=True)
        shutil.copytree(self.layout.data, self.folder / "backup", ignore=NO_SOCKET)

    def restore(self):
        shutil.rmtree(self.layout.data)
        shutil.copytree(self.folder / "backup", self.layout.data)

    def wipe(self):
        """Nothing is left but the keys."""
        for path in self.layout.data.iterdir():
            if path.name not in {"keys", "server.toml"}:
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def contents(self):
        """What the log and its files are: path and bytes of each."""
        roots = ("log", "batches", "keyrings", "annexes")
        files = [p for r in roots for p in (self.layout.data / r).rglob("*") if p.is_file()]
        found = {p.relative_to(self.layout.data).as_posix(): p.read_bytes() for p in files}
        if self.layout.held.exists():
            found["held"] = self.layout.held.read_bytes()
        return found


def await_phase(desk, *phases, seconds=20):
    moved = threading.Event()
    for _ in range(int(seconds / 0.01)):
        if desk.log.standing.phase in phases:
            return
        moved.wait(0.01)
    raise AssertionError(f"still {desk.log.standing}")


@pytest.fixture
def site(tmp_path, kit, mirror):
    made = Site(tmp_path, kit, mirror, kit.Office())
    _, _, made.tokens = kit.make_receiver(made.layout.data, made.office)
    return made


def seal(world, device, count=1, size=100):
    for _ in range(count):
        upload = device.seal([os.urandom(size)])
        world.receipt(world.client.put(upload), upload)


def annexed(world, device):
    """A policy whose annex is stored."""
    annex = b"age-encryption.org/v1 " + os.urandom(50)
    digest = hashlib.sha256(annex)
    path = f"/v1/annexes/{digest.hexdigest()}"
    assert world.as_("records")("PUT", path, annex).status_code == 204
    value = base64.b64encode(digest.digest()).decode()
    note = world.office.policy_note(1, f"device:{device.name}", annexes={device.name: value})
    assert world.as_("admin")("POST", "/v1/notes", note).status_code == 200


def make_history(site):
    """Yesterday: a backup. Then more is sealed, and the office mirrors it. What there was then."""
    with site.up() as world:
        device = world.enrol()
        seal(world, device, 2)
        world.desk.log.settle()
        site.back_up()
        annexed(world, device)
        seal(world, device, 2)
        world.desk.log.append([hold(site.office, number) for number in range(260)])
        seal(world, device, 2)
        assert world.client("POST", "/v1/held", held(world)).status_code == 204
        world.desk.log.settle()
    site.mirror.pull(site.layout.data)
    return device


def hold(office, number):
    """An entry that is quickly made: the log has more than a bundle by them."""
    mark = Mark(HOLD, ORIGIN, f"case-{number}", "on", None, START)
    return sign_mark(mark, office.approval[0])


@pytest.fixture(scope="module")
def template(tmp_path_factory, kit):
    """A history that each test takes a copy of."""
    folder = tmp_path_factory.mktemp("history")
    mirror = Mirror(folder / "mirror")
    mirror.settings = Settings()
    made = Site(folder, kit, mirror, kit.Office())
    _, _, made.tokens = kit.make_receiver(made.layout.data, made.office)
    return made, make_history(made)


@pytest.fixture
def old(template, tmp_path, kit, mirror):
    """A receiver with a history, its backup and its office's mirror."""
    made, device = template
    for name in ("data", "backup", "mirror"):
        shutil.copytree(made.folder / name, tmp_path / name)
    site = Site(tmp_path, kit, mirror, made.office)
    site.tokens, site.device = made.tokens, copy.copy(device)
    return site


def held(world):
    return world.office.held_note(world.client.checkpoint().checkpoint)


def test_a_restored_backup_becomes_byte_for_byte_the_log_that_it_was(old):
    device, before = old.device, old.contents()
    old.restore()
    assert old.contents() != before
    with old.up() as world:
        settled(world, lambda: old.contents() == before)
        seal(world, device)
    assert check(old.layout).doubts == ()


def settled(world, condition, seconds=20):
    moved = threading.Event()
    for _ in range(int(seconds / 0.02)):
        if condition():
            return
        moved.wait(0.02)
    raise AssertionError("it never came to that")


def test_a_wiped_receiver_is_rebuilt_from_its_keys_and_the_mirror_alone(old):
    before = old.contents()
    old.wipe()
    with old.up() as world:
        settled(world, lambda: old.contents() == before)
    assert check(old.layout).doubts == ()


def write_settings(site):
    office = f'url = "{site.mirror.url}"\ntoken_file = "{site.mirror.token_file}"\n'
    site.layout.settings.write_text(f"[office]\n{office}")


@pytest.mark.parametrize("kills", [4, pytest.param(60, marks=pytest.mark.soak)])
def test_killed_while_it_catches_up_it_goes_on_from_there(old, kills):
    before = old.contents()
    old.wipe()
    write_settings(old)
    dice = random.Random(os.urandom(8))
    for _ in range(kills):
        process = start(old.layout)
        until = len(old.mirror.asked) + dice.randint(1, 6)

        def kill_it(_path, process=process, until=until):
            if len(old.mirror.asked) >= until:
                process.kill()

        old.mirror.when_asked = kill_it
        deadline = threading.Timer(5, process.kill)  # once nothing is left to ask for
        deadline.start()
        process.wait()
        deadline.cancel()
    old.mirror.when_asked = None
    old.layout.listening.unlink(missing_ok=True)
    with old.up() as world:
        settled(world, lambda: old.contents() == before)
    assert check(old.layout).doubts == ()


def start(layout):
    command = [sys.executable, "-m", "lakzegel_server", "serve", "--data", str(layout.data)]
    return subprocess.Popen(
        [*command, "--listen", "127.0.0.1:0"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def test_an_office_that_falls_silent_half_way_leaves_a_log_that_goes_on_from_there(
    old, monkeypatch
):
    before = old.contents()
    old.wipe()
    monkeypatch.setattr(following, "STEP", 32)
    bundles = []

    def fall_silent(path):
        bundles.append(path)
        old.mirror.silent = sum("entries" in p for p in bundles) > 3

    old.mirror.when_asked = fall_silent
    with old.up(wait=None) as world:
        settled(world, lambda: old.mirror.silent)
        settled(world, lambda: world.desk.log.edge().size > 0)
    sealed = Database.open(old.layout.database)
    size = sealed.size()
    sealed.close()
    assert 0 < size < 256
    old.mirror.when_asked, old.mirror.silent = None, False
    with old.up() as world:
        settled(world, lambda: old.contents() == before)


class Witness:
    """A C2SP witness, as far as it says what it knows."""

    def __init__(self, known, status=409):
        algorithm = Algorithm.ED25519_COSIGNATURE
        self.key = SigningKey.from_seed("w.example/w", algorithm, os.urandom(32))
        self.known, self.status, self.asked = known, status, []

    def handler(self):
        witness = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                size = int(body.partition(b"\n")[0].removeprefix(b"old "))
                witness.asked.append((self.path, size, body))
                same = size == witness.known and witness.status == 409
                answer = b"" if same else f"{witness.known}\n".encode()
                self.send_response(200 if same else witness.status)
                self.send_header("Content-Type", "text/x.tlog.size")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        return Handler

    @contextmanager
    def named(self):
        with served(self.handler()) as url:
            yield Named(url, self.key.verifier, None)


ROUTES = (
    ("GET", "/log/checkpoint", None),
    ("PUT", f"/v1/batches/{'0' * 64}", b"x"),
    ("POST", "/v1/notes", b"lakzegel.nl/enrolment/v1\n"),
    ("POST", "/v1/cosignatures", b"x"),
    ("POST", "/v1/held", b"x"),
    ("POST", "/v1/device", b"x"),
)


def test_nothing_is_sealed_or_called_newest_before_the_office_answered(old):
    device = old.device
    old.restore()
    old.mirror.silent = True
    with old.up(wait="asking") as world:
        for method, path, body in ROUTES:
            answer = world.client(method, path, body)
            assert answer.status_code == 503, path
            assert answer.json()["type"].endswith("/catching-up")
            assert answer.headers["retry-after"]
        assert world.as_("records")("PUT", f"/v1/annexes/{'0' * 64}", b"x").status_code == 503
        assert world.client("GET", "/v1/health").json()["status"] == "read-only"
        assert world.client("GET", "/log/tile/0/000.p/3").status_code == 200
        note = world.office.policy_note(9, "group:x")
        with pytest.raises(ReadOnlyError):
            world.desk.log.append([note])
        old.mirror.silent = False
        await_phase(world.desk, "sealing")
        seal(world, device)


def test_where_the_office_has_another_log_of_ours_nothing_is_ever_sealed_again(old, caplog):
    theirs = old.mirror.folder / "log" / "checkpoint"
    size = open_checkpoint(theirs.read_bytes(), old.keys).checkpoint.size
    other = Checkpoint(old.keys.origin, size, os.urandom(32))
    theirs.write_bytes(sign_checkpoint(other, old.signer.ed25519, old.signer.mldsa, now=1))
    with old.up(wait="forked"):
        assert "FORK" in caplog.text
    evidence = {p.read_bytes() for p in old.layout.evidence.iterdir()}
    assert theirs.read_bytes() in evidence
    assert len(evidence) == 2
    assert [str(d) for d in check(old.layout).doubts] == [
        "evidence: this log forked: two signed checkpoints contradict each other"
    ]
    with old.up(wait="forked", settings=Settings()) as world:
        answer = world.client("POST", "/v1/notes", world.office.policy_note(1, "group:x"))
        assert answer.status_code in {401, 503}
        answer = world.client("GET", "/log/checkpoint")
        assert answer.json()["type"].endswith("/forked")


def test_a_mirror_that_is_damaged_is_no_fork_and_is_asked_again(old):
    device, before = old.device, old.contents()
    old.restore()
    tile = old.mirror.folder / "log/tile/0/000"
    good = tile.read_bytes()
    tile.write_bytes(bytes(len(good)))
    with old.up(wait=None) as world:
        settled(world, lambda: old.mirror.asked.count("/log/checkpoint") >= 2)
        assert world.desk.log.standing.phase in {"asking", "catching-up"}
        assert not old.layout.evidence.exists()
        tile.write_bytes(good)
        await_phase(world.desk, "sealing")
        settled(world, lambda: old.contents() == before)
        seal(world, device)


def test_a_mirror_that_changes_an_entry_is_not_believed(old):
    old.restore()
    bundle = old.mirror.folder / "log/tile/entries/000"
    data = bytearray(bundle.read_bytes())
    data[-1] ^= 1
    bundle.write_bytes(data)
    with old.up(wait=None) as world:
        settled(world, lambda: old.mirror.asked.count("/log/checkpoint") >= 2)
        assert world.desk.log.edge().size < 256
        assert not world.desk.log.standing.sealing
    assert not old.layout.evidence.exists()


def test_without_anybody_to_ask_an_index_that_is_gone_is_refused(old, capsys):
    from lakzegel_server.__main__ import main  # noqa: PLC0415

    old.layout.database.unlink()
    arguments = ["--data", str(old.layout.data)]
    assert main(["serve", *arguments, "--listen", "127.0.0.1:0"]) == 2
    assert "is gone" in capsys.readouterr().err
    assert main(["account", "add", *arguments, "--role", "it", "x"]) == 2
    assert main(["publish", *arguments, str(old.layout.config)]) == 2


def test_without_anybody_to_ask_an_index_older_than_the_checkpoint_is_refused(old):
    shutil.copy(old.folder / "backup" / "index.sqlite", old.layout.database)
    with pytest.raises(Exception, match="set back"), old.up(settings=Settings()):
        pass


def test_publish_asks_too_and_refuses_what_may_fork(old, capsys, tmp_path):
    from lakzegel_server.__main__ import main  # noqa: PLC0415

    old.restore()
    old.layout.settings.write_text(
        f'[office]\nurl = "{old.mirror.url}"\ntoken_file = "{old.mirror.token_file}"\n'
    )
    note = tmp_path / "policy.note"
    note.write_bytes(old.office.policy_note(7, "group:x"))
    publish = ["publish", "--data", str(old.layout.data), str(note)]
    assert main(publish) == 3
    assert "catches up" in capsys.readouterr().err
    old.mirror.silent = True
    assert main(publish) == 3
    old.mirror.silent = False
    with old.up():
        pass
    assert main(publish) == 0


def test_publish_seals_nothing_that_serve_would_not_though_nobody_can_be_asked(
    old, capsys, tmp_path
):
    from lakzegel_server.__main__ import main  # noqa: PLC0415

    newest = old.contents()["log/checkpoint"]
    old.restore()
    size = seen_of(old.contents()["log/checkpoint"], old.keys).size
    note = tmp_path / "policy.note"
    note.write_bytes(old.office.policy_note(7, "group:x"))
    publish = ["publish", "--data", str(old.layout.data), str(note)]
    for path, why in ((old.layout.ahead, "DATA/ahead"), (old.layout.restored, "from a backup")):
        path.write_bytes(newest)
        assert main(publish) == 3
        assert why in capsys.readouterr().err
        path.unlink()
    assert seen_of(old.contents()["log/checkpoint"], old.keys).size == size
    assert main(publish) == 0


def test_a_restart_of_the_service_asks_nobody(site, monkeypatch, tmp_path):
    runtime = tmp_path / "run"
    runtime.mkdir()
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(runtime))
    with site.up() as world:
        device = world.enrol()
        seal(world, device, 2)
        site.back_up()
        seal(world, device, 2)
    site.mirror.pull(site.layout.data)
    site.mirror.silent = True
    with site.up() as world:
        seal(world, device)
    site.restore()
    with site.up(wait="asking"):
        pass


def test_what_was_shown_before_this_start_of_the_machine_or_long_ago_proves_nothing(tmp_path):
    tree = Checkpoint("log.example/test", 7, bytes(32))
    now = [1000.0]
    noted = Continuity(tmp_path, boot="a", uptime=lambda: now[0])
    noted.note(tree)
    assert noted.newest() == tree
    assert Continuity(tmp_path, boot="b", uptime=lambda: now[0]).newest() is None
    now[0] += 121
    assert noted.newest() is None
    noted.note(tree)
    assert noted.newest() == tree
    noted.forget()
    assert noted.newest() is None
    assert boot_id()


def test_a_device_that_saw_more_makes_it_ask_and_the_offices_proof_makes_it_catch_up(old):
    before = old.contents()
    old.restore()
    away = old.mirror.folder.rename(old.folder / "away")  # a machine that went back while it ran
    old.device.seen = seen_of(before["log/checkpoint"], old.keys)
    upload = old.device.seal()
    with old.up() as world:
        away.rename(old.mirror.folder)
        assert world.client.put(upload).json()["type"].endswith("/consistency")
        await_phase(world.desk, "catching-up")
        await_phase(world.desk, "sealing")
        settled(world, lambda: old.contents() == before)
        world.receipt(world.client.put(upload), upload)


def test_a_device_alone_stops_nothing(old):
    with old.up() as world:
        old.device.seen = Seen(10_000, os.urandom(32))
        upload = old.device.seal(advance=False)
        asked = old.mirror.asked.count("/log/checkpoint")
        for _ in range(3):
            assert world.client.put(upload).status_code == 409
        settled(world, lambda: old.mirror.asked.count("/log/checkpoint") > asked)
        old.device.seen = Seen(0, EMPTY_ROOT)
        for _ in range(3):
            assert world.client("GET", "/v1/health").json()["phase"] == "sealing"
            seal(world, old.device)
        assert old.mirror.asked.count("/log/checkpoint") == asked + 1


def seen_of(checkpoint, keys):
    tree = open_checkpoint(checkpoint, keys).checkpoint
    return Seen(tree.size, tree.root)


@contextmanager
def asking(monkeypatch, *witnesses):
    """Those witnesses are named in the settings."""
    with ExitStack() as stack:
        named = tuple(stack.enter_context(w.named()) for w in witnesses)
        monkeypatch.setattr(module, "witnesses_of", lambda _settings: named)
        yield


def test_what_a_witness_saw_and_the_office_has_not_is_not_written_over(old, monkeypatch):
    whole = seen_of(old.contents()["log/checkpoint"], old.keys).size
    witness = Witness(whole + 2)
    with asking(monkeypatch, witness), old.up(wait="short") as world:
        assert f"{whole + 2} entries" in world.desk.log.standing.detail
        assert world.client.put(old.device.seal(advance=False)).status_code == 503
        path, size, body = witness.asked[0]
        assert (path, size) == ("/add-checkpoint", whole)
        assert body.partition(b"\n\n")[2] == old.contents()["log/checkpoint"]
        witness.known = whole
        await_phase(world.desk, "sealing")


@pytest.mark.parametrize("status", [409, 404, 500])
def test_without_an_office_a_witness_must_have_answered(old, monkeypatch, status):
    whole = seen_of(old.contents()["log/checkpoint"], old.keys).size
    witness = Witness(whole + 1, status)
    phase = "short" if status == 409 else "asking"
    with asking(monkeypatch, witness), old.up(wait=phase, settings=Settings()) as world:
        witness.status, witness.known = 409, whole - 1
        await_phase(world.desk, "sealing")


def test_every_quorum_that_may_have_been_met_must_include_one_who_answered(kit):
    keys = [
        kit.new_key(f"w{i}.example/w", Algorithm.ED25519_COSIGNATURE).verifier for i in range(5)
    ]
    named = [Named("http://127.0.0.1:1", key, None) for key in keys]
    policy = SimpleNamespace(quorum=Quorum(tuple(keys), 3), audience=("device:d",), serial=1)
    entry = SimpleNamespace(policy=policy, id=b"", index=1)
    devices = {"d": SimpleNamespace(name="d", group=None)}
    custody = SimpleNamespace(devices=devices, policies={b"": entry}, delegation=None)

    def enough(count, witnesses=named):
        return is_enough(Round(office=True, keys=keys[:count]), custody, witnesses, office=True)

    assert [enough(count) for count in range(5)] == [False, False, False, True, True]
    assert enough(1, named[:1])  # those who are not named cannot be asked
    assert not is_enough(Round(keys=list(keys)), custody, named, office=True)


def shown_to_a_device(old, checkpoint, kit):
    """What a device sends after a receipt: the log's own lines, and its cosignature."""
    signed = open_checkpoint(checkpoint, old.keys)
    return add_cosignature(checkpoint, cosign(signed.checkpoint, old.device.witness, now=1))


def test_the_logs_own_word_that_there_is_more_stops_it_whoever_brings_it(old, kit):
    before = old.contents()
    old.restore()
    away = old.mirror.folder.rename(old.folder / "away")
    word = shown_to_a_device(old, before["log/checkpoint"], kit)
    with old.up() as world:
        assert world.client("POST", "/v1/cosignatures", word).status_code == 503
        await_phase(world.desk, "short")
        assert world.client.put(old.device.seal(advance=False)).status_code == 503
    assert old.layout.ahead.exists()
    with pytest.raises(DamageError, match="set back"), old.up(settings=Settings()):
        pass
    with old.up(wait="short") as world:
        away.rename(old.mirror.folder)
        await_phase(world.desk, "sealing")
        settled(world, lambda: old.contents() == before)
        seal(world, old.device)
    assert check(old.layout).doubts == ()


def test_the_logs_own_word_of_another_tree_is_a_fork(old, kit):
    trees = [Checkpoint(ORIGIN, size, os.urandom(32)) for size in (3, 5)]
    keys = (old.signer.ed25519, old.signer.mldsa)
    mine, nobodys = (sign_checkpoint(tree, *keys, now=1) for tree in trees)
    with old.up() as world:
        last = nobodys.rstrip().rpartition(b"\n")[0] + b"\n"  # one of two signatures
        assert world.client("POST", "/v1/cosignatures", last).status_code == 403
        assert world.desk.log.standing.sealing
        assert world.client("POST", "/v1/cosignatures", mine).status_code == 503
        assert world.desk.log.standing.phase == "forked"
    assert mine in {path.read_bytes() for path in old.layout.evidence.iterdir()}


def test_a_checkpoint_that_is_heard_while_its_entries_are_taken_over_is_no_fork(old, monkeypatch):
    newest = old.contents()["log/checkpoint"]
    old.restore()
    old.mirror.silent = True
    with old.up(wait="asking") as world:
        recovery, verify = world.desk.recovery, ownword.open_checkpoint

        def take_over_first(data, keys):
            """While the signatures are verified, the log becomes as large as what was shown."""
            old.mirror.silent, recovery._due = False, 0.0
            await_phase(world.desk, "sealing")
            return verify(data, keys)

        monkeypatch.setattr(ownword, "open_checkpoint", take_over_first)
        recovery.hear(newest)
        assert world.desk.log.standing.phase == "sealing"
    assert not old.layout.evidence.exists()


def test_publish_beside_a_receiver_that_seals_asks_nobody(old, capsys, tmp_path):
    from lakzegel_server.__main__ import main  # noqa: PLC0415

    old.layout.settings.write_text(
        f'[office]\nurl = "{old.mirror.url}"\ntoken_file = "{old.mirror.token_file}"\n'
    )
    note = tmp_path / "policy.note"
    note.write_bytes(old.office.policy_note(7, "group:x"))
    publish = ["publish", "--data", str(old.layout.data), str(note)]
    with old.up() as world:
        old.mirror.silent = True
        size = world.client.checkpoint().checkpoint.size
        assert [main(publish), main(publish)] == [0, 0]
        assert capsys.readouterr().out == f"policy {size}\n" * 2
        assert world.client.checkpoint().checkpoint.size == size + 1
        note.write_bytes(b"no note")
        assert main(publish) == 1
    capsys.readouterr()
    note.write_bytes(old.office.policy_note(8, "group:x"))
    assert main(publish) == 3
    assert "no answer from the office" in capsys.readouterr().err


def test_nothing_is_handed_to_a_receiver_that_may_not_be_the_newest(old, capsys, tmp_path):
    from lakzegel_server.__main__ import main  # noqa: PLC0415

    old.restore()
    old.mirror.silent = True
    note = tmp_path / "policy.note"
    note.write_bytes(old.office.policy_note(7, "group:x"))
    with old.up(wait=None) as world:
        assert main(["publish", "--data", str(old.layout.data), str(note)]) == 3
        assert "nothing is sealed until" in capsys.readouterr().err
        assert not world.desk.log.standing.sealing


def test_data_set_back_under_a_running_receiver_makes_no_other_log(old, capsys, tmp_path):
    """The socket is beside an older index now; who listens still knows what it showed."""
    from lakzegel_server.__main__ import main  # noqa: PLC0415

    note = tmp_path / "policy.note"
    note.write_bytes(old.office.policy_note(7, "group:x"))
    with old.up() as world:
        size = world.client.checkpoint().checkpoint.size
        for name in ("index.sqlite-wal", "index.sqlite-shm"):
            (old.layout.data / name).unlink(missing_ok=True)
        (old.layout.data / "index.sqlite").unlink()
        shutil.copy(old.folder / "backup" / "index.sqlite", old.layout.database)
        assert main(["publish", "--data", str(old.layout.data), str(note)]) == 0
        assert capsys.readouterr().out == f"policy {size}\n"


@pytest.mark.parametrize("failing", ["append", pytest.param("entries", marks=pytest.mark.soak)])
def test_a_disk_that_was_full_at_the_last_step_needs_no_restart(old, monkeypatch, failing):
    before = old.contents()
    old.restore()
    old.mirror.silent = True
    with old.up(wait="asking") as world:
        store, failures = world.desk.log.store, [28]
        real = getattr(store, failing)

        def full_once(*arguments):
            if failures:
                raise OSError(failures.pop(), "No space left on device")
            return real(*arguments)

        monkeypatch.setattr(store, failing, full_once)
        old.mirror.silent, world.desk.recovery._due = False, 0.0
        settled(world, lambda: not failures)
        world.desk.recovery._due = 0.0
        await_phase(world.desk, "sealing")
        settled(world, lambda: old.contents() == before)
        seal(world, old.device)
    assert check(old.layout).doubts == ()


def test_a_fork_stops_the_log_at_once_though_its_evidence_cannot_be_kept_yet(old, monkeypatch):
    tree = Checkpoint(ORIGIN, 3, os.urandom(32))
    word = sign_checkpoint(tree, old.signer.ed25519, old.signer.mldsa, now=1)
    keep, failures = module.evidence.keep, [28]

    def full_once(*arguments):
        if failures:
            raise OSError(failures.pop(), "No space left on device")
        keep(*arguments)

    monkeypatch.setattr(module.evidence, "keep", full_once)
    with old.up() as world:
        assert world.client("POST", "/v1/cosignatures", word).status_code == 507
        assert world.desk.log.standing.phase == "forked"
        settled(world, old.layout.evidence.exists)
    with old.up(wait="forked"):
        pass


def test_a_larger_tree_stops_the_log_at_once_though_it_cannot_be_kept_yet(old, monkeypatch):
    newest = old.contents()["log/checkpoint"]
    old.restore()
    away = old.mirror.folder.rename(old.folder / "away")

    def full(*_):
        raise OSError(28, "No space left on device")

    with old.up() as world:
        monkeypatch.setattr(module.evidence, "keep_ahead", full)
        assert world.client("POST", "/v1/cosignatures", newest).status_code == 507
        assert not world.desk.log.standing.sealing
        monkeypatch.undo()
        assert world.client("POST", "/v1/cosignatures", newest).status_code == 503
        assert old.layout.ahead.exists()
        away.rename(old.mirror.folder)
        await_phase(world.desk, "sealing")


def test_what_a_device_showed_must_be_of_the_log_that_is_caught_up_with(old):
    old.restore()
    away = old.mirror.folder.rename(old.folder / "away")
    other = Checkpoint(ORIGIN, 100, os.urandom(32))
    word = sign_checkpoint(other, old.signer.ed25519, old.signer.mldsa, now=1)
    with old.up() as world:
        assert world.client("POST", "/v1/cosignatures", word).status_code == 503
    with old.up(wait=None) as world:
        away.rename(old.mirror.folder)
        await_phase(world.desk, "forked")
    assert word in {path.read_bytes() for path in old.layout.evidence.iterdir()}


def test_the_checkpoint_in_data_must_be_of_the_log_that_is_caught_up_with(old):
    other = Checkpoint(ORIGIN, 100, os.urandom(32))
    old.restore()
    word = sign_checkpoint(other, old.signer.ed25519, old.signer.mldsa, now=1)
    old.layout.log.joinpath("checkpoint").write_bytes(word)
    with old.up(wait="forked"):
        pass
    assert word in {path.read_bytes() for path in old.layout.evidence.iterdir()}


@pytest.mark.parametrize("less", [0, 1])
def test_a_checkpoint_in_data_of_another_tree_is_not_signed_over(old, less):
    path = old.layout.log / "checkpoint"
    size = open_checkpoint(path.read_bytes(), old.keys).checkpoint.size - less
    other = Checkpoint(ORIGIN, size, os.urandom(32))
    word = sign_checkpoint(other, old.signer.ed25519, old.signer.mldsa, now=1)
    path.write_bytes(word)
    with pytest.raises(DamageError, match="another tree"), old.up():
        pass
    assert path.read_bytes() == word


def test_a_restart_that_asks_nobody_still_fetches_the_files_that_are_lacking(
    old, monkeypatch, tmp_path
):
    runtime = tmp_path / "run"
    runtime.mkdir()
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(runtime))
    before = old.contents()
    with old.up():
        pass
    gone = sorted(name for name in before if name.startswith(("batches/", "annexes/")))
    for name in gone:
        old.layout.data.joinpath(name).unlink()
        old.mirror.folder.joinpath(name).rename(tmp_path / name.partition("/")[2])
    with old.up(wait=None) as world:
        assert world.desk.log.standing.sealing
        settled(world, lambda: world.desk.recovery.state.lacking == len(gone))
        for name in gone:
            (tmp_path / name.partition("/")[2]).rename(old.mirror.folder / name)
        world.desk.chores[fetching.CHORE].wake()
        settled(world, lambda: old.contents() == before)


def test_files_of_entries_that_come_in_while_others_are_fetched_are_fetched_after(old, monkeypatch):
    fetched = []
    with old.up() as world:
        recovery = world.desk.recovery

        def fetch(_office, since, _stopping):
            fetched.append(since)
            if len(fetched) == 1:
                recovery._catching_up(10_000)
                await_phase(world.desk, "sealing")
            return 0

        monkeypatch.setattr(recovery._fetching._files, "fetch", fetch)
        recovery._fetching.due = True
        world.desk.chores[fetching.CHORE].wake()
        settled(world, lambda: len(fetched) == 2)


def test_a_tile_that_rotted_is_damage_and_no_fork(old):
    with old.up() as world:
        reader = world.desk.log.store.reader(world.desk.log.edge().size)
        tree = Checkpoint(ORIGIN, 3, reader.root(3))
        word = sign_checkpoint(tree, old.signer.ed25519, old.signer.mldsa, now=1)
        tile = old.layout.log / "tile/0/000"
        good = tile.read_bytes()
        tile.write_bytes(bytes(len(good)))
        world.read_anew()
        answer = world.client("POST", "/v1/cosignatures", word)
        assert (answer.status_code, answer.json()["title"]) == (503, "damage")
        assert world.desk.log.standing.phase == "sealing"
        tile.write_bytes(good)
    assert not old.layout.evidence.exists()
