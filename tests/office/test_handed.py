# SPDX-License-Identifier: EUPL-1.2
"""An office takes what a folder brings as it takes what a stranger brings, and empties it."""

import hashlib
import json
import os
import shutil
import subprocess
import time

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

from lakzegel_core import tiles
from lakzegel_core.checkpoint import Checkpoint, sign_checkpoint
from lakzegel_core.finding import open_finding
from lakzegel_core.held import open_held
from lakzegel_core.merkle import leaf_hash, root_of
from lakzegel_core.timetoken import fingerprint
from lakzegel_office.handed.folder import Folder
from lakzegel_office.handed.receiver import FolderReceiver
from tests.tsa import OPENSSL, Authority, openssl_verifies


class Share:
    """A folder, and a receiver's hand-overs into it."""

    def __init__(self, world, path):
        self.world, self.path, self.number, self.size = world, path, 0, 0
        path.mkdir()

    def hand_over(self, start=None, *, leave_out=(), more=()):
        """Everything that is new, or from an entry on; returns the folder."""
        receiver = self.world.receiver
        start = self.size if start is None else start
        self.number, self.size = self.number + 1, len(receiver.log)
        files = {"checkpoint": receiver.checkpoint()}
        for bundle in range(start // 256, -(-self.size // 256)):
            path = tiles.entries_path(bundle, min(256, self.size - bundle * 256))
            files[f"entries-{bundle}"] = receiver.entries(path)
        for entry in receiver.log[start:]:
            name = hashlib.sha256(entry).hexdigest()
            if name in receiver.batches:
                files[f"{name}.batch"] = receiver.batches[name]
                files[f"{name}.keyring"] = receiver.keyrings[name]
        files |= {f"{name}.annex": data for name, data in receiver.annexes.items()}
        files |= dict(more)
        there = self.path / f"{self.number:08}-{start}-{self.size}"
        there.mkdir()
        for name, data in files.items():
            if name not in leave_out:
                (there / name).write_bytes(data)
        digests = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
        lines = [f"{digests[name]}  {name}\n" for name in sorted(files)]
        (there / "ready").write_text("".join(lines))
        return there

    def pull(self, *more):
        return self.world.run("pull", "--quiet", "--from-folder", str(self.path), *more)

    def left(self):
        return sorted(path.name for path in self.path.iterdir())


@pytest.fixture
def share(world, tmp_path):
    return Share(world, tmp_path / "share")


def test_what_was_handed_over_is_mirrored_held_and_removed(share, world, device, capsys):
    device.send_files({"a": b"een", "b": b"twee" * 5000})
    share.hand_over()
    device.send_files({"c": b"drie"})
    share.hand_over()
    assert share.pull() == 0
    assert "2 batches (2 new), 6 items opened, held to 5" in capsys.readouterr().out
    assert share.left() == []
    assert share.pull() == 0
    device.send_files({"d": b"vier"})
    share.hand_over()
    assert share.pull() == 0
    assert world.run("verify", "--quiet", "--open") == 0
    held = open_held((world.home.replies / "held").read_bytes(), world.config.keys["held"])
    assert held.size == 6
    replies = sorted(path.name for path in world.home.replies.iterdir())
    assert replies == ["cosignature-6-mirror", "cosignature-6-witness", "held"]


def test_a_log_of_several_bundles_arrives_by_several_hand_overs(share, world, capsys):
    for stop in (3, 255, 256, 257, 600):
        while len(world.receiver.log) < stop:
            world.receiver.append(b"noise %d" % len(world.receiver.log))
        share.hand_over()
    share.pull()
    assert "log 600 entries" in capsys.readouterr().out
    assert share.left() == []


def test_from_a_one_way_share_nothing_is_removed_and_nothing_taken_twice(share, device, capsys):
    device.send_files({"a": b"een"})
    there = share.hand_over()
    mount = ["mount", "-t", "tmpfs", "none", str(share.path)]
    copied = shutil.copytree(share.path, share.path.with_name("copy"))
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("no right to mount a file system")
    try:
        shutil.copytree(copied, share.path, dirs_exist_ok=True)
        subprocess.run(["mount", "-o", "remount,ro", str(share.path)], check=True)
        assert share.pull() == 0
        assert share.pull() == 0
        assert "(0 new)" in capsys.readouterr().out.splitlines()[-1]
        assert share.left() == [there.name]
    finally:
        subprocess.run(["umount", "-l", str(share.path)], check=True)


def test_kept_hand_overs_stay_and_replies_go_where_they_are_wanted(share, device, tmp_path):
    device.send_files({"a": b"een"})
    there = share.hand_over()
    assert share.pull("--keep", "--replies", str(tmp_path / "back")) == 0
    assert share.left() == [there.name]
    assert (tmp_path / "back" / "held").exists()


def test_every_file_that_was_tampered_with_is_noticed_and_stays(
    share, world, device, tmp_path, capsys
):
    device.send_files({"a": b"een"})
    there = share.hand_over()
    ready = (there / "ready").read_text()
    for file in sorted({path.name for path in there.iterdir()} - {"ready"}):
        data = (there / file).read_bytes()
        place = len(data) // 2
        spoilt = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        (there / file).write_bytes(spoilt)
        before = shutil.copytree(world.home.root, tmp_path / f"before-{file}")
        assert share.pull() == 1, file
        assert "damaged on its way" in capsys.readouterr().err, file
        assert there.is_dir(), file
        digests = [hashlib.sha256(found).hexdigest() for found in (data, spoilt)]
        (there / "ready").write_text(ready.replace(*digests))
        assert share.pull() == 1, file
        assert "damaged on its way" not in capsys.readouterr().err, file
        assert there.is_dir(), file
        (there / file).write_bytes(data)
        (there / "ready").write_text(ready)
        shutil.rmtree(world.home.root)
        before.rename(world.home.root)
    assert share.pull() == 0
    assert share.left() == []


def test_what_was_lost_on_its_way_comes_again_and_both_are_removed(share, world, device, capsys):
    name = device.send_files({"a": b"een"})
    there = share.hand_over(leave_out={f"{name}.batch"})
    assert share.pull() == 3  # nothing that could be the log
    (there / f"{name}.batch").write_bytes(world.receiver.batches[name][:-1])
    assert share.pull() == 1
    assert f"hand-over {there.name}: stays" in capsys.readouterr().err
    share.hand_over(3)
    assert share.pull() == 0
    assert share.left() == []
    assert world.run("verify", "--quiet") == 0


@pytest.mark.skipif(OPENSSL is None, reason="openssl is not installed")
def test_tokens_arrive_are_judged_and_one_that_does_not_hold_stays(share, world, tmp_path):
    authority = Authority(tmp_path / "tsa")
    tree, root = world.receiver.checkpoint(), fingerprint(authority.root[1])
    request = TimestampRequestBuilder().data(tree).hash_algorithm(HashAlgorithm.SHA256).build()
    answer = authority.reply(request.as_bytes())
    listed = [{"name": "1-first", "time": 1_796_000_000, "root": root}]
    files = {
        "1-first.checkpoint": tree,
        "1-first.tsr": answer,
        f"{root}.pem": authority.root[1].public_bytes(Encoding.PEM),
        "timestamps": json.dumps({"timestamps": listed, "more": False}).encode(),
    }
    there = share.hand_over(more=files)
    (there / "1-first.tsr").write_bytes(answer[:-1] + bytes([answer[-1] ^ 1]))
    assert share.pull() == 1
    assert share.left() == [there.name]
    (there / "timestamps").write_bytes(b"[")
    assert share.pull() == 1
    share.hand_over(1, more=files)
    shutil.rmtree(there)
    assert share.pull() == 0
    assert share.left() == []
    assert openssl_verifies(world.home.mirror / "timestamps", "1-first")
    assert world.run("verify", "--quiet") == 0


def test_a_gap_is_named_with_what_to_do(share, world, device, capsys):
    share.hand_over()
    device.send_files({"a": b"een"})
    lost = share.hand_over()
    device.send_files({"b": b"twee"})
    share.hand_over()
    shutil.rmtree(lost)
    assert share.pull() == 1
    said = capsys.readouterr()
    assert "lakzegel-server handover --again 3" in said.err
    assert "log 3 entries" in said.out
    share.hand_over(3)
    assert share.pull() == 0
    assert share.left() == []


def test_one_that_is_not_complete_after_an_hour_is_a_doubt(share, world, device, capsys):
    share.hand_over()
    name = device.send_files({"a": b"een"})
    there = share.hand_over(leave_out={f"{name}.keyring"})
    assert share.pull() == 0
    old = time.time() - 3700
    os.utime(there / "ready", (old, old))
    assert share.pull() == 1
    assert f"{there.name}: is not complete" in capsys.readouterr().err


def test_links_and_pipes_are_not_there_and_hold_nothing_up(share, device, tmp_path):
    name = device.send_files({"a": b"een"})
    there = share.hand_over()
    real = tmp_path / "elsewhere"
    (there / f"{name}.batch").rename(real)
    (there / f"{name}.batch").symlink_to(real)
    assert share.pull() == 3
    (there / f"{name}.batch").unlink()
    os.mkfifo(there / f"{name}.batch")
    assert share.pull() == 3
    (there / f"{name}.batch").unlink()
    real.rename(there / f"{name}.batch")
    there.rename(tmp_path / "aside")
    there.symlink_to(tmp_path / "aside")
    assert share.pull() == 3
    there.unlink()
    (tmp_path / "aside").rename(there)
    assert share.pull() == 0


def test_removing_that_was_cut_off_is_finished_and_follows_no_link(share, device, tmp_path):
    device.send_files({"a": b"een"})
    there = share.hand_over()
    there.rename(there.with_name(f"{there.name}.taken"))
    (there.with_name(f"{there.name}.taken") / "ready").unlink()
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "file").write_bytes(b"x")
    (share.path / "00000009-0-1.taken").symlink_to(mine)
    share.hand_over(0)
    assert share.pull() == 0
    assert share.left() == ["00000009-0-1.taken"]
    assert (mine / "file").exists()


