# SPDX-License-Identifier: EUPL-1.2
"""A clock that goes back a day, at device or receiver: seen, recorded, and it stops nothing."""

import shutil
import subprocess
import sys

import pytest

FAKETIME = shutil.which("faketime")
pytestmark = pytest.mark.skipif(FAKETIME is None, reason="Debian's faketime is not installed")


def yesterday(world, *arguments):
    done = subprocess.run(
        [FAKETIME, "-f", "-1d", sys.executable, "-m", "lakzegel_agent", *arguments,
         "--config", str(world.config)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    return done


def add(world, name):
    (world.sources["map"][1] / name).write_text(name)


def test_a_device_whose_clock_goes_back_goes_on_and_is_named(ready, same_tree):
    add(ready, "een")
    ready.once()
    ready.pull()
    add(ready, "twee")
    assert yesterday(ready, "once").returncode == 0
    assert [p["code"] for p in ready.status()["problems"]] == ["clock-skew"]
    assert "yet had seen a later log" in ready.pull(expect=1).stderr
    add(ready, "drie")
    ready.once()
    assert ready.status()["problems"] == []
    ready.pull()
    found = ready.verify(expect=1).stdout  # a finding, mirror.md §2: it was closed too early
    assert "backdated" in found
    assert "clock went back 1 times" in found
    ready.verify("--except-findings")
    assert same_tree(ready.sources["map"][1], ready.restore() / "map") == []
    assert "clock-skew" in ready.office("list", "--kind", "observation", "--json").stdout


def test_a_receiver_whose_clock_goes_back_stops_nothing(ready, same_tree):
    add(ready, "een")
    ready.once()
    ready.pull()
    server = ready.server
    server.stop()
    (server.data / "listening").unlink(missing_ok=True)
    with (ready.root / "server.log").open("ab") as log:
        server.process = subprocess.Popen(
            [FAKETIME, "-f", "-1d", sys.executable, "-m", "lakzegel_server", "serve",
             "--data", server.data, "--listen", server.listen],
            stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    server.wait()
    add(ready, "twee")
    ready.once()
    assert [p["code"] for p in ready.status()["problems"]] == ["clock-skew"]
    ready.pull()
    server.stop()
    server.start()
    add(ready, "drie")
    ready.once()
    ready.pull()
    ready.verify("--quiet")
    assert same_tree(ready.sources["map"][1], ready.restore() / "map") == []
    server.stop()
    ready.check()
