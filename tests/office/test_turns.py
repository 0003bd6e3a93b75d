# SPDX-License-Identifier: EUPL-1.2
"""Several commands on one home: each has its turn, and a following pull gives way between two."""

import errno
import threading
from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from lakzegel_core.tiles import HashReader
from lakzegel_office.checkpoints import replay_mirror
from lakzegel_office.commands.pull import _Following, _turn
from lakzegel_office.errors import BusyError
from lakzegel_office.home import Home
from lakzegel_office.mirror import Mirror, read_bundle


def follow(world):
    """A pull that follows, as the command makes it."""
    watching = SimpleNamespace(lock=nullcontext(), pulled=lambda _: None)
    return _Following(world.home, world.puller(), watching, as_json=False)


def test_a_following_pull_gives_way_between_two_and_sees_what_others_did(world, device):
    arguments = SimpleNamespace(follow=True)
    with _turn(SimpleNamespace(home=world.home), arguments):
        with pytest.raises(BusyError, match="another pull --follow"), world.home.following():
            pass
        name = device.send_files({"a": b"1", "b": b"2"})
        following = follow(world)
        assert following.pull() == len(world.receiver.log)
        with world.home.exclusive(0):  # a destruction, say, which pulls by itself
            assert following.pull() is None
            world.destroy(device, name, 0, 1)
            assert world.puller().run().clean
        device.send_files({"c": b"3"})
        assert following.pull() == len(world.receiver.log)
        assert following.code == 0
    assert world.run("verify", "--open", "--quiet") == 0


def test_a_full_disk_ends_no_following_pull(tmp_path):
    told = []

    def run():
        raise OSError(errno.ENOSPC, "No space left on device")

    watching = SimpleNamespace(lock=nullcontext(), failed=told.append)
    following = _Following(Home(tmp_path), SimpleNamespace(run=run), watching, as_json=False)
    assert following.pull() is None
    assert (following.code, [error.errno for error in told]) == (1, [errno.ENOSPC])


def test_what_was_read_before_the_log_grew_can_still_be_proven(world, device):
    device.send_files({"a": b"1"})
    world.pull()
    mirror = Mirror(world.home.mirror)
    replay = replay_mirror(mirror, world.config)
    trees = []
    for size in (len(world.receiver.log), 9, 300):  # a wider tile, then a whole one, comes instead
        while len(world.receiver.log) < size:
            world.receiver.append(b"noise %d" % len(world.receiver.log))
        world.pull()
        trees.append(HashReader(replay.size, mirror.read_log).root())
        assert read_bundle(mirror, 0, replay.size)[-1] == world.receiver.log[replay.size - 1]
    assert trees == [replay.root(replay.size)] * 3


def test_verify_waits_while_the_mirror_changes(world, device, capsys):
    device.send_files({"a": b"1"})
    world.pull()
    with world.home.exclusive():
        verifying = threading.Thread(target=lambda: given.append(world.run("verify", "--quiet")))
        given, half = [], world.home.mirror / "held.part"
        half.write_bytes(b"half of what a pull is writing")
        verifying.start()
        verifying.join(1)
        half.unlink()
    verifying.join(60)
    assert given == [0], capsys.readouterr()


def test_a_command_waits_for_its_turn(world):
    begun, given = threading.Event(), []

    def later():
        begun.set()
        with world.home.exclusive(20):
            given.append(True)

    waiting = threading.Thread(target=later)
    with world.home.exclusive():
        waiting.start()
        assert begun.wait(20)
        busy = pytest.raises(BusyError, match="another command changes the mirror")
        with busy, world.home.exclusive(0.15):
            pass
        assert not given
    waiting.join(20)
    assert given