def test_two_logs_that_were_both_signed_are_a_fork_even_behind_the_mirror(share, world, device):
    device.send_files({"a": b"een"})
    share.hand_over()
    assert share.pull() == 0
    receiver = world.receiver
    other = Checkpoint("log.example/test", 2, root_of([leaf_hash(b"x"), leaf_hash(b"y")]))
    there = share.hand_over(0)
    there = there.rename(share.path / "00000007-0-2")
    signed = sign_checkpoint(other, receiver.ed25519, receiver.mldsa, now=1_800_000_000)
    (there / "checkpoint").write_bytes(signed)
    assert share.pull() == 1
    assert (world.home.state / "evidence" / "fork-2").read_bytes() == signed


def test_a_finding_is_a_reply_once_and_the_pull_is_held_before_it(share, world, device):
    item = device.seal(payload=b"x")
    name = device.send([item], keys=[bytes(31) + b"\1"])
    share.hand_over()
    for _ in range(2):
        assert share.pull() == 1
    (path,) = world.home.replies.glob("finding-*")
    assert path.name == f"finding-{name}-decrypt"
    open_finding(path.read_bytes(), world.config.keys["held"])


def test_a_folder_that_is_not_there_or_empty_is_said_so(share, world, capsys):
    assert share.pull() == 3
    assert "nothing is handed over yet" in capsys.readouterr().err
    share.path.rmdir()
    assert share.pull() == 3
    assert "is it mounted?" in capsys.readouterr().err


