# SPDX-License-Identifier: EUPL-1.2
"""A running agent's heartbeat reaches its receiver, and IT support reads there how it fares."""

import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta

from lakzegel_server.desk import open_desk
from lakzegel_server.fleet.reading import read_fleet
from lakzegel_server.fleet.timeline import read_timeline
from lakzegel_server.layout import Layout
from lakzegel_server.logsigner import load_signer


def heartbeats(world):
    """The newest heartbeat of each device, as the receiver keeps it."""
    uri = f"{(world.server.data / 'index.sqlite').as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=30)) as index:
        return [row[0].decode() for row in index.execute("SELECT note FROM heartbeats")]


def until(holds, process, seconds=40):
    end = time.monotonic() + seconds
    while not holds():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < end
        time.sleep(0.02)  # other processes' work: nothing to await


def test_what_a_running_agent_says_of_itself_is_what_it_support_sees(ready):
    folder = ready.sources["map"][1]
    (folder / "kanarie-een.txt").write_text("een geheim")
    (folder / "kanarie-twee.txt").write_text("nog een")
    ready.once()
    command = [sys.executable, "-m", "lakzegel_agent", "run", "--config", str(ready.config)]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as agent:
        try:
            until(lambda: heartbeats(ready), agent)
            (note,) = heartbeats(ready)
            agent.send_signal(signal.SIGTERM)
            agent.wait(20)
        finally:
            agent.kill()
    shown = ready.status()
    ready.server.stop()
    assert "kanarie" not in note
    layout = Layout(ready.server.data)
    now = datetime.now(UTC)
    with open_desk(layout, load_signer(layout), clock=time.time) as desk:
        (found,) = read_fleet(desk, now).devices
        timeline = read_timeline(desk, found.device, now, span=timedelta(days=1))
    told = {"found": 2, "sealed": 2, "excluded": 0, "failed": 0}
    assert {name: getattr(found, name) for name in told} == told
    assert told == shown["ledger"]
    assert (found.version, found.policy) == (shown["version"], shown["policy"]["serial"])
    assert found.spool_limit == shown["spool"]["limit"]
    assert [(one.state, one.count) for one in found.sources] == [("covered", 1)]
    assert found.receipt is not None
    assert abs(found.skew) <= 2
    assert found.condition == "capturing"
    assert found.newest.exact
    assert timeline.arrivals[0] == found.newest
    assert sum(day.batches for day in timeline.days) == found.newest.batch + 1
    assert any(day.beat_hours for day in timeline.days)
