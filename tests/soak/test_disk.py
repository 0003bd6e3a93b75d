# SPDX-License-Identifier: EUPL-1.2
"""The failing disk does what it says: else the tests that stand on it would prove nothing."""

import random
import sys

import pytest
from disk import Fault, run

WRITE = """
import os, sys
home, sync = sys.argv[1], sys.argv[2] == "sync"
old = os.open(home + "/old", os.O_WRONLY)
os.pwrite(old, b"new bytes, and longer", 0)
fresh = os.open(home + "/fresh.part", os.O_WRONLY | os.O_CREAT)
os.write(fresh, b"whole")
if sync:
    os.fsync(old); os.fsync(fresh)
os.rename(home + "/fresh.part", home + "/fresh")
os.unlink(home + "/gone")
if sync:
    os.fsync(os.open(home, os.O_RDONLY))
os.write(fresh, b"the last")
"""
SYNC = "os.fsync(os.open(os.sys.argv[1], os.O_RDONLY))"
CALLS = {"sync": 9, "none": 6}  # the last write is that call


class Whole(random.Random):
    """Chance that loses everything it may."""

    def choice(self, options):
        return options[0]


@pytest.fixture
def home(tmp_path):
    made = tmp_path / "agent"
    made.mkdir()
    (made / "old").write_bytes(b"old")
    (made / "gone").write_bytes(b"still here")
    return made


def told(home):
    return {path.name: path.read_bytes() for path in home.iterdir()}


def write(disk, home, sync):
    return run(disk, [sys.executable, "-c", WRITE, str(home), sync])


def test_without_its_power_a_disk_loses_what_was_not_synced(disk, home):
    disk.fail(Fault.POWER, CALLS["none"])
    assert write(disk, home, "none").returncode == -9
    assert told(home) == {"old": b"new bytes, and longer", "fresh": b"whole"}
    disk.lose(Whole())
    assert told(home) == {"old": b"old", "gone": b"still here"}


def test_without_its_power_a_disk_keeps_what_was_synced(disk, home):
    disk.fail(Fault.POWER, CALLS["sync"])
    assert write(disk, home, "sync").returncode == -9
    disk.lose(Whole())
    assert told(home) == {"old": b"new bytes, and longer", "fresh": b"whole"}


@pytest.mark.parametrize(("how", "word"), [(Fault.EIO, "Input/output"), (Fault.ENOSPC, "space")])
def test_each_call_fails_as_it_is_told(disk, home, how, word):
    for at in range(1, CALLS["sync"] + 1):
        disk.fail(how, at)
        done = write(disk, home, "sync")
        assert done.returncode == 1
        assert word in done.stderr
        assert disk.calls() == at
        (home / "gone").touch()


def test_a_torn_write_leaves_half_of_it(disk, home):
    disk.fail(Fault.TORN, 1)
    assert write(disk, home, "none").returncode == -9
    assert (home / "old").read_bytes() == b"new bytes,"


def test_a_short_write_leaves_half_of_it_and_ends_nothing(disk, home):
    disk.fail(Fault.SHORT, 1)
    done = write(disk, home, "none")
    assert done.returncode == 1
    assert "space" in done.stderr
    assert (home / "old").read_bytes() == b"new bytes,"


def test_syncs_can_fail_alone_and_everything_end_soon_after(disk, home):
    disk.fail(Fault.EIO, 2, syncs=True)
    assert "Input/output" in write(disk, home, "sync").stderr
    assert (disk.calls(), disk.met()) == (5, 1)
    disk.fail(Fault.EIO, 2, syncs=True, then=1)
    code = (
        f"import os\nfor _ in range(9):\n try: {SYNC}\n except OSError: print('failed', flush=True)"
    )
    done = run(disk, [sys.executable, "-c", code, str(home)])
    assert (done.returncode, done.stdout, disk.calls()) == (-9, "failed\n", 3)


def test_by_chance_some_calls_fail_and_others_do_not_until_it_is_well(disk, home):
    disk.fail(Fault.EIO, 1, 1000, odds=4)
    code = f"import os\nfor _ in range(1000):\n try: {SYNC}\n except OSError: print('failed')"
    done = run(disk, [sys.executable, "-c", code, str(home)])
    assert done.stdout.count("failed") == disk.met()
    assert 150 < disk.met() < 350
    disk.heal()
    assert write(disk, home, "sync").returncode == 0


def test_programs_that_are_told_another_time_believe_it(disk, home):
    disk.set_clock(-86_400 * 30, boot=7200)
    code = "import time; print(time.time(), time.clock_gettime(time.CLOCK_BOOTTIME))"
    there = [float(n) for n in run(disk, [sys.executable, "-c", code]).stdout.split()]
    disk.set_clock(0)
    here = [float(n) for n in run(disk, [sys.executable, "-c", code]).stdout.split()]
    assert [round(b - a, -2) for a, b in zip(there, here, strict=True)] == [2_592_000, -7200]
