# SPDX-License-Identifier: EUPL-1.2
"""What may not be read or written: a line, the right exit code, and nothing stops or is set aside.

Run without the right to pass over permissions, which root would else have.
"""

import os
import shutil
import subprocess
import sys

import pytest

NO_RIGHTS = "-dac_override,-dac_read_search"
SETPRIV = ("setpriv", "--bounding-set", NO_RIGHTS, "--inh-caps", NO_RIGHTS)


def bound(room, *arguments, expect):
    prefix = SETPRIV if os.geteuid() == 0 else ()
    done = subprocess.run(
        [*prefix, sys.executable, "-m", f"lakzegel_{room}", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == expect, done.stderr
    assert "Traceback" not in done.stderr
    return done


pytestmark = pytest.mark.skipif(
    os.geteuid() == 0
    and (
        shutil.which("setpriv") is None
        or subprocess.run([*SETPRIV, "true"], capture_output=True, check=False).returncode != 0
    ),
    reason="root, and its rights cannot be taken from it here",
)


@pytest.fixture
def locked():
    """Takes all permissions from a path, and gives them back at the end."""
    before = {}

    def lock(path, mode=0):
        before[path] = path.stat().st_mode
        path.chmod(mode)

    yield lock
    for path, mode in before.items():
        path.chmod(mode)


def test_what_cannot_be_read_has_its_line_and_the_rest_is_sealed(ready, locked):
    folder = ready.sources["map"][1]
    (folder / "mag.txt").write_text("mag")
    (folder / "mag niet.txt").write_text("mag niet")
    (folder / "dicht").mkdir()
    (folder / "dicht/binnen.txt").write_text("binnen")
    locked(folder / "mag niet.txt")
    locked(folder / "dicht")
    done = bound("agent", "once", "--config", ready.config, expect=1)
    assert "1 sealed" in done.stdout
    assert "2 failed" in done.stdout  # the file, and the folder
    assert ready.status()["reasons"].keys() >= {"unreadable"}


@pytest.mark.parametrize("command", ["once", "run", "status", "doctor"])
def test_a_home_that_may_not_be_used_is_one_line_and_exit_2(ready, locked, command):
    locked(ready.agent_home)
    done = bound("agent", command, "--config", ready.config, expect=2)
    assert len(done.stderr.splitlines()) == 1
    assert str(ready.agent_home) in done.stderr


def test_a_key_that_may_not_be_read_is_not_a_lost_state(ready, locked):
    locked(ready.agent_home / "keys/header-0")
    done = bound("agent", "once", "--config", ready.config, expect=2)
    assert "run this as the user" in done.stderr
    token = ready.root / "token-minister-laptop-1"
    bound("agent", "enrol", "--config", ready.config, "--token-file", token, expect=2)
    assert not list(ready.agent_home.glob("lost-*"))


@pytest.mark.parametrize("command", ["serve", "check"])
def test_data_that_may_not_be_used_is_one_line_and_exit_2(ready, locked, command):
    ready.server.stop()
    locked(ready.server.data)
    done = bound("server", command, "--data", ready.server.data, expect=2)
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("name", ["office.toml", "keys", "mirror"])
def test_an_office_that_may_not_be_used_is_one_line_and_exit_2(ready, locked, name):
    locked(ready.office_home / name)
    passphrase = ready.root / "passphrase"
    done = bound(
        "office", "pull", "--home", ready.office_home, "--passphrase-file", passphrase, expect=2
    )
    assert len(done.stderr.splitlines()) == 1
