# SPDX-License-Identifier: EUPL-1.2
"""A monitor follows a log over HTTP, and says when it does not only grow."""

import base64
import functools
import http.server
import json
import signal
import subprocess
import sys
import threading

import pytest

from lakzegel_core.checkpoint import Checkpoint, LogKeys, open_checkpoint, sign_checkpoint
from lakzegel_core.cosignature import add_cosignature, cosign
from lakzegel_core.keys import Algorithm, SigningKey
from lakzegel_core.tiles import HashReader, new_tiles
from lakzegel_verify.__main__ import main
from lakzegel_verify.fetching import Fetcher, UnreachableError

ORIGIN = "log.example/test"
ED25519 = SigningKey.from_seed(ORIGIN, Algorithm.ED25519, bytes(32))
MLDSA = SigningKey.from_seed(ORIGIN, Algorithm.MLDSA44_COSIGNATURE, bytes(32))
WITNESS = SigningKey.from_seed("w.example", Algorithm.ED25519_COSIGNATURE, bytes(32))
POLICY = SigningKey.from_seed("p.example", Algorithm.ED25519, bytes(32))
KEYS = LogKeys(ED25519.verifier, MLDSA.verifier)


class Log:
    """A log's static files in a folder, as a web server has them."""

    def __init__(self, root):
        self.folder = root / "log"

    def show(self, size, forked_at=None, *, cosigned=False, key=ED25519):
        """Put this size's tiles and checkpoint there; from ``forked_at`` on, other entries."""
        forked = size if forked_at is None else forked_at
        entries = [b"%d" % n if n < forked else b"other %d" % n for n in range(size)]
        files = new_tiles(0, entries, lambda _: b"").files
        tree = Checkpoint(ORIGIN, size, HashReader(size, files.__getitem__).root())
        data = sign_checkpoint(tree, key, MLDSA, now=1_800_000_000 + size)
        if cosigned:
            data = add_cosignature(data, cosign(tree, WITNESS, now=1_800_000_000))
        for path, content in {**files, "checkpoint": data}.items():
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_bytes(content)
        return data


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def served(tmp_path):
    handler = functools.partial(Quiet, directory=str(tmp_path))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def log(tmp_path):
    keys = f"{ED25519.verifier.to_text()}\n{MLDSA.verifier.to_text()}\n"
    (tmp_path / "log.keys").write_text(keys)
    return Log(tmp_path)


@pytest.fixture
def monitor(served, tmp_path, capsys):
    """Look once; the exit code and what was printed."""

    def look(*more, keys="log.keys", state=True):
        remembered = ["--state", str(tmp_path / "seen")] if state else []
        code = main(["log", served, "--keys", str(tmp_path / keys), *remembered, *more])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return look


def evidence(tmp_path):
    return sorted(path.read_bytes() for path in (tmp_path / "seen.evidence").iterdir())


def test_a_log_that_grows_is_fine_each_time(log, monitor):
    for size, new in ((3, 3), (3, 0), (255, 252), (256, 1), (700, 444)):
        log.show(size)
        code, out, err = monitor("--json")
        found = json.loads(out)
        assert (code, err, found["status"]) == (0, "", "fine")
        assert (found["size"], found["grown"], found["origin"]) == (size, new, ORIGIN)


def test_two_trees_of_one_size_are_a_fork_and_both_are_kept(log, monitor, tmp_path):
    first = log.show(9)
    assert monitor()[0] == 0
    second = log.show(9, forked_at=4)
    code, out, err = monitor()
    assert (code, out) == (1, "")
    assert err.startswith("lakzegel-verify: FORK: ")
    assert len(err.splitlines()) == 1
    assert evidence(tmp_path) == sorted([first, second])
    trees = {open_checkpoint(data, KEYS).checkpoint.root for data in evidence(tmp_path)}
    assert len(trees) == 2  # which proves it to anybody
    assert monitor()[0] == 1  # it is not forgotten
    log.show(9)
    assert monitor()[0] == 0


@pytest.mark.parametrize(("size", "forked_at"), [(700, 0), (700, 299), (301, 299)])
def test_a_larger_log_with_another_past_is_a_fork(log, monitor, tmp_path, size, forked_at):
    first = log.show(300)
    assert monitor()[0] == 0
    second = log.show(size, forked_at=forked_at)
    code, _, err = monitor()
    assert code == 1
    assert "FORK" in err
    assert evidence(tmp_path) == sorted([first, second])


def test_a_smaller_log_is_a_rollback(log, monitor, tmp_path):
    first = log.show(9)
    assert monitor()[0] == 0
    second = log.show(8)
    code, out, _ = monitor("--json")
    assert (code, json.loads(out)["status"]) == (1, "rollback")
    assert evidence(tmp_path) == sorted([first, second])


def test_tiles_that_are_not_what_was_signed_are_no_fork(log, monitor, tmp_path):
    log.show(300)
    assert monitor()[0] == 0
    log.show(400)
    tile = log.folder / "tile" / "0" / "001.p" / "144"
    good = tile.read_bytes()
    tile.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    code, _, err = monitor()
    assert (code, "UNPROVEN" in err) == (1, True)
    tile.write_bytes(good[:-1])
    assert monitor()[0] == 1
    tile.write_bytes(good)
    assert monitor()[0] == 0


def test_a_checkpoint_that_another_key_signed_proves_nothing(log, monitor):
    log.show(3, key=SigningKey.from_seed(ORIGIN, Algorithm.ED25519, bytes([1]) * 32))
    code, _, err = monitor()
    assert (code, "UNPROVEN" in err) == (1, True)


