# SPDX-License-Identifier: EUPL-1.2
"""kill -9 at any moment, a full disk, a busy disk: nothing lost, nothing doubled, no fork."""

import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest
import requests

from lakzegel_core.checkpoint import open_checkpoint
from lakzegel_core.merkle import verify_consistency
from lakzegel_core.receipt import verify_receipt
from lakzegel_core.tiles import HashReader
from lakzegel_server.database import Database
from lakzegel_server.fsck.run import check
from lakzegel_server.layout import Layout
from lakzegel_server.logstore import LogStore
from lakzegel_server.unsealed import read_names


class Process:
    """`lakzegel-server serve` in a process of its own."""

    def __init__(self, layout):
        self.layout = layout
        layout.listening.unlink(missing_ok=True)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lakzegel_server", "serve", "--data", str(layout.data),
             "--listen", "127.0.0.1:0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )  # fmt: skip
        self.url = self.process.stdout.readline().split()[-1]

    def kill(self, number=signal.SIGKILL):
        self.process.send_signal(number)
        code = self.process.wait(20)
        self.process.stdout.close()
        return code


def put(client, upload):
    """The answer, or None when the receiver went away."""
    try:
        return client.put(upload)
    except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
        return None


class Witnessed:
    """Every checkpoint that anybody was ever shown, or could have read from the disk."""

    def __init__(self, keys):
        self._keys = keys
        self._lock = threading.Lock()
        self.all = {}  # exact bytes -> the verified checkpoint

    def take(self, data):
        with self._lock:
            if data not in self.all:
                self.all[data] = open_checkpoint(data, self._keys).checkpoint

    def trees(self):
        return {(tree.size, tree.root) for tree in self.all.values()}


class Sender(threading.Thread):
    """A device that seals batch after batch until the receiver goes away."""

    def __init__(self, kit, keys, url, device, upload, sealed, seen):
        super().__init__()
        self.client = kit.Client(url, keys)
        self.keys, self.device, self.upload = keys, device, upload
        self.sealed, self.seen, self.wrong = sealed, seen, None

    def run(self):
        while (answer := put(self.client, self.upload)) is not None:
            if answer.status_code != 200:
                self.wrong = answer.text
                break
            receipt = verify_receipt(
                answer.content, entry=self.upload.note, log=self.keys, seen=None
            )
            self.seen.take(receipt.signed.data)
            self.sealed[self.upload.name] = receipt.index
            self.upload = self.device.seal([os.urandom(200)])
        self.client.close()


class Poller(threading.Thread):
    """Asks for the checkpoint, and looks at the file, all the time."""

    def __init__(self, kit, keys, process, seen):
        super().__init__()
        self.client = kit.Client(process.url, keys)
        self.file = process.layout.log / "checkpoint"
        self.seen = seen

    def run(self):
        try:
            while True:
                self.seen.take(self.file.read_bytes())
                self.seen.take(self.client("GET", "/log/checkpoint").content)
        except requests.RequestException:
            self.client.close()


def work_until_killed(kit, keys, process, devices, waiting, sealed, seen, after):
    """Three devices seal, somebody polls, and after a while everything is cut off."""
    senders = [
        Sender(kit, keys, process.url, device, upload, sealed, seen)
        for device, upload in zip(devices, waiting, strict=True)
    ]
    threads = [*senders, Poller(kit, keys, process, seen)]
    timer = threading.Timer(after, process.process.kill)
    for thread in (*threads, timer):
        thread.start()
    for thread in (*threads, timer):
        thread.join()
    process.kill()
    assert [sender.wrong for sender in senders] == [None] * len(senders)
    return [sender.upload for sender in senders]


@pytest.mark.parametrize("kills", [8, pytest.param(200, marks=pytest.mark.soak)])
def test_killed_at_any_moment_of_sealing_it_never_shows_two_checkpoints_that_disagree(
    tmp_path, kit, kills
):
    office = kit.Office()
    layout, signer, tokens = kit.make_receiver(tmp_path / "data", office)
    keys, dice = signer.keys, random.Random(os.urandom(8))
    process, seen, sealed, unsealed = Process(layout), Witnessed(keys), {}, 0
    client = kit.Client(process.url, keys)
    world = kit.World(layout.data, office, keys, client, None, tokens)
    devices = [world.enrol(f"device-{number}") for number in range(3)]
    client.close()
    waiting = [device.seal([os.urandom(200)]) for device in devices]
    for _ in range(kills):
        after = dice.uniform(0, 0.15)
        waiting = work_until_killed(kit, keys, process, devices, waiting, sealed, seen, after)
        unsealed += require_noted(layout)
        process = Process(layout)
        assert require_noted(layout) == 0
    client = kit.Client(process.url, keys)
    seen.take(client("GET", "/log/checkpoint").content)
    for name in sealed:
        assert client.as_(tokens["records"])("GET", f"/v1/batches/{name}").status_code == 200
    client.close()
    assert process.kill(signal.SIGTERM) == 0
    report = check(layout)
    assert [str(d) for d in report.doubts] == []
    assert len(sealed) <= report.batches <= len(sealed) + 3  # those may lack their answer only
    assert len(set(sealed.values())) == len(sealed)
    require_one_log(layout, seen)
    print(
        f"{kills} kills: {len(sealed)} batches with receipts of {report.batches} sealed;"
        f" {len(seen.all)} checkpoints of {len(seen.trees())} trees, all of one log;"
        f" {unsealed} batches lay there without an entry"
    )