@pytest.mark.parametrize(
    "more", [["--keep"], ["--replies", "x"], ["--from-folder", "x", "--server", "http://localhost"]]
)
def test_arguments_that_do_not_belong_together_are_refused(world, more):
    assert world.run("pull", *more) == 2


def test_whoever_waits_hears_of_a_new_hand_over(share, world, tmp_path, monkeypatch):
    share.hand_over()
    receiver = FolderReceiver(share.path, world.home, world.config, tmp_path / "replies")
    with receiver.opened():
        pass
    with monkeypatch.context() as looking:  # each second: names alone, for nothing may be removed
        looking.setattr(Folder, "read", lambda *_: pytest.fail("it was read again"))
        assert not receiver.wait(0, 0)
        there = share.hand_over(leave_out=["checkpoint"])
        assert receiver.wait(0, 0)
    with receiver.opened():
        pass
    assert not receiver.wait(0, 0)
    (there / "checkpoint").write_bytes(world.receiver.checkpoint())
    assert receiver.wait(0, 0)


def test_the_result_as_json_names_doubts_about_the_folder(share, world, device, capsys):
    share.hand_over()
    device.send_files({"a": b"een"})
    share.hand_over(4).rename(share.path / "00000002-9-9")
    assert share.pull("--json") == 1
    (doubt,) = json.loads(capsys.readouterr().out)["doubts"]
    assert doubt["code"] == "gap"
