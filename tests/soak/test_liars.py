# SPDX-License-Identifier: EUPL-1.2
"""A receiver that lies, stalls, answers late or by halves, or forks: reported, then all is well."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from hostile import IMPATIENT, Hostile

BATCHES, DEVICE, ALL = "/v1/batches/", "/v1/device", "/"


@pytest.fixture
def hostile(ready):
    """Between the agent and its receiver; honest at first, when the policy comes."""
    made = Hostile(ready.server.url)
    text = ready.config.read_text()
    ready.config.write_text(text.replace(ready.server.url, made.url))
    write(ready)
    ready.once()
    yield made
    made.close()


def write(world):
    folder = world.sources["map"][1]
    count = len(list(folder.iterdir()))
    (folder / f"bericht {count}").write_bytes(os.urandom(2000))


def suffer(world):
    """A run against that receiver: its exit code, and the codes of the problems it left."""
    write(world)
    arguments = [sys.executable, "-c", IMPATIENT, "once", "--config", str(world.config)]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, problems(world)


def problems(world):
    told = json.loads((world.agent_home / "status.json").read_text())
    return {problem["code"] for problem in told["problems"]}


def all_is_well(world, hostile, same_tree):
    """Once it is honest: nothing lost, nothing twice, nothing stuck."""
    hostile.be("honest")
    write(world)
    report = world.once()
    folder = world.sources["map"][1]
    count = len(list(folder.iterdir()))
    assert (report["found"], report["sealed"], report["failed"]) == (count, count, 0)
    assert problems(world) == set()
    world.pull()
    world.verify("--quiet")
    assert same_tree(folder, world.restore() / "map") == []
    assert len(world.items("capture")) == count
    world.server.stop()
    world.check()


def some_of(ones, others, *, short):
    """Every pair; those that are not in ``short`` only with the long form."""
    return [
        pytest.param(one, other, marks=[] if (one, other) in short else pytest.mark.soak)
        for one in ones
        for other in others
    ]


SHORT = {("stalls", BATCHES), ("late", BATCHES), ("half", DEVICE), ("silent", ALL)}


@pytest.mark.parametrize(
    ("manner", "path"),
    some_of(["stalls", "late", "half", "silent"], [BATCHES, DEVICE, ALL], short=SHORT),
)
def test_an_answer_that_does_not_come_whole_costs_time_and_nothing_else(
    ready, hostile, manner, path, same_tree
):
    hostile.be(manner, path)
    code, said = suffer(ready)
    assert code == 3
    assert "unreachable" in said
    assert hostile.wronged > 1
    all_is_well(ready, hostile, same_tree)


def truncated(data):
    return data[: len(data) // 2]


def flipped(data):
    """One bit of what the log signed: a receipt ends with it, a device's answer begins with it."""
    changed = bytearray(data)
    changed[120 if data.startswith(b"{") else len(data) * 2 // 3] ^= 1
    return bytes(changed)


TOLD = {BATCHES: "receipt-refused", DEVICE: "answer-refused"}
NONSENSE = {
    "cut": truncated,
    "flipped": flipped,
    "empty": lambda _: b"",
    "chance": lambda _: os.urandom(3000),
    "braces": lambda _: b"{}",
}


@pytest.mark.parametrize(
    ("lie", "path"), some_of(NONSENSE, TOLD, short={("flipped", BATCHES), ("flipped", DEVICE)})
)
def test_an_answer_that_proves_nothing_is_reported_and_not_believed(
    ready, hostile, path, lie, same_tree
):
    hostile.be("lies", path, NONSENSE[lie])
    code, said = suffer(ready)
    assert code in {1, 3}
    assert TOLD[path] in said
    all_is_well(ready, hostile, same_tree)


def test_another_batchs_receipt_is_reported_and_not_believed(ready, hostile, same_tree):
    [old] = [body for path, body in hostile.answers if path.startswith(BATCHES)]
    hostile.be("lies", BATCHES, lambda _: old)
    code, said = suffer(ready)
    assert code in {1, 3}
    assert said & {"receipt-refused", "rollback"}
    assert ready.status()["spool"]["batches"] > 1
    all_is_well(ready, hostile, same_tree)


def test_an_old_tree_is_a_rollback_with_evidence_until_the_true_one_is_shown(
    ready, hostile, same_tree
):
    old = next(body for path, body in hostile.answers if path.startswith(DEVICE))
    hostile.be("lies", DEVICE, lambda _: old)
    code, said = suffer(ready)
    assert code in {1, 3}
    assert "rollback" in said
    assert list((ready.agent_home / "evidence").iterdir())
    all_is_well(ready, hostile, same_tree)
    told = ready.office("list", "--kind", "observation", "--json").stdout
    assert "rollback" in told  # the office heard of it too


def test_a_forked_log_is_reported_with_evidence_and_the_true_one_goes_on(
    ready, hostile, same_tree, tmp_path
):
    fork = type(ready.server)(tmp_path / "fork" / "server")
    ready.server.stop()
    shutil.copytree(ready.server.data, fork.data)
    ready.server.start()
    write(ready)
    ready.once()  # the true log goes on
    fork.start()
    try:
        note = ready.policy_note()
        for _ in range(3):  # the other one too, and further
            _publish(fork, note)
            note = ready.policy_note()
        hostile.target = fork.url
        code, said = suffer(ready)
        assert code in {1, 3}
        assert "fork" in said
        assert list((ready.agent_home / "evidence").iterdir())
    finally:
        fork.kill()
    hostile.target = ready.server.url
    all_is_well(ready, hostile, same_tree)


def _publish(server, note):
    arguments = ["-m", "lakzegel_server", "publish", "--data", str(server.data), str(note)]
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True, timeout=60)
