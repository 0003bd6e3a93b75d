# SPDX-License-Identifier: EUPL-1.2
"""The scripts of the package for macOS, run by a shell of this system with stand-ins of launchd's.

Not run on a real device.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

STAND_IN = """#!/bin/sh
echo "$(basename "$0") $*" >>"$CALLS"
"""
PS = '#!/bin/sh\nprintf "    0 /x/loginwindow\\n  501 /x/loginwindow\\n  501 /bin/zsh\\n"\n'

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the scripts are root's")


@pytest.fixture
def place(tmp_path):
    folder = tmp_path / "Application Support" / "Lakzegel"
    (folder / "Lakzegel Agent.app/Contents").mkdir(parents=True)
    return folder


@pytest.fixture
def library(tmp_path):
    for name in ("LaunchDaemons/nl.lakzegel.agent", "LaunchAgents/nl.lakzegel.agent.user"):
        path = tmp_path / "Library" / f"{name}.plist"
        path.parent.mkdir(parents=True)
        path.write_text("")
    return tmp_path / "Library"


@pytest.fixture
def run(checkout, place, library, tmp_path):
    """Run a script; what it answers, and what it had other programs do."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("launchctl", "pkgutil", "logger", "chown"):
        (programs / name).write_text(STAND_IN)
        (programs / name).chmod(0o755)
    (programs / "ps").write_text(PS)
    (programs / "ps").chmod(0o755)
    (programs / "install").write_text('#!/bin/sh\nshift 6\nmkdir "$2" 2>/dev/null || mkdir "$1"\n')
    (programs / "install").chmod(0o755)

    def start(name, *arguments):
        folder = tmp_path / "scripts"
        shutil.copytree(checkout / "packaging/pkg", folder, dirs_exist_ok=True)
        (folder / "scripts/files").write_text("./Contents/new.pyc\n")
        calls = tmp_path / "calls"
        calls.write_text("")
        environment = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "CALLS": str(calls),
            "LAKZEGEL_PLACE": str(place),
            "LAKZEGEL_LIBRARY": str(library),
        }
        done = subprocess.run(
            [folder / name, *arguments],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done, calls.read_text().splitlines()

    return start


def test_an_upgrade_ends_what_runs_and_keeps_state(run, place):
    (place / "home/spool").mkdir(parents=True)
    (place / "home/spool/1.head").write_text("x")
    (place / "agent.toml").write_text('server = "https://x"\n')
    done, calls = run("scripts/preinstall", "a.pkg", "/", "/", "/")
    assert (done.returncode, done.stderr) == (0, "")
    assert calls == [
        "launchctl bootout system/nl.lakzegel.agent",
        "launchctl bootout gui/501/nl.lakzegel.agent.user",
    ]
    app = place / "Lakzegel Agent.app"
    (app / "Contents/old").mkdir(parents=True)
    for name in ("Contents/new.pyc", "Contents/old/a module.pyc", "Contents/new.pyc.old"):
        (app / name).write_text("x")
    done, calls = run("scripts/postinstall", "a.pkg", "/", "/", "/")
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(path.name for path in app.rglob("*")) == ["Contents", "new.pyc"]
    assert [call for call in calls if call.startswith("launchctl bootstrap")] == [
        "launchctl bootstrap system /Library/LaunchDaemons/nl.lakzegel.agent.plist",
        "launchctl bootstrap gui/501 /Library/LaunchAgents/nl.lakzegel.agent.user.plist",
    ]
    assert (place / "home/spool/1.head").read_text() == "x"
    assert (place / "agent.toml").read_text() == 'server = "https://x"\n'


def test_a_first_installation_makes_a_home_and_settings_that_leave_all_to_mdm(run, place):
    done, _ = run("scripts/postinstall", "a.pkg", "/", "/", "/")
    assert (done.returncode, done.stderr) == (0, "")
    assert (place / "home").is_dir()
    assert (place / "agent.toml").read_text().startswith("# MDM says all")


def test_another_volume_than_the_running_one_is_refused(run, place):
    done, calls = run("scripts/preinstall", "a.pkg", "/", "/Volumes/Other", "/")
    assert done.returncode == 1
    assert calls == []
    assert (place / "Lakzegel Agent.app").exists()


@pytest.mark.parametrize("count", [0, 3])
def test_a_removal_keeps_batches_that_nobody_else_has_and_says_how_many(run, place, library, count):
    (place / "home/spool").mkdir(parents=True)
    (place / "home/given-up").mkdir()
    for number in range(count):
        folder = "given-up" if number else "spool"
        (place / "home" / folder / f"{number}.head").write_text("x")
    done, calls = run("uninstall.sh")
    assert (done.returncode, done.stderr) == (0, "")
    if count:
        assert f"{count} closed batches are kept in {place}" in done.stdout
    else:
        assert "no batch waits there" in done.stdout
    assert "pkgutil --forget nl.lakzegel.agent" in calls
    assert any(call.startswith("logger ") for call in calls)
    assert not (place / "Lakzegel Agent.app").exists()
    assert list(library.rglob("*.plist")) == []
    assert len(list(Path(place).rglob("*.head"))) == count
