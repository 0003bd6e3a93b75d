# SPDX-License-Identifier: EUPL-1.2
"""A month in minutes: what a device lives through in thirty days, on clocks that are told.

    mail and chats every day, and sleep between them; a day without a network; a clock set back a
    day, and a policy that comes while it is; a kill; a disk put back to how it was eight days ago

Everything runs in a process that was started with `disk.c`, and what it starts in turn: the
receiver and the office on one clock, the device on one of its own.
"""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from disk import Clock, Disk, run

DEVICE = "minister-laptop"
DAY, DAYS = 86_400, 30
INSIDE = "LAKZEGEL_MONTH" in os.environ
HOUR = 3600
EDGE = 120  # seconds: between two marks the agent says nothing
WAIT = 90  # seconds for what should take one; a policy may take a minute


@pytest.mark.slow
def test_a_month_passes_and_office_and_ledger_agree(failing_disk, tmp_path):
    with Disk(failing_disk, tmp_path / "clock", tmp_path / "nothing") as office:
        office.set_clock(-DAYS * DAY)
        office.environment["LAKZEGEL_MONTH"] = "1"
        there = ["--basetemp", tmp_path / "inside", "-k", "inside"]
        quiet = ["-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist"]
        arguments = [sys.executable, "-m", "pytest", *quiet, "-m", "", *there, __file__]
        done = run(office, [str(word) for word in arguments], seconds=900)
    assert done.returncode == 0, done.stdout[-6000:]


TICKING = """
import threading
from lakzegel_agent.schedule import Timetable
again = threading.Event()
table = Timetable(look=0.1)
table.every(0.2, again.set)
table.start()
for _ in range(2):
    again.clear()
    print(again.wait(10), flush=True)
    input()  # the clock is set
"""


