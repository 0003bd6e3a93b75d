# SPDX-License-Identifier: EUPL-1.2
"""Programs that make a backup, run as real processes."""

import os
import sys
import threading
import time

import pytest

from lakzegel_agent.errors import UsageError
from lakzegel_agent.readoutcommand import load_programs, run_program, unfit


@pytest.fixture
def program(tmp_path):
    """Make a program of these lines; return its path."""

    def make(*lines, mode=0o700):
        path = tmp_path / "maakreservekopie"
        path.write_text("\n".join(("#!/bin/sh", *lines, "")))
        path.chmod(mode)
        return path

    return make


def run(path, *arguments, limit=20.0, stop=None):
    return run_program([str(path), *arguments], limit, stop or threading.Event())


def test_a_program_that_ends_well_says_nothing(program, tmp_path):
    assert run(program('echo "$1" > "$2"'), "; rm -rf /", str(tmp_path / "x")) == ""
    assert (tmp_path / "x").read_text() == "; rm -rf /\n"


@pytest.mark.parametrize(
    ("line", "why"),
    [("exit 3", "exit-3"), ("kill -9 $$", "signal-9"), ("exit 255", "exit-255")],
)
def test_one_that_fails_is_told_by_how_it_ended(program, line, why):
    assert run(program(line)) == why


def test_its_output_goes_nowhere(program, capfd):
    assert run(program("echo kanarie; echo kanarie >&2; cat; exit 1")) == "exit-1"
    assert capfd.readouterr() == ("", "")


def test_nothing_of_the_agents_environment_comes_along(program, tmp_path, monkeypatch):
    monkeypatch.setenv("LAKZEGEL_PASSPHRASE_FILE", "kanarie")
    run(program('env > "$1"'), str(tmp_path / "env"))
    told = (tmp_path / "env").read_text()
    assert "kanarie" not in told
    assert "LANG=C.UTF-8" in told


def test_one_that_hangs_is_ended_with_all_that_it_started(program, tmp_path):
    """The child holds the writing end of a pipe: that is closed once nobody is left."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    path = program(f"exec 3>{pipe}", "trap '' TERM", "sleep 60 &", "wait")
    ended = []
    worker = threading.Thread(target=lambda: ended.append(run(path, limit=0.3)))
    before = time.monotonic()
    worker.start()
    with pipe.open("rb") as reading:
        assert reading.read() == b""
    worker.join(30)
    assert ended == ["timed-out"]
    assert time.monotonic() - before < 30


def test_it_ends_when_the_agent_does(program):
    stop = threading.Event()
    stop.set()
    assert run(program("sleep 60"), stop=stop) == "stopped"


def test_what_others_could_have_changed_is_not_run(program, tmp_path):
    assert unfit(program("exit 0", mode=0o722)) == "unsafe"
    assert unfit(program("exit 0", mode=0o600)) == "not-there"
    assert unfit(tmp_path / "niets") == "not-there"
    real = program("exit 0")
    link = tmp_path / "link"
    link.symlink_to(real)
    assert unfit(link) == "unsafe"
    tmp_path.chmod(0o777)
    assert unfit(real) == "unsafe"
    tmp_path.chmod(0o1777)
    assert unfit(real) == ""
    assert run(tmp_path / "niets") == "not-there"


def test_what_is_no_program_is_not_started(tmp_path):
    path = tmp_path / "leeg"
    path.write_bytes(b"\0\1\2")
    path.chmod(0o700)
    assert run(path) == "not-started"


def test_the_devices_own_settings_name_programs(tmp_path):
    path = tmp_path / "readout.toml"
    assert load_programs(path) == {}
    path.write_text(f'[commands]\nadb = ["{sys.executable}", "pull"]\n')
    path.chmod(0o600)
    assert load_programs(path) == {"adb": (sys.executable, "pull")}


@pytest.mark.parametrize(
    "text",
    [
        "[commands",
        "x = 1",
        "commands = 5",
        '[commands]\nadb = "/usr/bin/adb"',
        "[commands]\nadb = []",
        '[commands]\nadb = ["adb"]',
        '[commands]\nadb = ["/usr/../adb"]',
        '[commands]\nadb = ["/usr/bin/adb", 5]',
    ],
)
def test_settings_that_are_wrong_are_refused(tmp_path, text):
    path = tmp_path / "readout.toml"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(UsageError):
        load_programs(path)


def test_settings_that_others_may_write_are_refused(tmp_path):
    path = tmp_path / "readout.toml"
    path.write_text("")
    path.chmod(0o622)
    with pytest.raises(UsageError, match="others may write it"):
        load_programs(path)
