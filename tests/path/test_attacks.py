# SPDX-License-Identifier: EUPL-1.2
"""The receiver is hostile: it has its own keys, its disk, and every answer in its hand.

Who notices, and says it in one line, is what each test ends with. What a hostile device can do is
in tests/office/test_pull.py and tests/core; here real processes meet over real HTTP.
"""

import base64
import hashlib
import json
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from lakzegel_core import note as notes
from lakzegel_core import tiles
from lakzegel_core.admission import Admission, sign_admission
from lakzegel_core.age import Identity
from lakzegel_core.checkpoint import Checkpoint, LogKeys, open_checkpoint, sign_checkpoint
from lakzegel_core.encoding import b64
from lakzegel_core.enrolment import Enrolment, Reason, device_key_name, sign_enrolment
from lakzegel_core.keys import Algorithm, SigningKey


class Intruder:
    """Stands in the receiver's place: passes requests on and rewrites the answers it wants to."""

    def __init__(self, target):
        self.rewrites = []
        intruder = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                size = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(size) if size else None
                kept = {k: v for k, v in self.headers.items() if k == "Authorization"}
                got = requests.request(
                    self.command, target + self.path, data=body, headers=kept, timeout=60
                )
                data = got.content
                for path, change in intruder.rewrites:
                    if self.path.startswith(path) and got.status_code == 200:
                        data = change(data)
                self.send_response(got.status_code)
                self.send_header("Content-Type", got.headers.get("Content-Type", ""))
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = answer  # noqa: N815 - http.server's names

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def rewrite(self, path, change):
        self.rewrites.append((path, change))

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class StolenKeys:
    """What lies on the receiver's disk: the log's keys and every tile."""

    def __init__(self, data):
        self._data = data
        keys = [(data / "keys" / n).read_text().strip() for n in ("log.ed25519", "log.mldsa")]
        self.ed25519, self.mldsa = (SigningKey.from_text(text) for text in keys)

    @property
    def log(self):
        return LogKeys(self.ed25519.verifier, self.mldsa.verifier)

    def entries(self):
        served = open_checkpoint((self._data / "log/checkpoint").read_bytes(), self.log)
        found, size = [], served.checkpoint.size
        for tile in tiles.tiles_for(size):
            if tile.level == tiles.ENTRIES:
                bundle = (self._data / "log" / tile.path).read_bytes()
                found += tiles.decode_entries(bundle, width=tile.width)
        return found

    def forge(self, entries):
        """A whole log of these entries: files by path, and its properly signed checkpoint."""
        files = {}
        update = tiles.new_tiles(0, entries, files.__getitem__)
        checkpoint = Checkpoint(self.log.origin, update.size, update.root)
        signed = sign_checkpoint(checkpoint, self.ed25519, self.mldsa, now=1_800_000_000)
        return {f"/log/{path}": data for path, data in update.files.items()} | {
            "/log/checkpoint": signed
        }

    def path(self, index):
        entries = self.entries()
        files = tiles.new_tiles(0, entries, {}.__getitem__).files
        return tiles.HashReader(len(entries), files.__getitem__).inclusion(index)


@pytest.fixture
def intruder(ready):
    made = Intruder(ready.server.url)
    yield made
    made.close()


def redirect_agent(world, url):
    text = world.config.read_text().replace(world.server.url, url)
    world.config.write_text(text)


def write(world, name, text="inhoud"):
    (world.sources["map"][1] / name).write_text(text)


def one_line(done, *words):
    lines = [line for line in done.stderr.splitlines() if all(w in line.lower() for w in words)]
    assert len(lines) == 1, (words, done.stderr, done.stdout)
    assert "Traceback" not in done.stderr
    return lines[0]


def copy_of(world, name="yesterday"):
    """The receiver's disk as it is now, taken while it stands still."""
    world.server.stop()
    shutil.copytree(world.server.data, world.root / name)
    world.server.start()


def put_back(world, name="yesterday"):
    world.server.stop()
    shutil.rmtree(world.server.data)
    shutil.copytree(world.root / name, world.server.data)
    world.server.start()


def test_a_copy_of_yesterday_is_noticed_by_device_and_office(ready):
    write(ready, "a.txt")
    ready.once()
    ready.pull()
    copy_of(ready)
    write(ready, "b.txt")
    ready.once()
    ready.pull()
    before = ready.status()["spool"]
    put_back(ready)
    write(ready, "c.txt")
    one_line(ready.once(expect=1), "rollback")
    one_line(ready.pull(expect=1), "rollback")
    assert ready.status()["spool"]["batches"] >= before["batches"]  # nothing was let go
    assert "rollback" in {p["code"] for p in ready.status()["problems"]}
    ready.verify("--quiet")  # the mirror keeps what was proven


