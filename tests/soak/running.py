# SPDX-License-Identifier: EUPL-1.2
"""`lakzegel-agent run` on a disk that fails, what is written meanwhile, and what comes of it."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress

BIG = 5 * 2**20  # bytes: sealed over several batches
WAIT = 60  # seconds for what should take one
# `run` as its command line, but with less patience: what a device tries again in half a minute,
# or in five, is tried again at once
QUICK = """# fork of lakzegel_agent
import functools, sys
from lakzegel_agent import bounded, coveragepulse, daemon, schedule, transport
bounded.READ = transport.READ = 1.0
schedule.RESCAN, daemon.POLL, daemon.BLOCKED_RETRY, coveragepulse.BEAT = 1.0, 0.5, 0.5, 0.5
daemon.Backoff = functools.partial(daemon.Backoff, first=0.1, cap=0.5)
from lakzegel_agent.__main__ import main
sys.exit(main(sys.argv[1:]))
"""
UNSENT = "SELECT count(*) FROM batches WHERE state = 'waiting'"
SEALED = "SELECT coalesce(sum(versions), 0) FROM counts WHERE outcome = 'sealed'"
SPOOLED = (
    "SELECT group_concat(epoch || '-' || batch) FROM batches WHERE state IN ('waiting', 'sealed')"
)
OTHERS = "SELECT coalesce(sum(versions), 0) FROM counts WHERE outcome != 'sealed'"


class Running:
    """A device at work, and a folder in which files appear whole and never change."""

    def __init__(self, world, disk, chance):
        self.world, self.disk, self.chance = world, disk, chance
        self.folder = world.sources["map"][1]
        self.log = world.root / "agent.log"
        self.written = 0
        self.agent = None

    def start(self):
        log = self.log.open("ab")
        self.agent = subprocess.Popen(
            [sys.executable, "-c", QUICK, "run", "--config", str(self.world.config)],
            env=self.disk.environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        log.close()

    def end(self, how=signal.SIGTERM):
        """Have it end so, its sealing processes with it; its exit code."""
        with suppress(ProcessLookupError):
            os.killpg(self.agent.pid, how)
        return self.agent.wait(30)

    def is_alive(self):
        return self.agent.poll() is None

    def write(self, count=1, size=None):
        """So many files more."""
        for _ in range(count):
            many = self.chance.choice((0, 40, 3000, 50_000)) if size is None else size
            made = self.world.root / "made"
            made.write_bytes(self.chance.randbytes(many))
            made.rename(self.folder / f"bericht {self.written:05d}")
            self.written += 1

    def until(self, true, what):
        """Wait for something that the agent does, which has to live until then."""
        end = time.monotonic() + WAIT
        while not true():
            assert self.is_alive(), (what, self.agent.returncode, self.said())
            assert time.monotonic() < end, (what, self.told(), self.ledger(UNSENT), self.said())
            time.sleep(0.02)  # another process's file: nothing to await

    def begins(self):
        """Wait for its first call to the disk, or its end."""
        end = time.monotonic() + WAIT
        while not self.disk.calls() and self.is_alive():
            assert time.monotonic() < end, self.said()
            time.sleep(0.01)  # another process's memory: nothing to await

    def told(self):
        """What it says of itself."""
        try:
            return json.loads((self.world.agent_home / "status.json").read_text())
        except (FileNotFoundError, ValueError):  # it need not outlive a power cut
            return {"problems": []}

    def problems(self):
        return {problem["code"] for problem in self.told()["problems"]}

    def said(self):
        return self.log.read_text()[-4000:]

    def ledger(self, query):
        """The one number that its ledger answers."""
        place = f"file:{self.world.agent_home}/ledger.sqlite?mode=ro"
        with closing(sqlite3.connect(place, uri=True, timeout=30)) as db:
            return db.execute(query).fetchone()[0]

    def is_done(self):
        """Whether every file is captured, every batch has its receipt, and nothing is wrong."""
        return (
            self.ledger(SEALED) == self.written
            and self.ledger(UNSENT) == 0
            and self.told().get("ledger", {}).get("sealed") == self.written
            and not self.problems()
        )

    def is_swept(self):
        """Whether the spool holds every batch that the ledger names, and nothing else."""
        known = (self.ledger(SPOOLED) or "").split(",")
        kinds = ("head", "body", "keyring")
        whole = {f"{batch}.{kind}" for batch in known if batch for kind in kinds}
        return {path.name for path in (self.world.agent_home / "spool").iterdir()} == whole

    def recovers(self, what):
        """Without being started anew, once nothing is in its way."""
        self.until(self.is_done, what)
        self.until(self.is_swept, what)
        assert self.ledger(OTHERS) == 0, (what, self.told())

    def is_whole(self, same_tree):
        """Nothing lost, nothing twice, the chain proven."""
        self.world.pull()
        self.world.verify("--quiet")
        assert same_tree(self.folder, self.world.restore() / "map") == []
        assert len(self.world.items("capture")) == self.written
        sealed = sum(item["size"] for item in self.world.items("segment"))
        assert sealed == sum(path.stat().st_size for path in self.folder.iterdir())
