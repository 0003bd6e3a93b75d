# SPDX-License-Identifier: EUPL-1.2
"""kill -9 of agent, receiver or both, again and again during a capture."""

import collections
import contextlib
import os
import random
import signal
import subprocess
import time

import pytest

FILES = 20  # that come between two kills


def write_files(folder, first, count):
    chance = random.Random(first)
    for number in range(first, first + count):
        size = chance.choice((0, 40, 900, 3000, 9000))
        body = chance.randbytes(size // 2) + b"Geachte collega, " * (size // 34)
        (folder / f"bericht {number:04d}.eml").write_bytes(body + b"%d" % number)


def start_agent(world):
    log = (world.root / "agent.log").open("ab")
    process = subprocess.Popen(world_command(world), stdout=log, stderr=log, start_new_session=True)
    log.close()
    return process


def world_command(world):
    import sys  # noqa: PLC0415

    return [sys.executable, "-m", "lakzegel_agent", "once", "--config", str(world.config)]


def kill_agent(process):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # its workers too
    process.wait(30)


@pytest.mark.parametrize(
    "kills", [pytest.param(25, marks=pytest.mark.slow), pytest.param(100, marks=pytest.mark.soak)]
)
def test_kills_lose_nothing_and_double_nothing(world, tmp_path, same_tree, kills):
    seed = int.from_bytes(os.urandom(4), "big")
    print(f"seed {seed}")
    chance = random.Random(seed)
    source = world.watch("eml", tmp_path / "device" / "Post van de minister")
    world.limits = 'batch = "64 KiB"'
    world.ready()
    killed = collections.Counter()
    write_files(source, 0, FILES)
    began = time.monotonic()
    assert start_agent(world).wait(60) == 0
    usual = time.monotonic() - began  # what a run takes here and now that is left alone
    for kill in range(kills):
        write_files(source, (kill + 1) * FILES, FILES)
        agent = start_agent(world)
        victim = chance.choice(("agent", "server", "both"))
        moment = chance.uniform(0, usual)
        with contextlib.suppress(subprocess.TimeoutExpired):
            agent.wait(moment)  # the moment is chance; there is nothing to await
        killed[victim, agent.poll() is None] += 1
        if victim in {"server", "both"}:
            world.server.kill()
        if victim == "both":
            time.sleep(chance.uniform(0, 0.05))
        kill_agent(agent)
        if victim in {"server", "both"}:
            world.server.start()
        if kill % 10 == 9:
            world.pull()
    assert sum(count for (_, alive), count in killed.items() if alive) > kills // 4, killed
    last = world.once()
    files = (kills + 1) * FILES
    assert (last["found"], last["sealed"], last["failed"]) == (files, files, 0)
    world.pull()
    world.verify("--quiet")
    assert same_tree(source, world.restore() / source.name) == []
    captures, segments = world.items("capture"), world.items("segment")
    assert len(captures) == files
    assert len(segments) == files
    world.server.stop()
    world.check()