def test_a_device_whose_last_batches_were_dropped_says_so(ready):
    write(ready, "a.txt")
    ready.once()
    ready.pull()
    copy_of(ready)
    write(ready, "b.txt")
    ready.once()
    ready.pull()
    put_back(ready)
    for number in range(3):  # the log grows past what was seen, without the dropped batch
        token = ready.root / f"other-{number}"
        ready.office("admit", "--device", f"other-{number}", token)
        ready.publish(token.with_name(token.name + ".note"))
    one_line(ready.once(expect=1), "fork")
    one_line(ready.pull(expect=1), "fork")
    assert list((ready.agent_home / "evidence").iterdir())
    assert list((ready.office_home / "state/evidence").iterdir())


def test_two_views_of_the_log_are_proven_by_what_the_device_saw(ready):
    """The device seals on one view; its batch is then put into another view for the office."""
    write(ready, "a.txt")
    ready.once()
    ready.pull()
    copy_of(ready, "view-for-the-office")
    token = ready.root / "only-for-the-device"
    ready.office("admit", "--device", "somebody", token)
    ready.publish(token.with_name(token.name + ".note"))  # in the device's view alone
    write(ready, "b.txt")
    ready.once()  # its header has seen the device's view
    ready.server.stop()
    device_view = ready.root / "view-for-the-device"
    shutil.copytree(ready.server.data, device_view)
    theirs = StolenKeys(device_view)
    put_back(ready, "view-for-the-office")
    ready.server.stop()
    mine = StolenKeys(ready.server.data).entries()
    batches = [e for e in theirs.entries() if e not in mine and e.startswith(b"lakzegel.nl/batch")]
    forged = theirs.forge([*mine, *batches])
    for name in ("batches", "keyrings"):
        shutil.copytree(device_view / name, ready.server.data / name, dirs_exist_ok=True)
    with HostileReceiver(ready, forged) as url:
        done = ready.office("pull", "--server", url, expect=1)
    one_line(done, "doubt", "saw")


def test_a_device_that_the_receiver_mints_is_no_device(ready):
    write(ready, "a.txt")
    ready.once()
    ready.pull()
    keys = StolenKeys(ready.server.data)
    origin = keys.log.origin
    fake = SigningKey.from_seed("records.example/enrolment", Algorithm.ED25519, bytes(range(32)))
    token = SigningKey.from_seed(f"{origin}/token/0badc0de", Algorithm.ED25519, bytes(range(1, 33)))
    from datetime import UTC, datetime  # noqa: PLC0415

    admission = sign_admission(
        Admission(
            origin, token.verifier, "geest", None, 1, datetime(2036, 1, 1, tzinfo=UTC), "default"
        ),
        fake,
    )
    header = SigningKey.from_seed(
        device_key_name(origin, "geest", 0, "header"), Algorithm.ED25519, bytes(range(2, 34))
    )
    witness = SigningKey.from_seed(
        device_key_name(origin, "geest", 0, "witness"),
        Algorithm.ED25519_COSIGNATURE,
        bytes(range(3, 35)),
    )
    tree = open_checkpoint((ready.server.data / "log/checkpoint").read_bytes(), keys.log).checkpoint
    enrolment = sign_enrolment(
        Enrolment(
            origin=origin,
            device="geest",
            epoch=0,
            group=None,
            header=header.verifier,
            witness=witness.verifier,
            annex=Identity.from_seed(bytes(32)).recipient,
            admission=hashlib.sha256(admission).digest(),
            reason=Reason.FIRST,
            previous=None,
            known=None,
            seen_size=tree.size,
            seen_root=tree.root,
            enrolled=datetime(2026, 11, 24, tzinfo=UTC),
        ),
        header,
        token,
    )
    forged = keys.forge([*keys.entries(), admission, enrolment])
    with HostileReceiver(ready, forged) as url:
        done = ready.office("pull", "--server", url, expect=1)
    assert "records.example/enrolment" in done.stdout + done.stderr
    one_line(done, "geest")
    assert "geest" not in ready.office("list", "--json").stdout


def test_a_deleted_keyring_is_named_and_nothing_is_held_beyond_it(ready):
    write(ready, "a.txt")
    ready.once()
    gone = min((ready.server.data / "keyrings").iterdir())
    gone.unlink()
    line = one_line(ready.pull(expect=1), "keyring", "missing")
    assert gone.name.removesuffix(".keyring") in line
    ready.server.stop()
    done = ready.check(expect=1)
    assert gone.name in done.stdout + done.stderr


def test_a_batch_that_was_exchanged_never_reaches_the_mirror(ready):
    write(ready, "a.txt")
    ready.once()
    file = min((ready.server.data / "batches").iterdir())
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    one_line(ready.pull(expect=1), "does not deliver what it sealed")


def swap_policy(keys, note):
    """Serve another policy note of the log, properly proven to be in it."""

    def change(body):
        answer = json.loads(body)
        index = keys.entries().index(note)
        entry = {
            "role": "policy",
            "index": index,
            "note": b64(note),
            "path": [b64(h) for h in keys.path(index)],
        }
        answer["entries"] = [e for e in answer["entries"] if e["role"] != "policy"] + [entry]
        return json.dumps(answer).encode()

    return change


def policies_of(keys):
    return [e for e in keys.entries() if e.startswith(b"lakzegel.nl/policy/")]