def require_noted(layout):
    """How many batches lie there without an entry; the receiver noted each."""
    index = Database.open_readonly(layout.index_file)
    found = {
        path.name.partition(".")[0]: path
        for folder in (layout.batches, layout.keyrings)
        for path in folder.iterdir()
        if index.index_of(bytes.fromhex(path.name.partition(".")[0])) is None
    }
    index.close()
    assert found.keys() <= set(read_names(layout.unsealed))
    return len(found)


def require_one_log(layout, seen):
    """Each tree is the beginning of the next larger one, and of the log as it lies there."""
    trees = sorted(seen.trees())
    assert len({size for size, _ in trees}) == len(trees)
    log = HashReader(trees[-1][0], LogStore(layout.log, layout.incoming).read)
    for (size, root), (larger, larger_root) in itertools.pairwise(trees):
        proof = HashReader(larger, LogStore(layout.log, layout.incoming).read).consistency(size)
        verify_consistency(
            old_size=size, new_size=larger, old_root=root, new_root=larger_root, proof=proof
        )
        assert log.root(size) == root


def test_committed_entries_whose_tiles_were_lost_get_them_again(world, device, kit, tmp_path):
    """Of a copy of DATA, with its index in a file of sqlite."""
    world.client.put(device.seal())
    shutil.copytree(world.data, tmp_path / "crashed", ignore=lambda *_: ["publish.sock"])
    crashed = Layout(tmp_path / "crashed")
    durable = world.desk.log._database.pending_start()
    if durable is None:
        pytest.skip("the tiles were durable already")
    for path in crashed.log.rglob("*.p/*"):
        if int(path.name) > durable:
            path.unlink()
    crashed.log.joinpath("checkpoint").unlink()
    process = Process(crashed)
    client = kit.Client(process.url, world.keys)
    before, end = world.client.checkpoint().checkpoint.size, time.monotonic() + 20
    while client.checkpoint().checkpoint.size == before:  # a day has passed since:
        assert time.monotonic() < end, "the trail is not sealed"
    assert client.checkpoint().checkpoint.size == before + 1
    client.close()
    assert process.kill(signal.SIGTERM) == 0
    assert check(crashed).doubts == ()


def test_a_start_takes_away_what_was_never_sealed(tmp_path, kit):
    layout, signer, _ = kit.make_receiver(tmp_path / "data", kit.Office())
    layout.incoming.joinpath("x.part").write_bytes(b"x")
    for path in (layout.batch("1" * 64), layout.keyring("1" * 64)):
        path.write_bytes(b"durable, but its entry was not")
    layout.unsealed.write_text("1" * 64 + "\n")
    assert len(check(layout).doubts) == 3
    with kit.serving(layout, signer):
        assert not layout.batch("1" * 64).exists()  # before it answers
    assert check(layout).doubts == ()
    assert layout.unsealed.read_bytes() == b""


def test_a_damaged_log_is_not_served(tmp_path, kit, capsys):
    from lakzegel_server.__main__ import main  # noqa: PLC0415

    layout, _, _ = kit.make_receiver(tmp_path / "data", kit.Office())
    tile = layout.log / "tile/0/000.p/1"
    tile.write_bytes(bytes(32))
    assert main(["serve", "--data", str(layout.data), "--listen", "127.0.0.1:0"]) == 1
    assert "run 'lakzegel-server check'" in capsys.readouterr().err


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(folder)],
        check=False,
        capture_output=True,
    )
    if mounted.returncode:
        pytest.skip("cannot mount a small disk here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_refuses_keeps_nothing_half_and_goes_on_when_there_is_room(small_disk, kit):
    with kit.world_at(small_disk / "data") as world:
        device = world.enrol()
        ballast = small_disk / "ballast"
        ballast.write_bytes(bytes(3 * 2**20))
        upload = device.seal([os.urandom(2**20)] * 4)
        answer = world.client.put(upload)
        assert (answer.status_code, answer.json()["retry"]) == (507, True)
        assert answer.headers["retry-after"]
        assert world.left_behind() == [[], [], []]
        fill(ballast)
        note = world.office.policy_note(1, "group:x")
        assert world.as_("admin")("POST", "/v1/notes", note).status_code == 507
        ballast.unlink()
        assert world.as_("admin")("POST", "/v1/notes", note).status_code == 200
        upload = device.seal([os.urandom(2**20)], advance=False, batch=0, previous=first(device))
        world.receipt(world.client.put(upload), upload)
    assert check(Layout(small_disk / "data")).doubts == ()


def fill(path):
    """Not a byte is left: not even a note can be sealed."""
    fd = os.open(path, os.O_WRONLY | os.O_APPEND)
    try:
        while os.write(fd, bytes(4096)):
            pass
    except OSError:
        return
    finally:
        os.close(fd)


def first(device):
    import hashlib  # noqa: PLC0415 - only here

    return hashlib.sha256(device.enrolment).digest()


def test_a_tile_that_cannot_be_written_is_shown_once_it_can(world, device, monkeypatch):
    store = world.desk.log.store
    append = store.append

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "append", full)
    upload = device.seal()
    answer = world.client.put(upload)
    assert answer.status_code == 507
    assert world.left_behind()[0] == [upload.name]  # it is committed: the log has it
    monkeypatch.setattr(store, "append", append)
    world.receipt(world.client.put(upload), upload)
    deadline = time.monotonic() + 10
    while world.client.checkpoint().checkpoint.size < 4:
        assert time.monotonic() < deadline
