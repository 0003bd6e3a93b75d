# SPDX-License-Identifier: EUPL-1.2
"""Every new file, write, sync, rename and removal of the agent fails once, in each way there is.

Short: one capture, each call visited once, the ways in turn. Long (`-m soak`): each call in every
way, for a larger capture; and a thousand kills. docs/guides/testing.md
"""

import itertools
import json
import random
import sys
from collections import Counter

import pytest
from disk import Fault, run

WAYS = (Fault.EIO, Fault.ENOSPC, Fault.KILL, Fault.TORN, Fault.POWER)
BIG = 5 * 2**20  # bytes: sealed over several batches
DEAD = (Fault.KILL, Fault.TORN, Fault.POWER)


def once(world):
    return [sys.executable, "-m", "lakzegel_agent", "once", "--json", "--config", str(world.config)]


def problems(world):
    """What the agent's own last words say is wrong."""
    return json.loads((world.agent_home / "status.json").read_text())["problems"]


class Custody:
    """A device that gets a file before each run, and what must be true after it."""

    def __init__(self, world, disk, chance, files=1):
        self._world, self._disk, self._chance, self._files = world, disk, chance, files
        self._folder = world.sources["map"][1]
        self.written = 0

    def write(self):
        for number in range(self._files):
            size = BIG if number == self._files - 1 > 0 else self._chance.choice((0, 40, 3000))
            body = self._chance.randbytes(size)
            (self._folder / f"bericht {self.written:05d}").write_bytes(body)
            self.written += 1

    def suffer(self, how, at):
        """One run in which call ``at`` fails; whether there was such a call."""
        self.write()
        self._disk.fail(how, at)
        done = run(self._disk, once(self._world))
        reached = self._disk.calls() >= at
        assert reached or done.returncode == 0, done
        assert "Traceback" not in done.stderr, done.stderr
        assert (done.returncode == -9) == (reached and how in DEAD), (how, at, done)
        if how is Fault.POWER:
            self._disk.lose(self._chance)
        return reached

    def recovers(self, where):
        """The next run, on a disk that is well again, completes everything by itself."""
        self._disk.fail(Fault.NOTHING, 0)
        done = run(self._disk, once(self._world))
        assert done.returncode == 0, (where, done)
        report = json.loads(done.stdout)
        balance = (report["found"], report["sealed"], report["excluded"], report["failed"])
        assert balance == (self.written, self.written, 0, 0), (where, report)
        assert problems(self._world) == [], where

    def is_whole(self, same_tree):
        """Nothing lost, nothing twice, the chain proven."""
        self._world.pull()
        self._world.verify("--quiet")
        assert same_tree(self._folder, self._world.restore() / "map") == []
        assert len(self._world.items("capture")) == self.written


def begun(world, disk, files=1):
    """One that has its policy, so that only captures are left to fail."""
    seed = random.SystemRandom().getrandbits(32)
    print(f"seed {seed}")
    made = Custody(world, disk, random.Random(seed), files)
    made.write()
    made.recovers("start")
    return made


@pytest.fixture
def custody(ready, disk):
    return begun(ready, disk)


@pytest.mark.slow
def test_every_third_call_fails_once_and_a_later_run_mends_it(custody, ready, same_tree):
    """Which of three, by chance; each call in every way is the long form below."""
    met, first = Counter(), random.SystemRandom().choice((1, 2, 3))
    for at, how in zip(itertools.count(first, 3), itertools.cycle(WAYS), strict=False):
        if not custody.suffer(how, at):
            break
        met[how] += 1
        if how is WAYS[-1]:
            custody.recovers(f"call {at} or one of the four tried before it")
    print(met)
    assert min(met.values()) > 2
    custody.recovers("end")
    custody.is_whole(same_tree)
    ready.server.stop()
    ready.check()


@pytest.mark.soak
@pytest.mark.parametrize("how", WAYS)
def test_each_call_of_a_larger_capture_fails_in_every_way(ready, disk, how, same_tree):
    custody = begun(ready, disk, files=8)
    for at in itertools.count(1):
        if not custody.suffer(how, at):
            break
        custody.recovers(at)
        if at % 20 == 0:
            custody.is_whole(same_tree)
    custody.is_whole(same_tree)


KILLS = 1000


@pytest.mark.soak
def test_a_thousand_ends_at_moments_of_chance_lose_nothing(ready, disk, same_tree):
    custody = begun(ready, disk)
    chance, met, usual = random.Random(custody.written), Counter(), 60
    for kill in range(KILLS):
        how = chance.choice(DEAD)
        met[how, custody.suffer(how, chance.randint(1, usual))] += 1
        if kill % 10 == 9:
            custody.recovers(kill)
        if kill % 100 == 99:
            custody.is_whole(same_tree)
    print(met)
    assert sum(count for (_, reached), count in met.items() if reached) > KILLS // 2


@pytest.mark.parametrize(
    "stride", [pytest.param(3, marks=pytest.mark.slow), pytest.param(1, marks=pytest.mark.soak)]
)
def test_a_sync_that_fails_and_an_end_soon_after_it_lose_nothing(
    custody, ready, disk, same_tree, stride
):
    """What could not be synced is found again by who comes after, as long as nothing is over it.

    Each sync in the long form; in the short one every third, by chance which.
    """
    for at in itertools.count(random.SystemRandom().randint(1, stride), stride):
        custody.write()
        disk.fail(Fault.EIO, at, syncs=True, then=5)
        run(disk, once(ready))
        if not disk.met():
            break
        custody.recovers(f"sync {at}")
    assert at > 10
    custody.is_whole(same_tree)