def test_a_partial_tile_that_is_gone_is_taken_from_the_full_one(log, monitor):
    log.show(300)
    log.show(520)
    checkpoint = log.show(300)
    (log.folder / "tile" / "0" / "001.p" / "44").unlink()
    assert monitor()[0] == 0
    assert checkpoint == (log.folder / "checkpoint").read_bytes()


def test_witnesses_of_a_judges_key_file_are_told_and_checked(log, monitor, tmp_path):
    (tmp_path / "judge.keys").write_text(
        f"log {ED25519.verifier.to_text()}\nlog {MLDSA.verifier.to_text()}\n"
        f"policy {POLICY.verifier.to_text()}\nthreshold 1\n"
        f"witness {WITNESS.verifier.to_text()}\nquorum 1\n"
    )
    log.show(3, cosigned=True)
    assert "cosigned by w.example" in monitor(keys="judge.keys", state=False)[1]
    data = (log.folder / "checkpoint").read_text()
    head, dash, line = data.rpartition("— w.example ")
    broken = line.strip()[:-4] + "AAA=" + "\n"
    (log.folder / "checkpoint").write_text(head + dash + broken)
    assert monitor(keys="judge.keys", state=False)[0] == 1
    assert monitor(state=False)[0] == 0  # who does not know the witness passes it over


def test_without_a_state_the_evidence_is_in_the_json(log, monitor, tmp_path):
    data = log.show(3, key=SigningKey.from_seed(ORIGIN, Algorithm.ED25519, bytes([1]) * 32))
    code, out, _ = monitor("--json", state=False)
    assert code == 1
    assert [base64.b64decode(one) for one in json.loads(out)["evidence"]] == [data]
    assert not (tmp_path / "seen.evidence").exists()


def test_nobody_there_is_exit_3(log, tmp_path, capsys):
    arguments = ["log", "http://127.0.0.1:9", "--keys", str(tmp_path / "log.keys"), "--json"]
    assert main(arguments) == 3
    captured = capsys.readouterr()
    assert json.loads(captured.out)["status"] == "unreachable"
    assert len(captured.err.splitlines()) == 1


def test_a_log_that_says_not_now_is_exit_3(log, monitor):
    assert monitor()[0] == 3  # nothing is there yet


def test_what_cannot_be_used_is_exit_2_and_one_line(log, monitor, served, tmp_path, capsys):
    log.show(3)
    assert monitor()[0] == 0
    keys = str(tmp_path / "log.keys")
    (tmp_path / "empty").write_text("")
    seen = (tmp_path / "seen").read_bytes()
    assert main(["log", "ftp://log.example", "--keys", keys]) == 2
    assert main(["log", served, "--keys", str(tmp_path / "empty")]) == 2
    assert main(["log", served, "--keys", str(tmp_path / "nowhere")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 3
    for damaged in (b"", seen[:-5], seen.replace(b"edge\n", b"edge\nAAAA\n"), seen[1:]):
        (tmp_path / "seen").write_bytes(damaged)
        assert monitor()[0] == 2
    with pytest.raises(SystemExit) as caught:
        main(["log", served])
    assert caught.value.code == 2


def test_a_proof_that_is_called_log_is_still_a_proof(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("log", "file", "keys"):
        (tmp_path / name).write_bytes(b"")
    assert main(["log", "file", "--keys", "keys"]) == 2
    assert "keys: no usable key file" in capsys.readouterr().err


def test_following_ends_with_the_alarm(log, served, tmp_path):
    log.show(5)
    keys, state = str(tmp_path / "log.keys"), str(tmp_path / "seen")
    command = [sys.executable, "-m", "lakzegel_verify", "log", served, "--keys", keys]
    more = ["--state", state, "--follow", "0.05", "--json"]
    with subprocess.Popen([*command, *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        assert json.loads(run.stdout.readline())["size"] == 5
        log.show(8)
        while json.loads(run.stdout.readline())["size"] != 8:
            pass
        log.show(8, forked_at=6)
        _, err = run.communicate(timeout=30)
        assert run.returncode == 1
    assert b"FORK" in err
    log.show(8)
    with subprocess.Popen([*command, *more], stdout=subprocess.PIPE) as run:
        assert json.loads(run.stdout.readline())["grown"] == 0
        run.send_signal(signal.SIGTERM)
        run.communicate(timeout=30)
        assert run.returncode == 0


class Dripping(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path.endswith("moved"):
            self.send_response(302)
            self.send_header("Location", "/elsewhere")
            self.end_headers()
            return
        if self.path.endswith("long"):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"x" * 100)
            return
        try:
            while True:
                self.wfile.write(b"H")
                threading.Event().wait(0.05)
        except OSError:
            pass

    def log_message(self, *_):
        pass


def test_a_log_that_drips_redirects_or_says_too_much_is_no_answer():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Dripping)
    server.daemon_threads, server.block_on_close = True, False
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        fetcher = Fetcher(f"http://127.0.0.1:{server.server_port}", None, deadline=0.4)
        with pytest.raises(UnreachableError, match="no whole answer"):
            fetcher.get("checkpoint", 10)
        with pytest.raises(UnreachableError, match="302"):
            fetcher.get("moved", 10)
        with pytest.raises(UnreachableError, match="more than 10 bytes"):
            fetcher.get("long", 10)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
