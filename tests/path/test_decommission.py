# SPDX-License-Identifier: EUPL-1.2
"""A laptop is taken out of use: all of it is held by the office, then its keys are gone."""

import json
import os
import random
import re
import signal
import subprocess
import sys

import pytest

from lakzegel_core.encoding import unb64
from tests.path.leaving import GONE, at_work, leave, put
from tests.path.waiting import await_that

KILLED = """# fork of lakzegel_agent
import os, signal, sys
left = int(sys.argv.pop(1))
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "shutil.rmtree"}
def hook(event, arguments):
    global left
    if event in CHANGES or (event == "open" and (arguments[2] or 0) & WRITES):
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
from lakzegel_agent.__main__ import main
sys.addaudithook(hook)
sys.exit(main())
"""


def decommission(ready, *more, expect=0):
    return ready.agent("decommission", *more, expect=expect)


def test_it_is_done_once_the_office_holds_everything_and_proves_it_again_when_asked(ready):
    put(ready, een="een")
    ready.once()
    put(ready, twee="twee")
    refused = decommission(ready, expect=1).stderr
    assert re.search(r"0 batches are not sent, \d are sent and not known to be held", refused)
    assert (ready.agent_home / "keys" / "header-0").exists()
    put(ready, drie="drie")  # after the last batch: nobody's any more
    ready.pull()
    found = json.loads(decommission(ready, "--json").stdout)
    assert (found["how"], found["left"], found["device"]) == ("decommissioned", 0, ready.device)
    assert found["held"]["size"] > 0
    note = unb64(found["held"]["note"], what="held")
    assert note.startswith(b"lakzegel.nl/held/v1\n")
    assert unb64(found["receipt"], what="receipt").startswith(b"c2sp.org/tlog-proof@v1\n")
    names = {path.name for path in ready.agent_home.iterdir()}
    assert not names & GONE
    assert json.loads(decommission(ready, "--json").stdout) == found
    assert "is out of use since" in decommission(ready).stdout
    assert "taken out of use" in ready.agent("once", expect=2).stderr
    assert "taken out of use" in ready.agent("run").stderr
    assert ready.status()["ended"]["how"] == "decommissioned"
    ready.pull()
    (said,) = [
        row["payload"]
        for row in ready.items("observation")
        if row["payload"]["type"] == "decommissioned"
    ]
    assert {row["source"]: row["sealed"] for row in said["sources"]}["map"] == 2
    assert {path.name for path in (ready.restore() / "map").iterdir()} == {"een", "twee"}
    ready.verify()
    revoked = ready.root / "revocation"
    ready.office("revoke", "--device", ready.device, "--reason", "decommissioned", revoked)
    ready.publish(revoked)
    ready.pull()
    ready.verify()


def test_without_its_receiver_nothing_is_changed_and_what_is_given_up_is_kept(ready):
    put(ready, een="een")
    ready.once()
    ready.server.kill()
    assert decommission(ready, expect=3)
    assert not (ready.agent_home / "decommission").exists()
    put(ready, twee="twee")
    refused = decommission(ready, "--leave", "1", expect=1).stderr
    unsent, unheld = map(int, re.search(r"(\d+) batches .*?, (\d+) are", refused).groups())
    assert unsent
    assert f"--leave {unsent + unheld} would" in refused
    found = json.loads(decommission(ready, "--leave", unsent + unheld, "--json").stdout)
    assert found["left"] == unsent + unheld
    assert len(list((ready.agent_home / "given-up").glob("*.head"))) == found["left"]
    assert not (ready.agent_home / "keys").exists()
    assert ready.status()["ended"]["left"] == found["left"]


@pytest.mark.soak
def test_a_policy_that_lets_go_sooner_does_not_let_a_device_go_before_it_is_held(ready):
    ready.release = "sealed"
    ready.set_policy()
    put(ready, een="een")
    ready.once()
    refused = decommission(ready, expect=1).stderr
    assert "not known to be held" in refused
    ready.pull()
    assert json.loads(decommission(ready, "--json").stdout)["held"]


@pytest.mark.soak
def test_a_device_that_never_had_a_policy_has_nothing_to_send(world):
    world.become(world.made_once())
    refused = decommission(world, expect=1).stderr
    assert "no policy is in force" in refused
    assert "--leave 0 would" in refused
    found = json.loads(decommission(world, "--leave", "0", "--json").stdout)
    assert (found["left"], found["held"], "batch" in found) == (0, None, False)
    assert not (world.agent_home / "keys").exists()
    assert "sealed no last batch" in decommission(world).stdout


@pytest.mark.soak
def test_killed_at_any_moment_it_goes_on_where_it_was(ready):
    seed = int.from_bytes(os.urandom(4), "big")
    chance = random.Random(seed)
    put(ready, een="een")
    ready.once()
    put(ready, twee="twee")
    kills = 0
    for attempt in range(200):
        code = subprocess.run(
            [sys.executable, "-c", KILLED, str(chance.randrange(1, 30)), "decommission",
             "--config", str(ready.config)],
            capture_output=True, check=False,
        ).returncode  # fmt: skip
        if code == 0:
            break
        assert code in {1, -signal.SIGKILL}, seed
        kills += code < 0
        if attempt % 6 == 5:
            ready.pull()
    assert code == 0, seed
    assert kills > 3
    names = {path.name for path in ready.agent_home.iterdir()}
    assert not names & GONE, seed
    ready.pull()
    assert {path.name for path in (ready.restore() / "map").iterdir()} == {"een", "twee"}
    ready.verify()


@pytest.mark.soak
def test_an_agent_at_work_is_asked_and_does_it(ready):
    put(ready, een="een")
    with at_work(ready) as agent:
        status = ready.agent_home / "status.json"
        await_that(
            lambda: status.exists() and json.loads(status.read_bytes())["ledger"]["sealed"] == 1,
            "not captured",
        )
        refused = decommission(ready, expect=3).stderr
        assert "the agent at work here was asked" in refused
        agent.send_signal(signal.SIGHUP)
        assert "taken out of use" in leave(ready, agent)
    assert json.loads(decommission(ready, "--json").stdout)["held"]
