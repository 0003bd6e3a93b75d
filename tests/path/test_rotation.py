# SPDX-License-Identifier: EUPL-1.2
"""A device replaces its keys, from the device to the judge; and somebody kept the old ones."""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest

DEVICE = "minister-laptop"


def write(world, name, data=None):
    (world.root / "device" / "map" / name).write_bytes(data or name.encode())


def rotate(world, expect=0):
    done = world.agent("rotate", "--json", expect=expect)
    return json.loads(done.stdout) if expect == 0 else done


def device_of(world):
    (found,) = json.loads(world.verify("--json").stdout)["devices"]
    return found


def test_what_is_sealed_under_new_keys_is_as_good_as_before(ready, same_tree, lakzegel):
    write(ready, "a.txt")
    ready.once()
    assert rotate(ready)["epoch"] == 1
    write(ready, "b.txt", b"onder de nieuwe sleutels")
    ready.once()
    assert rotate(ready)["epoch"] == 2
    ready.pull()
    found = device_of(ready)
    assert [(e["epoch"], e["keys_replaced"]) for e in found["epochs"]] == [
        (0, False), (1, True), (2, True),
    ]  # fmt: skip
    assert found["not_proven"] == []
    assert found["coverage"]["not_covered"] == []
    assert same_tree(ready.root / "device" / "map", ready.restore() / "map") == []
    segments = [one for one in ready.items("segment") if one["item"].startswith(f"{DEVICE}/1/")]
    out = ready.root / "b"
    ready.office("prove", segments[0]["item"], out)
    assert out.read_bytes() == b"onder de nieuwe sleutels"
    keys = ready.office_home / "notes" / "judge.keys"
    done = lakzegel("verify", out.with_name("b.proof"), out, "--keys", keys)
    assert f"{DEVICE}/1/" in done.stdout
    ready.server.stop()
    ready.check()


def test_whoever_kept_the_old_keys_can_do_nothing_with_them(ready):
    write(ready, "a.txt")
    ready.once()
    thief = ready.root / "thief"
    shutil.copytree(ready.agent_home, thief)
    rotate(ready)
    write(ready, "b.txt")
    ready.once()
    stolen = ready.root / "thief.toml"
    stolen.write_text(ready.config.read_text().replace(str(ready.agent_home), str(thief)))
    write(ready, "c.txt")
    for command in ("once", "rotate"):
        done = subprocess.run(
            [sys.executable, "-m", "lakzegel_agent", command, "--config", str(stolen)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 3, (command, done.stderr)
    status = json.loads(
        subprocess.run(
            [sys.executable, "-m", "lakzegel_agent", "status", "--config", str(stolen), "--json"],
            capture_output=True, check=False,
        ).stdout
    )  # fmt: skip
    assert "superseded" in [problem["code"] for problem in status["problems"]]
    ready.once()
    ready.pull()
    assert [e["epoch"] for e in device_of(ready)["epochs"]] == [0, 1]


@pytest.mark.parametrize(
    "kills", [pytest.param(4, marks=pytest.mark.slow), pytest.param(40, marks=pytest.mark.soak)]
)
def test_kills_while_keys_are_replaced_lock_nobody_out(ready, same_tree, kills):
    seed = int.from_bytes(os.urandom(4), "big")
    print(f"seed {seed}")
    chance = random.Random(seed)
    write(ready, "first.txt")
    ready.once()
    began = time.monotonic()
    rotate(ready)
    usual = time.monotonic() - began  # what a rotation takes here and now that is left alone
    for kill in range(kills):
        process = subprocess.Popen(
            [sys.executable, "-m", "lakzegel_agent", "rotate", "--config", str(ready.config)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(chance.uniform(0, usual))  # the moment is chance
        with_server = chance.random() < 0.5
        if with_server:
            ready.server.kill()
            time.sleep(chance.uniform(0, 0.05))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)
        if with_server:
            write(ready, f"offline {kill}.txt")
            assert ready.once(expect=3).returncode == 3
            ready.server.start()
        write(ready, f"{kill}.txt")
        assert ready.once()["failed"] == 0
    rotate(ready)  # what was begun is done, and nothing that was half written stays
    codes = {problem["code"] for problem in ready.status()["problems"]}
    assert not codes & {"superseded", "refused", "given-up", "state-lost"}
    ready.pull()
    found = device_of(ready)
    assert all(epoch["keys_replaced"] for epoch in found["epochs"][1:])
    keys = {path.name for path in (ready.agent_home / "keys").iterdir()}
    newest = found["epochs"][-1]["epoch"]
    assert {n for n in keys if n.startswith(("header-", "witness-"))} == {
        f"header-{newest}", f"witness-{newest}",
    }  # fmt: skip
    assert same_tree(ready.root / "device" / "map", ready.restore() / "map") == []
    ready.server.stop()
    ready.check()
