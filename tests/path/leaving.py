# SPDX-License-Identifier: EUPL-1.2
"""What a device that is to stop for good is tried with: files, an agent at work, its end."""

import subprocess
import sys
import time
from contextlib import contextmanager

PATIENCE = 240  # seconds until an agent that may leave has left
GONE = {"keys", "ledger.sqlite", "spool", "decommission", "given-up"}  # what it leaves nothing of


def put(ready, **files):
    """Write files into the watched folder, and return that."""
    folder = ready.root / "device" / "map"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


@contextmanager
def at_work(ready):
    """Give an agent that runs, as a service would have it."""
    with (ready.root / "agent.log").open("wb") as log:
        agent = subprocess.Popen(
            [sys.executable, "-m", "lakzegel_agent", "run", "--config", str(ready.config)],
            stdout=log,
            stderr=log,
        )
        try:
            yield agent
        finally:
            agent.kill()
            agent.wait()


def leave(ready, agent):
    """Return what an agent said until it ended by itself; the office takes over meanwhile."""
    end = time.monotonic() + PATIENCE
    while agent.poll() is None:
        assert time.monotonic() < end, _said(ready)
        ready.pull(expect=None)  # what lets it go
        time.sleep(2)
    assert agent.returncode == 0
    return _said(ready)


def _said(ready):
    return (ready.root / "agent.log").read_text()
