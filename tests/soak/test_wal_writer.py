# SPDX-License-Identifier: EUPL-1.2
"""A program commits to a SQLite database in WAL mode throughout, while the agent captures it.

Each row holds the hash of its content and of the row before it, and one row the newest hash: a
snapshot in which a page is older or newer than the others cannot pass. The writer rolls back,
checkpoints, updates in place, and holds transactions open for longer than a capture takes.
"""

import contextlib
import hashlib
import random
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

WRITER = """
import hashlib, random, sqlite3, sys, time
path, seed = sys.argv[1], int(sys.argv[2])
chance = random.Random(seed)
db = sqlite3.connect(path, isolation_level=None, timeout=60)
db.execute("PRAGMA journal_mode = WAL")
db.execute("PRAGMA wal_autocheckpoint = 50")
db.execute("CREATE TABLE chain (id INTEGER PRIMARY KEY, body BLOB, hash BLOB)")
db.execute("CREATE TABLE head (count INTEGER, hash BLOB, touched INTEGER)")
db.execute("INSERT INTO head VALUES (0, x'', 0)")
count, newest = 0, b""
while True:
    many, keeps = chance.choice((1, 3, 40, 400)), chance.random() < 0.8
    made, last = count, newest
    db.execute("BEGIN IMMEDIATE")
    for _ in range(many):
        body = chance.randbytes(chance.choice((5, 80, 900, 9000)))
        last, made = hashlib.sha256(last + body).digest(), made + 1
        db.execute("INSERT INTO chain VALUES (?, ?, ?)", (made, body, last))
    db.execute("UPDATE head SET count = ?, hash = ?, touched = touched + 1", (made, last))
    if chance.random() < 0.05:
        time.sleep(0.7)  # longer than a capture
    db.execute("COMMIT" if keeps else "ROLLBACK")
    if keeps:
        if not count:
            print("begun", flush=True)
        count, newest = made, last
    if chance.random() < 0.05:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    if count > 30_000:
        db.execute("BEGIN IMMEDIATE")
        db.execute("DELETE FROM chain")
        db.execute("UPDATE head SET count = 0, hash = x''")
        db.execute("COMMIT")
        count, newest = 0, b""
"""


@contextlib.contextmanager
def writing(path, seed):
    """The writer at work, after its first commit."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, path, str(seed)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline()
        yield
        assert process.poll() is None, "the writer ended"
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()


def state(path):
    """How often it was committed, and that it is a state that was committed."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=60)) as db:
        db.execute("BEGIN")
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        count, newest, touched = db.execute("SELECT * FROM head").fetchone()
        last = b""
        rows = 0
        for number, (id_, body, found) in enumerate(
            db.execute("SELECT id, body, hash FROM chain ORDER BY id"), 1
        ):
            last = hashlib.sha256(last + body).digest()
            assert (id_, found) == (number, last)
            rows = number
        assert (rows, last) == (count, newest)
    return touched


def state_after(path, moments):
    """Its state, once that is another one than was captured last."""
    end = time.monotonic() + 60
    while (found := state(path)) in moments:
        assert time.monotonic() < end, "the writer stands still"
        time.sleep(0.05)
    return found


def check_each_capture(world, rounds, tmp_path):
    folder = world.watch("sqlite", tmp_path / "device" / "Gesprekken")
    world.ready()
    seed = random.SystemRandom().getrandbits(32)
    print(f"seed {seed}")
    moments = []
    with writing(folder / "berichten.sqlite", seed):
        for _ in range(rounds):
            before = state_after(folder / "berichten.sqlite", moments)
            world.once()
            after = state(folder / "berichten.sqlite")
            world.pull()
            restored = world.restore() / folder.name
            [found] = [path for path in restored.rglob("*") if path.is_file()]
            assert found.name == "berichten.sqlite"
            moments.append(state(found))
            assert before <= moments[-1] <= after
    assert len(set(moments)) == rounds
    world.verify("--quiet")


def test_a_database_that_is_written_throughout_is_captured_as_it_was_at_one_moment(world, tmp_path):
    check_each_capture(world, 3, tmp_path)


@pytest.mark.soak
def test_many_captures_of_a_database_that_is_written_throughout(world, tmp_path):
    check_each_capture(world, 30, tmp_path)
