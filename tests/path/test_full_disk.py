# SPDX-License-Identifier: EUPL-1.2
"""A disk without room, at the device and at the receiver: said clearly, nothing lost, goes on."""

import os
import random
import subprocess

import pytest

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small tmpfs")
PIECE = 200_000  # bytes a file, of chance, so that nothing compresses
COUNT = 40


@pytest.fixture
def small_disk(tmp_path):
    """Mounts a tmpfs of a size at a folder; gives a way to make it larger."""
    mounted = []

    def mount(folder, size):
        folder.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "lakzegel", folder],
            capture_output=True,
            check=False,
        )
        if done.returncode:
            pytest.skip("this machine does not let us mount a tmpfs")
        mounted.append(folder)
        return lambda new: subprocess.run(
            ["mount", "-o", f"remount,size={new}", folder], check=True, capture_output=True
        )

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(folder, count=COUNT):
    chance = random.Random(5)
    for number in range(count):
        (folder / f"foto {number}.jpg").write_bytes(chance.randbytes(PIECE))


def test_a_spool_without_room_is_said_and_goes_on_by_itself(world, tmp_path, small_disk, same_tree):
    grow = small_disk(world.agent_home, "4m")
    source = world.watch("folder", tmp_path / "device" / "map")
    world.limits = 'batch = "256 KiB"'
    world.ready()
    world.once()  # fetches the policy
    world.server.stop()  # nothing can leave
    fill(source)
    done = world.once(expect=None)
    assert done.returncode in {1, 3}
    lines = done.stderr.strip().splitlines()
    assert any("room" in line or "full" in line for line in lines), lines
    assert "Traceback" not in done.stderr
    grow("64m")
    world.server.start()
    report = world.once()
    assert (report["found"], report["sealed"], report["failed"]) == (COUNT, COUNT, 0)
    world.pull()
    world.verify("--quiet")
    assert same_tree(source, world.restore() / source.name) == []
    assert len(world.items("capture")) == COUNT


def test_a_receiver_without_room_keeps_nothing_half_and_goes_on(
    world, tmp_path, small_disk, same_tree
):
    grow = small_disk(world.server.data, "4m")
    source = world.watch("folder", tmp_path / "device" / "map")
    world.limits = 'batch = "256 KiB"'
    world.ready()
    fill(source)
    done = world.once(expect=3)
    assert "Traceback" not in done.stderr
    assert any("room" in line or "507" in line for line in done.stderr.splitlines()), done.stderr
    held = world.status()["spool"]["batches"]
    assert held > 0  # what could not be sent is kept
    assert not list((world.server.data / "incoming").iterdir())
    grow("64m")
    report = world.once()
    assert (report["sealed"], report["failed"]) == (COUNT, 0)
    world.pull()
    world.verify("--quiet")
    assert same_tree(source, world.restore() / source.name) == []
    world.server.stop()
    world.check()
