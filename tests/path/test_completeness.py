# SPDX-License-Identifier: EUPL-1.2
"""The ledger balances whenever it is looked at, and absence shows at the office."""

import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time

from lakzegel_agent.ledgerbalance import imbalances

KILLS = 6


@contextlib.contextmanager
def read_only(world):
    uri = f"file:{world.agent_home / 'ledger.sqlite'}?mode=ro"
    with contextlib.closing(sqlite3.connect(uri, uri=True)) as db:
        yield db


def balance(world):
    """What does not add up in the file, as another program sees it now."""
    with read_only(world) as db:
        db.execute("BEGIN")
        return list(imbalances(db))


def start_agent(world):
    return subprocess.Popen(
        [sys.executable, "-m", "lakzegel_agent", "once", "--config", str(world.config)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip


def test_the_ledger_balances_while_an_agent_works_and_whenever_it_is_killed(world, tmp_path):
    seed = int.from_bytes(os.urandom(4), "big")
    print(f"seed {seed}")
    chance = random.Random(seed)
    source = world.watch("maildir", tmp_path / "device" / "Post")
    world.limits = 'batch = "64 KiB"'
    world.ready()
    (source / "cur").mkdir()
    (source / "tmp").mkdir()
    looks = 0
    for kill in range(KILLS):
        for number in range(150):
            (source / "cur" / f"{kill}.{number}").write_bytes(chance.randbytes(2000))
            (source / "cur" / f"{kill}.link.{number}").symlink_to("nowhere")
        (source / "tmp" / str(kill)).write_bytes(b"half")
        agent = start_agent(world)
        end = time.monotonic() + chance.uniform(0.5, 3.0)
        while time.monotonic() < end and agent.poll() is None:
            assert balance(world) == []
            looks += 1
        with contextlib.suppress(ProcessLookupError):
            os.killpg(agent.pid, signal.SIGKILL)
        agent.wait(30)
        assert balance(world) == []
    assert looks > KILLS
    last = world.once()
    assert balance(world) == []
    assert last["found"] == last["sealed"] + last["excluded"] + last["failed"]
    assert (last["sealed"], last["excluded"], last["failed"]) == (150 * KILLS, 151 * KILLS, 0)
    assert world.status()["problems"] == []


def test_status_shows_a_ledger_that_does_not_balance(ready):
    (ready.sources["map"][1] / "een").write_text("een")
    ready.once()
    with contextlib.closing(sqlite3.connect(ready.agent_home / "ledger.sqlite")) as db, db:
        db.execute("UPDATE counts SET versions = versions + 1 WHERE outcome = 'sealed'")
    done = ready.agent("status", "--json", expect=1)
    (problem,) = json.loads(done.stdout)["problems"]
    assert problem["code"] == "ledger-unbalanced"
    assert "counted 2, rows 1" in problem["detail"]


def test_the_office_sees_what_is_not_covered(ready):
    (ready.sources["map"][1] / "een").write_text("een")
    (ready.root / "device/.config/Signal").mkdir(parents=True)
    ready.once()
    ready.pull()
    without_keys = json.loads(ready.verify("--json").stdout)["devices"][0]["coverage"]
    assert (without_keys["by"], without_keys["not_covered"]) == ("batches", [])
    found = json.loads(ready.office("verify", "--open", "--json").stdout)
    coverage = found["devices"][0]["coverage"]
    assert coverage["by"] == "attestations"
    assert coverage["apps_without_source"] == ["signal"]
    assert "app signal has no source" in ready.office("verify", "--open", "--quiet").stdout
    shown = ready.status()["readiness"]
    assert [(one["name"], one["covered"]) for one in shown["sources"]] == [("s0", True)]
