# SPDX-License-Identifier: EUPL-1.2
"""Everything at once: kills, a disk that fails, and a receiver that lies, in one life of a device.

In each round files are written, the receiver answers in some manner, the disk fails in some way,
and mostly the agent is killed: at a call to the disk, torn in a write, without power, or at a
moment of chance. Now and then everything is well again, and then it all has to come right by
itself. What is drawn depends on the seed alone; what it meets depends on the moment too.
"""

import random
import shutil
import signal
import subprocess
import time
from collections import Counter

import pytest
from disk import ENDS, EVER, Fault
from hostile import Hostile
from running import BIG, Running

from lakzegel_server.layout import Layout
from lakzegel_server.logsigner import load_signer
from lakzegel_server.logstate import LogState

BATCHES, DEVICE, ALL = "/v1/batches/", "/v1/device", "/"
WAYS = (Fault.EIO, Fault.ENOSPC, Fault.SHORT)
MANNERS = ("honest", "stalls", "late", "half", "silent", "lies", "fork")
LIES = ("cut", "flipped", "nonsense", "old")
AHEAD = 20  # entries of the other log that the true one lacks
SOMETIMES = 1 / 60  # of the rounds have a big file, too
LONGEST = 1.0  # seconds that a round lasts, from the first call to the disk on
OURS = {0, 1, 4}  # exit codes of an agent that ends by itself: the disk let it do nothing at all


class Storm:
    """A device, its disk, and who stands between it and its receiver."""

    def __init__(self, world, disk, chance):
        self.running = Running(world, disk, chance)
        self.world, self.disk, self.chance = world, disk, chance
        self.hostile = Hostile(world.server.url)
        text = world.config.read_text()
        world.config.write_text(text.replace(world.server.url, self.hostile.url))
        self.forks = []
        self.met = Counter()

    def begin(self):
        """The policy comes and something is captured; then the log has a second one beside it."""
        self.disk.fail(Fault.NOTHING, 0)
        self.running.start()
        self.running.write()
        self.running.recovers("start")
        self.split()

    def split(self):
        """There is another log now, signed by the same keys, and further than the true one.

        For a while: as the true one goes on, the other becomes one that lacks what was seen.
        """
        server = self.world.server
        fork = type(server)(self.world.root / f"fork-{len(self.forks)}" / "server")
        server.stop()
        shutil.copytree(server.data, fork.data)
        server.start()
        self.running.write()
        self.running.recovers("a receiver that was away")  # the true log goes on
        notes = [self.world.policy_note().read_bytes() for _ in range(AHEAD)]
        layout = Layout(fork.data)
        log = LogState.open(layout, load_signer(layout), clock=time.time)
        assert not [one for one in log.append(notes) if isinstance(one, Exception)]
        log.close()
        fork.start()
        for other in self.forks:
            other.kill()
        self.forks.append(fork)

    def close(self):
        if self.running.agent is not None and self.running.is_alive():
            self.running.end(signal.SIGKILL)
        self.hostile.close()
        for fork in self.forks:
            fork.kill()

    # a round

    def round(self):
        """Whatever comes: whether the agent was killed."""
        self.receiver()
        self.fail()
        if not self.running.is_alive():
            self.running.start()
        self.running.write(self.chance.randint(1, 3))
        if self.chance.random() < SOMETIMES:
            self.running.write(1, BIG)
        self.running.begins()
        how = self.chance.choice((*ENDS, "moment", "moment", "nothing"))
        if how in ENDS:
            self.disk.end(how, self.disk.calls() + self.chance.randint(1, 150))
        try:
            code = self.running.agent.wait(self.chance.uniform(0.05, LONGEST))
        except subprocess.TimeoutExpired:
            code = None
            if how != "nothing":
                code = self.running.end(signal.SIGKILL)
        killed = code == -signal.SIGKILL
        assert killed or code in {None, *OURS}, (code, self.running.said())
        self.met["end", getattr(how, "name", how), killed] += 1
        self.met["failed calls"] += self.disk.met()
        self.met.update(("said", problem) for problem in self.running.problems())
        if killed and how is Fault.POWER:
            self.met["undone"] += self.disk.lose(self.chance)
        return killed

    def receiver(self):
        """It answers in another manner."""
        manner = self.chance.choice(MANNERS)
        self.met["receiver", manner] += 1
        self.hostile.target = (self.forks[-1] if manner == "fork" else self.world.server).url
        if manner == "lies":
            lie = self.chance.choice(LIES)
            self.hostile.be("lies", self.chance.choice((BATCHES, DEVICE)), getattr(self, lie)())
        elif manner in {"honest", "fork"}:
            self.hostile.be("honest")
        else:
            self.hostile.be(manner, self.chance.choice((BATCHES, DEVICE, ALL)))

    def fail(self):
        """The disk fails in another way, or in none."""
        how, odds = self.chance.choice((*WAYS, Fault.NOTHING)), self.chance.choice((1, 2, 5, 20))
        self.met["disk", how.name] += 1
        self.disk.fail(how, self.chance.randint(1, 60), EVER, odds=odds)

    # lies

    def cut(self):
        return lambda data: data[: len(data) // 2]

    def flipped(self):
        at = self.chance.random()

        def lie(data):
            changed = bytearray(data)
            changed[int(at * len(data))] ^= 1
            return bytes(changed)

        return lie

    def nonsense(self):
        made = self.chance.randbytes(3000)
        return lambda _: made

    def old(self):
        """Another batch's receipt, or an old tree, whichever was asked for."""
        answers = [body for _, body in self.hostile.answers]
        said = self.chance.choice(answers)
        return lambda _: said

    # all is well

    def ends(self):
        """Nothing fails any more and the receiver is honest: all comes right by itself."""
        self.hostile.target = self.world.server.url
        self.hostile.be("honest")
        self.disk.heal()
        if not self.running.is_alive():
            self.running.start()
        self.running.recovers(self.met)

    def is_whole(self, same_tree):
        self.running.is_whole(same_tree)
        assert "Traceback" not in self.running.log.read_text(), self.running.said()


@pytest.fixture
def storm(ready, disk):
    seed = random.SystemRandom().getrandbits(32)
    print(f"seed {seed}")
    made = Storm(ready, disk, random.Random(seed))
    try:
        made.begin()
        yield made
        print(made.met)
    finally:
        made.close()


def weather(storm, kills, same_tree, *, rest, proof):
    """So many kills; each ``rest`` rounds all is well, each ``proof`` rounds it is proven."""
    done = rounds = 0
    while done < kills:
        rounds += 1
        done += storm.round()
        if rounds % rest == 0:
            storm.ends()
        if rounds % proof == 0:
            storm.is_whole(same_tree)
            storm.split()
    storm.ends()
    storm.is_whole(same_tree)
    print(f"{done} kills in {rounds} rounds, {storm.running.written} files")
    print(f"{storm.met['failed calls']} failed calls, {storm.hostile.wronged} lies and silences")
    assert storm.met["failed calls"] > 0
    assert storm.hostile.wronged > 0
    assert storm.running.end() == 0
    storm.world.server.stop()
    storm.world.check()


@pytest.mark.slow
def test_kills_faults_and_lies_at_once_lose_nothing_and_double_nothing(storm, same_tree):
    weather(storm, 8, same_tree, rest=6, proof=99)


@pytest.mark.soak
def test_a_thousand_kills_among_faults_and_lies(storm, same_tree):
    weather(storm, 1000, same_tree, rest=10, proof=50)
    assert storm.met["said", "fork"] > 0
    assert storm.met["said", "rollback"] > 0
