# SPDX-License-Identifier: EUPL-1.2
"""A disk that fails below an agent at work: it goes on by itself, once the disk is well again.

Short: everything fails for a while, or a part of it by chance. Long (`-m soak`): each call by
itself, in each way that leaves the agent alive, for captures of several batches.
"""

import itertools
import random
import shutil
import sys

import pytest
from disk import EVER, Fault, run
from running import BIG, Running

WAYS = (Fault.EIO, Fault.ENOSPC, Fault.SHORT)
TRIES = 25  # failed calls: some turns of the agent
DEVICE = "minister-laptop"


@pytest.fixture
def running(ready, disk):
    seed = random.SystemRandom().getrandbits(32)
    print(f"seed {seed}")
    made = Running(ready, disk, random.Random(seed))
    disk.fail(Fault.NOTHING, 0)
    made.start()
    try:
        made.write()
        made.recovers("start")
        yield made
    finally:
        made.end()
    assert "Traceback" not in made.log.read_text()


@pytest.mark.parametrize("odds", [1, 4])
def test_a_disk_that_fails_for_a_while_stops_the_agent_for_no_longer(
    running, disk, odds, same_tree
):
    for how in WAYS:
        running.world.pull()  # so that there is something to let go
        disk.fail(how, 1, EVER, odds=odds)
        running.write(5)
        running.until(lambda: disk.met() > TRIES, "it tries")
        disk.heal()
        running.recovers(how)
    running.is_whole(same_tree)
    assert running.end() == 0


def test_a_new_home_whose_disk_fails_is_not_set_aside(ready, disk):
    """As one whose ledger is lost would be. It is enrolled by running the same again."""
    token = ready.root / "token-again"
    ready.office("admit", "--device", DEVICE, token)
    ready.publish(token.with_name("token-again.note"))
    words = ["enrol", "--config", str(ready.config), "--token-file", str(token)]
    for at in itertools.count(1):
        shutil.rmtree(ready.agent_home)
        disk.fail(Fault.EIO, at)
        done = run(disk, [sys.executable, "-m", "lakzegel_agent", *words])
        assert disk.met() == 1
        assert "Traceback" not in done.stderr
        assert not list(ready.agent_home.glob("lost-*")), (at, done)
        if done.returncode == 0:  # a call whose failing keeps nothing from being done
            break
    assert at > 5
    assert "epoch 1" in done.stdout


CALLS = 160  # a capture of several batches, what is said of it, and what its receipts change


@pytest.mark.soak
@pytest.mark.parametrize("how", WAYS)
def test_each_call_fails_once_and_the_agent_mends_it(running, disk, how, same_tree):
    met = []
    for at in range(1, CALLS + 1):
        if at % 5 == 0:
            running.world.pull()
        disk.fail(how, at)
        running.write(3)
        if at % 8 == 0:
            running.write(1, BIG)
        running.recovers((at, how))
        met.append(disk.met())
        if at % 40 == 0:
            running.is_whole(same_tree)
    print(how, sum(met))
    assert sum(met) > CALLS // 3
    running.is_whole(same_tree)
    assert running.end() == 0
