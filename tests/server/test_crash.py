# SPDX-License-Identifier: EUPL-1.2
"""kill -9 at any moment, a full disk, a busy disk: nothing lost, nothing doubled, no fork."""

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

from lakzegel_core.receipt import verify_extends, verify_receipt
from lakzegel_server.fsck.run import check
from lakzegel_server.layout import Layout

KILLS = 12


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
    except requests.ConnectionError:
        return None


def test_after_kill_9_at_any_moment_the_log_goes_on_where_it_was(tmp_path, kit):
    office = kit.Office()
    layout, signer, tokens = kit.make_receiver(tmp_path / "data", office)
    dice = random.Random(os.urandom(8))
    process = Process(layout)
    client = kit.Client(process.url, signer.keys)
    world = kit.World(layout.data, office, signer.keys, client, None, tokens)
    device = world.enrol()
    seen, sealed = client.checkpoint().checkpoint, {}
    upload = device.seal([os.urandom(2**18)] * 3)
    for _ in range(KILLS):
        timer = threading.Timer(dice.uniform(0, 0.15), process.process.kill)
        timer.start()
        while (answer := put(client, upload)) is not None:
            assert answer.status_code == 200, answer.text
            sealed[upload.name] = verify_receipt(
                answer.content, entry=upload.note, log=signer.keys, seen=None
            ).index
            upload = device.seal([os.urandom(2**18)] * 3)
        timer.join()
        process.kill()
        client.close()
        process = Process(layout)
        client = kit.Client(process.url, signer.keys)
        now = client.checkpoint().checkpoint
        proof = device_consistency(client, device, seen.size)
        verify_extends(now, seen, proof)
        seen = now
    for name, index in sealed.items():
        assert client.as_(tokens["records"])("GET", f"/v1/batches/{name}").status_code == 200, index
    assert process.kill(signal.SIGTERM) == 0
    client.close()
    report = check(layout)
    assert [str(d) for d in report.doubts] == []
    assert report.batches in {len(sealed), len(sealed) + 1}  # one may lack its answer only
    assert sorted(sealed.values()) == list(range(3, 3 + len(sealed)))


def device_consistency(client, device, old):
    import base64  # noqa: PLC0415 - only here

    answer = client("POST", f"/v1/device?old={old}", device.query()).json()
    return [base64.b64decode(h) for h in answer["consistency"]]


def test_committed_entries_whose_tiles_were_lost_get_them_again(world, device, kit, tmp_path):
    world.client.put(device.seal())
    shutil.copytree(world.data, tmp_path / "crashed")
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
    assert client.checkpoint().checkpoint == world.client.checkpoint().checkpoint
    client.close()
    assert process.kill(signal.SIGTERM) == 0
    assert check(crashed).doubts == ()


def test_a_start_takes_away_what_was_never_sealed(tmp_path, kit):
    layout, signer, _ = kit.make_receiver(tmp_path / "data", kit.Office())
    layout.incoming.joinpath("x.part").write_bytes(b"x")
    for path in (layout.batch("1" * 64), layout.keyring("1" * 64)):
        path.write_bytes(b"durable, but its entry was not")
    assert len(check(layout).doubts) == 3
    with kit.serving(layout, signer):
        pass
    assert check(layout).doubts == ()


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