def problem_codes(world):
    return {problem["code"] for problem in world.status()["problems"]}


def test_an_old_policy_is_not_put_back_into_force(ready, intruder):
    write(ready, "a.txt")
    ready.once()
    ready.set_policy()
    ready.once()
    keys = StolenKeys(ready.server.data)
    old, new = policies_of(keys)
    assert old != new
    redirect_agent(ready, intruder.url)
    intruder.rewrite("/v1/device", swap_policy(keys, old))
    write(ready, "b.txt")
    done = ready.agent("once", "--json", expect=None)
    assert done.returncode in {0, 1}
    assert "policy-refused" in problem_codes(ready) | {done.stderr}
    ready.once(expect=None)
    headers = [e for e in StolenKeys(ready.server.data).entries() if b"lakzegel.nl/batch" in e[:30]]
    assert b64(hashlib.sha256(new).digest()).encode() in headers[-1]


def test_another_devices_policy_is_not_applied(ready, intruder):
    write(ready, "a.txt")
    ready.once()
    ready.office("admit", "--device", "ander", ready.root / "ander")
    ready.publish(ready.root / "ander.note")
    other = ready.policy_note(audience="device:ander", annex=False, serial=99)
    ready.publish(other)
    redirect_agent(ready, intruder.url)
    keys = StolenKeys(ready.server.data)
    intruder.rewrite("/v1/device", swap_policy(keys, other.read_bytes()))
    write(ready, "b.txt")
    ready.agent("once", "--json", expect=None)
    assert "policy-refused" in problem_codes(ready)
    headers = [e for e in StolenKeys(ready.server.data).entries() if b"lakzegel.nl/batch" in e[:30]]
    assert b64(hashlib.sha256(other.read_bytes()).digest()).encode() not in headers[-1]


def without_mldsa(data):
    """A receipt or checkpoint whose second signature line of the log is gone."""
    head, blank, tail = data.rpartition(b"\n\n")
    lines = tail.splitlines(keepends=True)
    return head + blank + b"".join(lines[:1] + lines[2:])


def test_a_receipt_without_the_post_quantum_signature_is_no_receipt(ready, intruder):
    redirect_agent(ready, intruder.url)
    intruder.rewrite("/v1/batches/", without_mldsa)
    write(ready, "a.txt")
    done = ready.agent("once", "--json", expect=None)
    assert done.returncode in {1, 3}
    one_line(done, "ml-dsa")
    assert ready.status()["spool"]["batches"] > 0  # not taken for sealed
    assert ready.status()["last_receipt"] is None


def test_a_device_answer_without_the_post_quantum_signature_is_refused(ready, intruder):
    def strip(body):
        answer = json.loads(body)
        checkpoint = base64.b64decode(answer["checkpoint"])
        answer["checkpoint"] = b64(without_mldsa(checkpoint))
        return json.dumps(answer).encode()

    redirect_agent(ready, intruder.url)
    intruder.rewrite("/v1/device", strip)
    write(ready, "a.txt")
    done = ready.agent("once", "--json", expect=None)
    assert done.returncode in {1, 3}
    one_line(done, "ml-dsa")


def test_the_office_refuses_a_checkpoint_without_the_post_quantum_signature(ready, intruder):
    intruder.rewrite("/log/checkpoint", without_mldsa)
    done = ready.office("pull", "--server", intruder.url, expect=1)
    one_line(done, "ml-dsa")


def test_a_receipt_for_another_entry_is_no_receipt(ready, intruder):
    """The index and the path of a true receipt, for an entry that is another one."""
    write(ready, "a.txt")
    ready.once()
    redirect_agent(ready, intruder.url)
    keys = StolenKeys(ready.server.data)

    def other(body):
        lines = body.split(b"\n")
        place = next(i for i, line in enumerate(lines) if line.startswith(b"index "))
        lines[place] = b"index 0"
        return b"\n".join(lines)

    intruder.rewrite("/v1/batches/", other)
    write(ready, "b.txt")
    done = ready.agent("once", "--json", expect=None)
    assert done.returncode in {1, 3}
    assert ready.status()["spool"]["batches"] > 0
    assert keys.log.origin
    assert notes.parse((ready.server.data / "log/checkpoint").read_bytes(), max_size=65536)


class HostileReceiver:
    """Serves a forged log, and the true receiver's files, to the office."""

    def __init__(self, world, forged):
        data = world.server.data

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.reply(self.find())

            def do_POST(self):
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self.send_response(403)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_PUT = do_POST  # noqa: N815 - http.server's names

            def find(self):
                if self.path in forged:
                    return forged[self.path]
                kind, _, name = self.path.removeprefix("/v1/").partition("/")
                file = {
                    "batches": data / f"batches/{name}.batch",
                    "keyrings": data / f"keyrings/{name}.keyring",
                    "annexes": data / f"annexes/{name}",
                }.get(kind)
                return file.read_bytes() if file and file.exists() else None

            def reply(self, body):
                self.send_response(404 if body is None else 200)
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self):
        self._thread.start()
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