def test_a_clock_that_is_set_back_a_day_stops_no_timetable(failing_disk, tmp_path):
    with Disk(failing_disk, tmp_path / "clock", tmp_path / "nothing") as disk:
        process = subprocess.Popen(
            [sys.executable, "-c", TICKING],
            env=disk.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout.readline() == "True\n"
        disk.set_clock(-DAY)
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "True\n"
        process.communicate("\n", timeout=30)


class Month:
    """The device, what is written on it, and both clocks."""

    def __init__(self, world):
        self.world = world
        self.office = Clock(Path(os.environ["LAKZEGEL_DISK"]))
        self.device = Disk(
            os.environ["LD_PRELOAD"], world.root / "device-clock", world.root / "nothing"
        )
        self.passed, self.slept, self.skew = -DAYS * DAY, 0, 0
        self.mail = world.watch("maildir", world.root / "device" / "Maildir")
        self.chats = world.watch("whatsapp-export", world.root / "device" / "chats")
        for name in ("tmp", "new", "cur"):
            (self.mail / name).mkdir()
        self.sealed = 0  # versions that the ledger must have by now
        self.changed = {}  # history of a file: the day on which it changed last
        self.day = 0
        self.nights = []  # from and to, in which nobody looked at anything
        self.agent = None
        self.connected = True
        self.tell()

    def tell(self):
        self.office.set_clock(self.passed)
        self.device.set_clock(self.passed + self.skew, self.slept)

    def sleeps(self, hours):
        """Time passes on both clocks; for the device it is a sleep, since no test waits for it."""
        began = time.time() + self.skew  # by the device's clock
        self.passed += hours * 3600
        self.slept += hours * 3600
        self.tell()
        self.nights.append((began, time.time() + self.skew))

    # the device

    def start(self):
        log = (self.world.root / "agent.log").open("ab")
        self.agent = subprocess.Popen(
            [sys.executable, "-m", "lakzegel_agent", "run", "--config", str(self.world.config)],
            env=self.device.environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        log.close()

    def stop(self, how=signal.SIGTERM):
        os.killpg(self.agent.pid, how)
        self.agent.wait(30)

    def until(self, true, what):
        end = time.monotonic() + WAIT
        while not true(told := self.status()):
            assert self.agent.poll() is None, (self.world.root / "agent.log").read_text()
            assert time.monotonic() < end, (self.day, what, json.dumps(told))
            time.sleep(0.05)  # another process's file: nothing to await

    def status(self):
        try:
            return json.loads((self.world.agent_home / "status.json").read_text())
        except FileNotFoundError:
            return {"ledger": {"found": 0, "sealed": 0}, "spool": {}}

    def captured(self):
        """Wait until everything is sealed, and sent where there is a network."""
        self.until(lambda told: told["ledger"]["sealed"] == self.sealed, f"{self.sealed} sealed")
        balance = self.status()["ledger"]
        assert (balance["found"], balance["failed"]) == (self.sealed, 0)
        if self.connected:
            self.until(lambda _: self.ledger(UNSENT) == [(0,)], "everything sent")

    def ledger(self, query):
        with sqlite3.connect(f"file:{self.world.agent_home}/ledger.sqlite?mode=ro", uri=True) as db:
            found = db.execute(query).fetchall()
        db.close()
        return found

    # what is written

    def version(self, history):
        self.sealed += 1
        self.changed[history] = self.day

    def whole(self, path, text):
        """A file that is never seen half: a pass may come between any two calls."""
        made = self.world.root / "made"
        made.write_text(text)
        made.rename(path)

    def mail_comes(self, number):
        name = f"{number}.lakzegel"
        text = f"From: a@b.example\nSubject: {number}\n\n" + "Geachte collega,\n" * 40
        self.whole(self.mail / "new" / name, text)
        self.version(name)

    def mail_is_read(self, number):
        name = f"{number}.lakzegel"
        (self.mail / "new" / name).rename(self.mail / "cur" / f"{name}:2,S")
        self.version(name)

    def chat_goes_on(self, words):
        line = f"{datetime.now(UTC):%d-%m-%Y %H:%M} - Jan: {words}\n"
        chat = self.chats / "WhatsApp-chat met Jan.txt"
        if not chat.exists():
            self.whole(chat, line)
        else:
            with chat.open("a") as file:
                file.write(line)
        self.version("chat")

    def note(self, number):
        self.whole(self.world.sources["map"][1] / f"nota {number}", f"nota {number}")
        self.version(f"nota {number}")

    # a day

    def live(self):
        self.sleeps(9)
        self.mail_comes(self.day)
        self.note(self.day)
        self.captured()
        self.sleeps(3)
        self.chat_goes_on("tot zo")
        self.captured()
        if self.day % 3 == 0:
            self.mail_is_read(self.day)
            self.captured()
        self.sleeps(12)

    def office_pulls(self):
        self.world.pull(expect=None)  # 1 where a batch was dated before what it had seen


UNSENT = "SELECT count(*) FROM batches WHERE state = 'waiting'"


def no_network(month):
    month.world.server.stop()
    month.connected = False


def network(month):
    month.world.server.start()
    month.connected = True


def clock_back(month):
    month.skew = -DAY
    month.tell()


def new_policy(month):
    """It comes while the clock is back, and has a source more."""
    folder = month.world.watch("folder", month.world.root / "device" / "nieuw")
    month.whole(folder / "een", "een")
    month.world.publish(month.world.policy_note())
    month.office_pulls()  # brings the annex to the receiver
    month.version("een")
    month.captured()


def clock_right(month):
    month.nights.append((time.time() - DAY, time.time()))  # of that day nobody can say anything
    month.skew = 0
    month.tell()


def image(month):
    month.stop()
    shutil.copytree(month.world.agent_home, month.world.root / "image")
    month.imaged = month.day, month.sealed
    month.start()


def from_image(month):
    """What changed since is captured again, once, by a new epoch."""
    month.stop()
    shutil.rmtree(month.world.agent_home)
    (month.world.root / "image").rename(month.world.agent_home)
    day, sealed = month.imaged
    month.sealed = sealed + sum(changed >= day for changed in month.changed.values())
    month.start()
    month.captured()


def killed(month):
    month.stop(signal.SIGKILL)
    month.sleeps(10)
    month.start()


EVENTS = {
    4: no_network, 5: network, 8: clock_back, 9: new_policy, 10: clock_right, 13: image,
    21: from_image, 26: killed,
}  # fmt: skip


@pytest.mark.skipif(not INSIDE, reason="run by the test above it, on the clock that it sets")
def test_inside_a_month(ready, same_tree):
    month = Month(ready)
    ready.set_policy()
    month.start()
    try:
        month.until(lambda told: "watch" in told, "the agent's first look")
        for month.day in range(DAYS):
            EVENTS.get(month.day, lambda _: None)(month)
            month.live()
            if month.day % 5 == 4 and month.connected:
                month.office_pulls()
        month.sleeps(9)
        month.mail_comes(DAYS)  # on a last morning, whose attestation tells of the night before
        month.captured()
        month.stop()
    finally:
        month.stop(signal.SIGKILL) if month.agent.poll() is None else None
    assert "Traceback" not in (ready.root / "agent.log").read_text()
    agree(month, same_tree)


def agree(month, same_tree):
    """Office and ledger: each batch, each item, each byte; and what nobody can prove."""
    world = month.world
    month.office_pulls()
    opened = ("--open", "--passphrase-file", world.root / "passphrase")
    proven = json.loads(world.verify("--json", "--except-findings", *opened).stdout)
    [device] = proven["devices"]
    assert [epoch["epoch"] for epoch in device["epochs"]] == [0, 1]
    assert device["not_proven"] == ["coverage between epoch 0 and 1"]
    assert device["clock_back"] == 1
    batches = dict(month.ledger("SELECT epoch, count(*) FROM batches GROUP BY epoch"))
    assert batches[1] == device["epochs"][1]["batches"]
    assert batches[0] < device["epochs"][0]["batches"]  # the image did not know the others
    at_office = Counter(row["item"].rpartition("/")[0] for row in world.items("capture"))
    rows = month.ledger("SELECT epoch, batch, sum(versions) FROM captured GROUP BY epoch, batch")
    for epoch, batch, versions in rows:
        assert at_office[f"{DEVICE}/{epoch}/{batch}"] == versions
    assert sum(versions for _, _, versions in rows) == month.sealed
    restored = world.restore()
    for _, folder in world.sources.values():
        assert same_tree(folder, restored / folder.name) == [], folder.name
    agree_on_hours(month, device["coverage"])
    world.server.stop()
    world.check()


def agree_on_hours(month, coverage):
    """Each hour in which nobody looked is said, and no other; by the device's own clock."""
    assert coverage["by"] == "attestations"
    gaps = [[stamp(gap["from"]), stamp(gap["to"])] for gap in coverage["not_covered"]]
    said = joined(gaps)
    for began, ended in month.nights:
        assert any(f <= began + EDGE and ended <= t + EDGE for f, t in said), (began, ended, said)
    true = sum(t - f for f, t in joined(month.nights))
    assert abs(coverage["hours_not_covered"] * 3600 - true) < HOUR, coverage
    whys = {gap["why"] for gap in coverage["not_covered"]}
    assert whys == {"asleep", "stopped", "killed"}


def stamp(text):
    return datetime.fromisoformat(text).timestamp()


def joined(spans):
    """The same hours as stretches that do not meet; what is less than EDGE apart meets."""
    found = []
    for began, ended in sorted(spans):
        if found and began <= found[-1][1] + EDGE:
            found[-1][1] = max(found[-1][1], ended)
        else:
            found.append([began, ended])
    return found
