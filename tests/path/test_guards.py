# SPDX-License-Identifier: EUPL-1.2
"""A setting that deletes, from the device to the office: sealed, at risk from when until when.

Real processes; the policy lets the guards report.
"""

from __future__ import annotations

import fcntl
import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

NAME = "imap.kanarie.example"
PROFILE = "kanarie.default"
KEPT = {
    "mail.account.account1.server": "server1",
    "mail.accountmanager.accounts": "account1",
    "mail.server.server1.hostname": NAME,
    "mail.server.server1.offline_download": True,
    "mail.server.server1.type": "imap",
    "mail.server.server1.userName": "minister",
    "mailnews.start_page_override.mstone": "140.0",
}
DELETES = {"mail.server.server1.retainBy": 2, "mail.server.server1.daysToKeepHdrs": 30}
GUARD = "thunderbird-retention"


@pytest.fixture(autouse=True)
def no_locks():
    """Real agents look at this machine's own Thunderbird, into which another test puts locks.

    Not meanwhile: `tests/oracles/test_thunderbird.py` has this lock to itself while they are there.
    """
    with Path(tempfile.gettempdir(), "lakzegel-thunderbird-test.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield


@pytest.fixture
def prefs(world):
    """The preferences of a profile in the watched home."""
    world.watch("folder", world.root / "device" / "map")
    (world.root / "device/map/nota.txt").write_text("nota")
    world.more = f'[guards]\ndefault = "off"\n{GUARD} = "report"\n'
    world.ready()
    folder = world.root / "device/.thunderbird"
    (folder / PROFILE).mkdir(parents=True)
    (folder / "profiles.ini").write_text(f"[Profile0]\nName=p\nIsRelative=1\nPath={PROFILE}\n")
    return folder / PROFILE / "prefs.js"


def save(path, **values):
    """As Thunderbird saves its preferences: one a line, in order."""
    lines = [f"user_pref({json.dumps(k)}, {json.dumps(values[k])});\n" for k in sorted(values)]
    path.write_text("// Mozilla User Preferences\n\n" + "".join(lines))


def report(world, *more, expect):
    done = world.office("report", "--json", "--guard", GUARD, *more, expect=expect)
    (device,) = json.loads(done.stdout).values()
    return device["guards"].get(GUARD)


def another_policy(world):
    """Under which the guards look at once, and not after their five minutes."""
    world.set_policy()


def test_the_office_proves_what_was_set_and_how_long_something_was_at_risk(world, prefs):
    save(prefs, **KEPT)
    world.once()
    world.pull()
    assert report(world, expect=0)["state"] == "compliant"
    save(prefs, **KEPT, **DELETES)
    another_policy(world)
    world.once()
    world.pull()
    guard = report(world, expect=1)
    assert (guard["state"], guard["rows"]) == ("drifted", [15])
    (subject,) = [one for one in guard["subjects"].values() if one["state"] == "drifted"]
    (window,) = subject["at_risk"]
    assert window["from"] is not None
    assert window["until"] is None
    save(prefs, **KEPT)
    another_policy(world)
    world.once()
    world.pull()
    guard = report(world, expect=0)
    (subject,) = [one for one in guard["subjects"].values() if one["at_risk"]]
    (after,) = subject["at_risk"]
    assert after["from"] == window["from"]
    assert after["until"] is not None
    world.verify()


def test_it_sees_that_something_drifted_and_not_what(world, prefs):
    save(prefs, **KEPT, **DELETES)
    world.once()
    done = world.agent("guards", "--json", expect=1)
    rows = {row["id"]: row for row in json.loads(done.stdout)}
    assert rows[GUARD]["state"] == "drifted"
    status = world.status()
    assert "guard-drifted" in {problem["code"] for problem in status["problems"]}
    bundle = world.root / "steun.zip"
    world.agent("diagnostics", bundle)
    log = (world.agent_home / "log/agent.log").read_bytes()
    shown = (done.stdout + json.dumps(status)).encode() + bundle.read_bytes() + log
    ledger = b"".join(path.read_bytes() for path in world.agent_home.rglob("*") if path.is_file())
    receiver = b"".join(
        path.read_bytes() for path in world.server.data.rglob("*") if path.is_file()
    )
    for place in (shown, ledger, receiver):
        assert b"kanarie" not in place


@pytest.mark.real_start
def test_a_running_agent_has_its_guards_look(world, prefs):
    save(prefs, **KEPT, **DELETES)
    command = [sys.executable, "-m", "lakzegel_agent", "run", "--config", str(world.config)]
    said = world.root / "run.log"
    with said.open("wb") as log:
        running = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        end = time.monotonic() + 180
        while True:
            now = world.status()
            if any(row["state"] == "drifted" for row in now["guards"]):
                break
            told = (running.poll(), now["problems"], now["guards"], said.read_text()[-2000:])
            assert time.monotonic() < end, f"the guards never looked: {told}"
            time.sleep(0.2)  # another process's work: nothing to await
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(60)
    world.once()
    world.pull()
    assert report(world, expect=1)["state"] == "drifted"
